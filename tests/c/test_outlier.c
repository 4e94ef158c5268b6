/* tests/c/test_outlier.c - only who is far behind, for long enough, with enough left, loses a range. */
#include "engine/outlier.h"
#include "harness.h"

#define MB 1000000u

TEST(a_range_is_taken_from_outliers_only)
{
  static const struct { const char *what; struct hj_pace pace; bool expected; } cases[] = {
    { "nobody knows what is typical", { 5000, 1000, 9 * MB, 0, false }, false },
    { "too young to be judged", { 900, 1000, 9 * MB, 8 * MB, false }, false },
    { "1 % of the others", { 1000, 80000, 9 * MB, 8 * MB, false }, true },
    { "14 % of the others", { 2000, 2240000, 9 * MB, 8 * MB, false }, true },
    { "16 % of the others, in the middle", { 2000, 2560000, 9 * MB, 8 * MB, false }, false },
    { "16 % of the others, at the tail", { 2000, 2560000, 9 * MB, 8 * MB, true }, true },
    { "half as fast as the others, at the tail", { 2000, 8 * MB, 9 * MB, 8 * MB, true }, false },
    { "slow, but done within a second", { 2000, 160000, 70000, 8 * MB, false }, false },
    { "healthy", { 3000, 24 * MB, 40 * MB, 8 * MB, true }, false },
    { "nothing left", { 3000, 0, 0, 8 * MB, true }, false },
    { "no head for 3 s: some servers think", { 3000, 0, 9 * MB, 8 * MB, false }, false },
    { "no head for 4 s", { 4000, 0, 9 * MB, 8 * MB, false }, true },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    context("%s", cases[i].what);
    CHECK_EQ(hj_outlier(&cases[i].pace), cases[i].expected);
  }
}

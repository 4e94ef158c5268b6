/* tests/c/test_outlier.c - only who is far behind, for long enough, with enough left, loses a range. */
#include "engine/outlier.h"
#include "harness.h"

#define MB 1000000u

TEST(a_range_is_taken_from_outliers_only)
{
  static const struct { const char *what; struct hj_pace pace; bool expected; } cases[] = {
    { "nobody knows what is typical", { .age_ms = 5000, .bytes = 1000, .left = 9 * MB, .typical = 0, .tail = false }, false },
    { "too young to be judged", { .age_ms = 900, .bytes = 1000, .left = 9 * MB, .typical = 8 * MB, .tail = false }, false },
    { "1 % of the others", { .age_ms = 1000, .bytes = 80000, .left = 9 * MB, .typical = 8 * MB, .tail = false }, true },
    { "14 % of the others", { .age_ms = 2000, .bytes = 2240000, .left = 9 * MB, .typical = 8 * MB, .tail = false }, true },
    { "16 % of the others, in the middle", { .age_ms = 2000, .bytes = 2560000, .left = 9 * MB, .typical = 8 * MB, .tail = false }, false },
    { "16 % of the others, at the tail", { .age_ms = 2000, .bytes = 2560000, .left = 9 * MB, .typical = 8 * MB, .tail = true }, true },
    { "half as fast as the others, at the tail", { .age_ms = 2000, .bytes = 8 * MB, .left = 9 * MB, .typical = 8 * MB, .tail = true }, false },
    { "slow, but done within a second", { .age_ms = 2000, .bytes = 160000, .left = 70000, .typical = 8 * MB, .tail = false }, false },
    { "1 % for 250 ms", { .age_ms = 330, .flowed_ms = 250, .rtt_ms = 20, .bytes = 20000, .left = 9 * MB, .typical = 8 * MB }, true },
    { "1 % for 240 ms", { .age_ms = 320, .flowed_ms = 240, .rtt_ms = 20, .bytes = 20000, .left = 9 * MB, .typical = 8 * MB }, false },
    { "1 % for 250 ms, but nobody knows the way", { .age_ms = 330, .flowed_ms = 250, .bytes = 20000, .left = 9 * MB, .typical = 8 * MB }, false },
    { "1 % for 250 ms of a long way: a slow start", { .age_ms = 999, .flowed_ms = 250, .rtt_ms = 200, .bytes = 20000, .left = 9 * MB, .typical = 8 * MB }, false },
    { "6 % for 250 ms", { .age_ms = 330, .flowed_ms = 250, .rtt_ms = 20, .bytes = 120000, .left = 9 * MB, .typical = 8 * MB }, false },
    { "1 % for 250 ms, nearly done", { .age_ms = 330, .flowed_ms = 250, .rtt_ms = 20, .bytes = 20000, .left = 50000, .typical = 8 * MB }, false },
    { "healthy", { .age_ms = 3000, .bytes = 24 * MB, .left = 40 * MB, .typical = 8 * MB, .tail = true }, false },
    { "nothing left", { .age_ms = 3000, .bytes = 0, .left = 0, .typical = 8 * MB, .tail = true }, false },
    { "no head for 3 s: some servers think", { .age_ms = 3000, .bytes = 0, .left = 9 * MB, .typical = 8 * MB, .tail = false }, false },
    { "no head for 4 s", { .age_ms = 4000, .bytes = 0, .left = 9 * MB, .typical = 8 * MB, .tail = false }, true },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    context("%s", cases[i].what);
    CHECK_EQ(hj_outlier(&cases[i].pace), cases[i].expected);
  }
}

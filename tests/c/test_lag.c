/* tests/c/test_lag.c - the proof may be behind by a quarter of the memory. */
#include "engine/lag.h"
#include "harness.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

TEST(the_proof_may_be_behind_by_a_quarter_of_the_memory)
{
  static const struct { const char *what; uint64_t lag, available; bool holding, expected; } cases[] = {
    { "nothing waits", 0, 16 * GIB, false, false },
    { "a quarter", 4 * GIB, 16 * GIB, false, false },
    { "more than a quarter", 4 * GIB + 1, 16 * GIB, false, true },
    { "held, still more than an eighth", 2 * GIB + 1, 16 * GIB, true, true },
    { "held, and an eighth is left", 2 * GIB, 16 * GIB, true, false },
    { "little memory: some must be able to wait", 64 * MIB, 100 * MIB, false, false },
    { "little memory, and more than that", 64 * MIB + 1, 100 * MIB, false, true },
    { "little memory, held", 32 * MIB, 1, true, false },
    { "nobody knows the memory", UINT64_MAX, 0, true, false },
    { "the largest numbers", UINT64_MAX, UINT64_MAX, false, true },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    context("%s", cases[i].what);
    CHECK_EQ(hj_lag_holds(cases[i].lag, cases[i].available, cases[i].holding), cases[i].expected);
  }
  context_end();
}

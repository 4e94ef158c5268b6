/* tests/c/test_share.c - what jobs of one process leave each other, as a table and as a small play. */
#include "engine/share.h"
#include "harness.h"

TEST(a_job_has_what_others_leave)
{
  struct { struct hj_share in; unsigned slots; } rows[] = {
    { { .limit = 32 }, 32 },
    { { .limit = 1 }, 1 },
    { { .limit = 32, .others = 1, .others_active = 3 }, 29 },
    { { .limit = 32, .others = 1, .others_active = 3, .others_starved = true }, 16 },
    { { .limit = 32, .others = 3, .others_active = 30, .others_starved = true }, 2 },
    { { .limit = 32, .others = 1, .others_active = 32, .others_starved = true }, 1 },
    { { .limit = 8, .others = 1, .others_active = 32 }, 1 },
    { { .limit = 4, .others = 9, .others_starved = true }, 1 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("row %zu", i);
    CHECK_EQ(hj_share(&rows[i].in), rows[i].slots);
  }
}

/* Jobs come one after the other, each wants all it can get, a connection ends now and then. */
TEST(greedy_jobs_end_up_with_equal_parts_and_never_pass_the_limit)
{
  unsigned active[4] = { 0 }, starved[4] = { 0 }, most = 0;
  for (unsigned step = 0; step < 400; step++) {
    unsigned jobs = step / 50 + 1 < 4 ? step / 50 + 1 : 4, sum = 0;
    for (unsigned k = 0; k < jobs; k++) {
      struct hj_share s = { .limit = 32, .others = jobs - 1 };
      unsigned slots;
      for (unsigned o = 0; o < jobs; o++)
        if (o != k) {
          s.others_active += active[o];
          s.others_starved = s.others_starved || starved[o];
        }
      if (active[k] && step % jobs == k)
        active[k]--;
      slots = hj_share(&s);
      if (active[k] < slots)
        active[k] = slots;
      starved[k] = slots < 32;
    }
    for (unsigned k = 0; k < jobs; k++)
      sum += active[k];
    most = sum > most ? sum : most;
  }
  CHECK_LE(most, 32 + 3); /* a job that finds nothing left has one all the same */
  for (unsigned k = 0; k < 4; k++) {
    context("job %u", k);
    CHECK_GE(active[k], 7);
    CHECK_LE(active[k], 9);
  }
}

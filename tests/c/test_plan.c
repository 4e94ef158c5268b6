/* tests/c/test_plan.c - ranges cover a file exactly once, whatever its size and whatever is there already. */
#include "engine/plan.h"
#include "harness.h"
#include "store_kit.h"

#define MIB ((uint64_t)1 << 20)

struct tally { uint64_t bytes; unsigned n; uint64_t longest, shortest; };

/* Plans to the end. Each range: in a gap, not empty, not longer than allowed. */
static struct tally plan_all(struct hj_plan plan, struct hj_ranges *taken)
{
  struct hj_err e = HJ_ERR_INIT;
  struct tally t = { 0, 0, 0, UINT64_MAX };
  struct hj_span s;
  while (hj_plan_next(&plan, taken, &s)) {
    struct hj_span gap;
    uint64_t n = s.end - s.at, slack = plan.range_min / 2 + HJ_GRAIN;
    context("size %llu, range %u: %llu-%llu", (unsigned long long)plan.size, t.n, (unsigned long long)s.at, (unsigned long long)s.end);
    CHECK(s.at < s.end);
    CHECK(s.end <= plan.size);
    CHECK(hj_ranges_gap(taken, 0, plan.size, &gap));
    CHECK_EQ(s.at, gap.at);
    CHECK(s.end <= gap.end);
    CHECK(n <= (plan.range_max > plan.range_min ? plan.range_max : plan.range_min) + slack);
    if (s.end != gap.end) {                       /* it ends inside: then on the grid, unless ranges are shorter than that */
      if (n >= HJ_GRAIN)
        CHECK_EQ(s.end % HJ_GRAIN, 0);
      CHECK(gap.end - s.end >= plan.range_min / 2); /* no crumbs */
    }
    CHECK_OK(hj_ranges_add(taken, s.at, s.end, &e), e);
    t.bytes += n;
    t.n++;
    t.longest = n > t.longest ? n : t.longest;
    t.shortest = n < t.shortest ? n : t.shortest;
    CHECK_LT(t.n, 2000000);
  }
  CHECK(plan.size == 0 || hj_ranges_has(taken, 0, plan.size));
  context_end();
  return t;
}

static struct hj_plan plan_for(uint64_t size, unsigned workers)
{
  return (struct hj_plan){ .size = size, .range_min = MIB, .range_max = 64 * MIB, .workers = workers, .rate = 43 * MIB };
}

TEST(ranges_cover_a_file_exactly_once)
{
  static const uint64_t sizes[] = { 0, 1, 2, 4095, 4096, MIB - 1, MIB, MIB + 1, 3 * MIB / 2, 2 * MIB - 1, 4 * MIB, 4 * MIB + 1, 5 * MIB + 77777,
                                    64 * MIB, 64 * MIB + 1, 1000 * MIB + 13, 5000000000u, 100 * 1024 * MIB, 100 * 1024 * MIB - 1 };
  static const unsigned workers[] = { 0, 1, 2, 4, 32, 256 };
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    for (size_t k = 0; k < sizeof workers / sizeof workers[0]; k++) {
      struct hj_ranges taken;
      hj_ranges_init(&taken);
      struct tally t = plan_all(plan_for(sizes[i], workers[k]), &taken);
      CHECK_EQ(t.bytes, sizes[i]);
      CHECK_LE(t.n, 2 + sizes[i] / (MIB / 2)); 
      hj_ranges_release(&taken);
    }
}

TEST(ranges_of_a_huge_file_are_long_first_and_short_at_the_end)
{
  struct hj_ranges taken;
  hj_ranges_init(&taken);
  struct tally t = plan_all(plan_for(100 * 1024 * MIB, 32), &taken);
  CHECK_EQ(t.longest, 64 * MIB);
  CHECK_LE(t.shortest, 2 * MIB);
  CHECK_LE(t.n, 2100);  /* the quota: 3000 resolves in 5 minutes */
  hj_ranges_release(&taken);
}

/* The proof goes from the front: it waits for the longest of the first ranges. */
TEST(as_long_as_no_rate_is_known_ranges_are_short)
{
  struct hj_plan plan = plan_for(10 * 1024 * MIB, 4);
  struct hj_ranges taken;
  struct hj_span s;
  hj_ranges_init(&taken);
  plan.rate = 0;
  CHECK(hj_plan_next(&plan, &taken, &s));
  CHECK_EQ(s.end - s.at, HJ_BLIND_RANGE);
  hj_ranges_release(&taken);
}

TEST(a_known_rate_bounds_a_range_to_a_second_and_a_half)
{
  struct hj_plan plan = plan_for(10 * 1024 * MIB, 4);
  struct hj_ranges taken;
  struct hj_span s;
  hj_ranges_init(&taken);
  plan.rate = 8 * MIB;
  CHECK(hj_plan_next(&plan, &taken, &s));
  CHECK_EQ(s.end - s.at, 12 * MIB);
  plan.rtt_ms = 100;                       /* a question costs as much as 800 KiB */
  CHECK(hj_plan_next(&plan, &taken, &s));
  CHECK_EQ(s.end - s.at, 51 * MIB);
  plan.rtt_ms = 20;
  plan.rate = 1;
  CHECK(hj_plan_next(&plan, &taken, &s));
  CHECK_EQ(s.end - s.at, MIB);
  plan.rate = UINT64_MAX / 2;
  CHECK(hj_plan_next(&plan, &taken, &s));
  CHECK_EQ(s.end - s.at, 64 * MIB);
  hj_ranges_release(&taken);
}

TEST(the_gaps_of_a_resume_are_filled_and_nothing_else)
{
  uint64_t dice = 7;
  for (int round = 0; round < 300; round++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_ranges taken;
    uint64_t size = 1 + next_dice(&dice) % (300 * MIB), held;
    hj_ranges_init(&taken);
    for (unsigned i = 0; i < next_dice(&dice) % 40; i++) {
      uint64_t at = next_dice(&dice) % size, n = 1 + next_dice(&dice) % (i % 2 ? 300000 : 20 * MIB);
      CHECK_OK(hj_ranges_add(&taken, at, at + n < size ? at + n : size, &e), e);
    }
    held = hj_ranges_sum(&taken);
    struct tally t = plan_all(plan_for(size, 1 + (unsigned)(next_dice(&dice) % 64)), &taken);
    CHECK_EQ(t.bytes + held, size);
    hj_ranges_release(&taken);
  }
}

TEST(what_is_taken_beyond_the_end_does_not_count)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_ranges taken;
  struct hj_span s;
  hj_ranges_init(&taken);
  CHECK_OK(hj_ranges_add(&taken, 4 * MIB, 100 * MIB, &e), e);  /* asked before the size was known */
  struct hj_plan plan = plan_for(5 * MIB, 4);
  plan.rate = 8 * MIB;
  CHECK(hj_plan_next(&plan, &taken, &s));
  CHECK_EQ(s.at, 0);
  CHECK(s.end <= MIB);                                         /* a share of 4 MiB among four, not of 2^64 */
  hj_ranges_release(&taken);
}

TEST(ranges_may_be_as_short_as_a_piece)
{
  struct hj_ranges taken;
  struct hj_plan plan = plan_for(5 * MIB + 123, 32);
  plan.range_min = plan.range_max = 256 << 10;
  hj_ranges_init(&taken);
  struct tally t = plan_all(plan, &taken);
  CHECK_LE(t.longest, (256 << 10) + (128 << 10)); /* with a crumb at the end */
  CHECK_GE(t.n, 20);
  hj_ranges_release(&taken);
}

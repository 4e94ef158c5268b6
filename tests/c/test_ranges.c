/* tests/c/test_ranges.c - sets of bytes, against a plain array of flags. */
#include <stdio.h>

#include "harness.h"
#include "sweep.h"
#include "util/ranges.h"

static const char *say(const struct hj_ranges *s)
{
  static char text[512];
  size_t at = 0;
  text[0] = 0;
  for (size_t i = 0; i < s->n; i++)
    at += (size_t)snprintf(text + at, sizeof text - at, "%s%llu-%llu", i ? " " : "", (unsigned long long)s->p[i].at,
                           (unsigned long long)s->p[i].end);
  return text;
}

TEST(neighbours_that_touch_are_one_piece)
{
  static const struct { uint64_t at, end; const char *then; } rows[] = {
    { 10, 20, "10-20" }, { 30, 40, "10-20 30-40" }, { 20, 21, "10-21 30-40" }, { 29, 30, "10-21 29-40" },
    { 21, 29, "10-40" }, { 15, 18, "10-40" }, { 10, 40, "10-40" }, { 5, 10, "5-40" }, { 50, 50, "5-40" },
    { 60, 50, "5-40" }, { 0, 1, "0-1 5-40" }, { 0, 100, "0-100" },
    { UINT64_MAX - 1, UINT64_MAX, "0-100 18446744073709551614-18446744073709551615" },
  };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_ranges s;
  hj_ranges_init(&s);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("row %zu", i);
    CHECK_OK(hj_ranges_add(&s, rows[i].at, rows[i].end, &e), e);
    CHECK_STR(say(&s), rows[i].then);
  }
  hj_ranges_release(&s);
}

TEST(cutting_leaves_what_is_outside)
{
  static const struct { uint64_t at, end; const char *then; } rows[] = {
    { 12, 14, "10-12 14-20 30-40 50-60" }, { 10, 12, "14-20 30-40 50-60" }, { 19, 20, "14-19 30-40 50-60" },
    { 20, 30, "14-19 30-40 50-60" }, { 18, 51, "14-18 51-60" }, { 70, 70, "14-18 51-60" }, { 90, 80, "14-18 51-60" },
    { 60, 100, "14-18 51-60" }, { 0, 14, "14-18 51-60" }, { 14, 18, "51-60" }, { 0, UINT64_MAX, "" }, { 0, 10, "" },
  };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_ranges s;
  hj_ranges_init(&s);
  for (uint64_t at = 10; at < 60; at += 20)
    CHECK_OK(hj_ranges_add(&s, at, at + 10, &e), e);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("row %zu", i);
    CHECK_OK(hj_ranges_cut(&s, rows[i].at, rows[i].end, &e), e);
    CHECK_STR(say(&s), rows[i].then);
  }
  hj_ranges_release(&s);
}

TEST(gaps_lie_between_the_pieces)
{
  static const struct { uint64_t from, limit, at, end; bool some; } rows[] = {
    { 0, 100, 0, 10, true }, { 5, 100, 5, 10, true }, { 10, 100, 20, 30, true }, { 15, 100, 20, 30, true },
    { 20, 100, 20, 30, true }, { 25, 28, 25, 28, true }, { 30, 40, 0, 0, false }, { 35, 100, 40, 100, true },
    { 100, 100, 0, 0, false }, { 120, 100, 0, 0, false }, { 0, 5, 0, 5, true }, { 0, 0, 0, 0, false },
  };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_ranges s;
  struct hj_span gap;
  hj_ranges_init(&s);
  CHECK(hj_ranges_gap(&s, 3, 9, &gap) && gap.at == 3 && gap.end == 9);
  CHECK_OK(hj_ranges_add(&s, 10, 20, &e), e);
  CHECK_OK(hj_ranges_add(&s, 30, 40, &e), e);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("row %zu", i);
    CHECK_EQ(hj_ranges_gap(&s, rows[i].from, rows[i].limit, &gap), rows[i].some);
    if (rows[i].some) {
      CHECK_EQ(gap.at, rows[i].at);
      CHECK_EQ(gap.end, rows[i].end);
    }
  }
  CHECK_EQ(hj_ranges_reach(&s, 9), 9);
  CHECK_EQ(hj_ranges_reach(&s, 10), 20);
  CHECK_EQ(hj_ranges_reach(&s, 20), 20);
  CHECK_EQ(hj_ranges_sum(&s), 20);
  hj_ranges_release(&s);
}

#define WIDE 64

static void compare(const struct hj_ranges *s, const bool *flags)
{
  uint64_t sum = 0;
  for (size_t i = 0; i < s->n; i++) {
    CHECK(s->p[i].at < s->p[i].end);
    if (i)
      CHECK(s->p[i - 1].end < s->p[i].at);
  }
  for (uint64_t i = 0; i < WIDE; i++) {
    sum += flags[i];
    CHECK_EQ(hj_ranges_has(s, i, i + 1), flags[i]);
    uint64_t reach = i;
    while (reach < WIDE && flags[reach])
      reach++;
    CHECK_EQ(hj_ranges_reach(s, i), reach);
  }
  CHECK_EQ(hj_ranges_sum(s), sum);
}

TEST(ten_thousand_random_steps_agree_with_flags)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_ranges s;
  bool flags[WIDE] = { false };
  uint32_t dice = 12345;
  hj_ranges_init(&s);
  for (int step = 0; step < 10000; step++) {
    dice = dice * 1664525u + 1013904223u;
    uint64_t at = (dice >> 8) % WIDE, end = at + (dice >> 16) % 9;
    bool add = dice >> 31;
    if (end > WIDE)
      end = WIDE;
    context("step %d: %s %llu-%llu to %s", step, add ? "add" : "cut", (unsigned long long)at, (unsigned long long)end, say(&s));
    CHECK_OK(add ? hj_ranges_add(&s, at, end, &e) : hj_ranges_cut(&s, at, end, &e), e);
    for (uint64_t i = at; i < end; i++)
      flags[i] = add;
    compare(&s, flags);
  }
  hj_ranges_release(&s);
}

TEST(an_empty_stretch_is_always_held)
{
  struct hj_ranges s;
  hj_ranges_init(&s);
  CHECK(hj_ranges_has(&s, 5, 5));
  CHECK(!hj_ranges_has(&s, 5, 6));
  hj_ranges_release(&s);
}

TEST(too_many_pieces_are_refused_and_nothing_is_lost)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_ranges s;
  hj_ranges_init(&s);
  for (uint64_t i = 0; i < HJ_RANGES_MAX; i++)
    CHECK_OK(hj_ranges_add(&s, 4 * i, 4 * i + 3, &e), e);
  CHECK_CODE(hj_ranges_add(&s, 4ull * HJ_RANGES_MAX, 4ull * HJ_RANGES_MAX + 1, &e), HJ_E_TOOBIG, e);
  CHECK_CODE(hj_ranges_cut(&s, 1, 2, &e), HJ_E_TOOBIG, e);
  CHECK_EQ(s.n, HJ_RANGES_MAX);
  CHECK_EQ(hj_ranges_sum(&s), 3ull * HJ_RANGES_MAX);
  CHECK_OK(hj_ranges_add(&s, 3, 4, &e), e);   /* joins two: always possible */
  CHECK_EQ(s.n, HJ_RANGES_MAX - 1);
  hj_ranges_release(&s);
}

static int fill_and_split(void *user, struct hj_err *e)
{
  struct hj_ranges s;
  (void)user;
  hj_ranges_init(&s);
  for (uint64_t i = 0; i < 30 && !e->code; i++) {
    uint64_t before = hj_ranges_sum(&s);
    if (hj_ranges_add(&s, 10 * i, 10 * i + 9, e) || hj_ranges_cut(&s, 10 * i + 3, 10 * i + 4, e))
      CHECK(hj_ranges_sum(&s) == before || hj_ranges_sum(&s) == before + 9);
  }
  if (!e->code) {
    CHECK_EQ(s.n, 60);
    CHECK_EQ(hj_ranges_sum(&s), 240);
  }
  hj_ranges_release(&s);
  return (int)e->code;
}

TEST(a_set_survives_every_failure_of_memory)
{
  CHECK_GE(sweep_memory("ranges", fill_and_split, NULL), 4);
}

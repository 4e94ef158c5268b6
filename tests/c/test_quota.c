/* tests/c/test_quota.c - questions within a hub's window: the rules one by one, and long downloads played through. */
#include "engine/quota.h"
#include <string.h>
#include "engine/plan.h"
#include "harness.h"

TEST(until_an_answer_was_here_few_questions_go_out)
{
  struct hj_quota q = { .heard = false };
  for (unsigned i = 0; i < HJ_QUOTA_BLIND; i++) {
    CHECK_EQ(hj_quota_ask(&q, 5), 0);
    hj_quota_asked(&q);
  }
  CHECK_GT(hj_quota_ask(&q, 5), 0);
  hj_quota_lost(&q);                         /* a broken connection counts for nothing */
  CHECK_EQ(hj_quota_ask(&q, 5), 0);
  hj_quota_heard(&q, false, 0, 0, 0, 0, 6);  /* a host without any such limit */
  for (int i = 0; i < 100000; i++) {
    CHECK_EQ(hj_quota_ask(&q, 7), 0);
    hj_quota_asked(&q);
  }
  CHECK_EQ(hj_quota_eta_ms(&q, 1000000, 7), 0);
  CHECK_EQ(hj_quota_range(&q, 1000000, 10, 7), 0);
}

TEST(a_window_that_ends_next_year_is_not_waited_for)
{
  struct hj_quota q = { .heard = false };
  hj_quota_heard(&q, true, 0, 31000000, 500, 300, 1000);
  CHECK_EQ(hj_quota_ask(&q, 2000), 0); /* the 429 that follows is the answer */
  hj_quota_heard(&q, true, 0, 60, 500, 300, 3000);
  CHECK_GT(hj_quota_ask(&q, 4000), 0);
  hj_quota_heard(&q, true, 0, 601, 500, 300, 5000);
  CHECK_EQ(hj_quota_ask(&q, 6000), 0);
}

TEST(what_is_out_counts_and_the_rest_waits_for_the_next_window)
{
  struct hj_quota q = { .heard = false };
  for (int i = 0; i < 10; i++)
    hj_quota_asked(&q);
  hj_quota_heard(&q, true, 99, 60, 100, 300, 1000);       /* the first of ten: nine more are counted there soon */
  CHECK_EQ(q.left, 90);
  hj_quota_heard(&q, true, 95, 60, 100, 300, 1000);       /* overtaken by others */
  CHECK_EQ(q.left, 87);
  hj_quota_heard(&q, true, 98, 60, 100, 300, 1000);
  CHECK_EQ(q.left, 87);                                   /* a late answer gives nothing back */
  while (!hj_quota_ask(&q, 2000))
    hj_quota_asked(&q);
  CHECK_EQ(q.left, 2);                                    /* 2 % are left to others */
  CHECK_EQ(hj_quota_ask(&q, 2000), 60000);                /* 59 s and the second that rounding may hide */
  CHECK_EQ(hj_quota_ask(&q, 61999), 1);
  CHECK_EQ(hj_quota_ask(&q, 62000), 0);                   /* a new one */
}

TEST(the_end_of_the_last_question_is_told_beforehand)
{
  struct hj_quota q = { .heard = true, .limited = true, .left = 106, .most = 300, .reset_ms = 100000, .window_ms = 300000 };
  CHECK_EQ(hj_quota_eta_ms(&q, 100, 0), 0);
  CHECK_EQ(hj_quota_eta_ms(&q, 101, 0), 101000);
  CHECK_EQ(hj_quota_eta_ms(&q, 100 + 294, 0), 101000);
  CHECK_EQ(hj_quota_eta_ms(&q, 100 + 295, 0), 402000);
}

TEST(ranges_grow_until_they_fit_into_what_is_left)
{
  struct hj_quota q = { .heard = true, .limited = true, .left = 306, .most = 300, .reset_ms = 100000, .window_ms = 300000 };
  uint64_t gib = (uint64_t)1 << 30;
  CHECK_GE(hj_quota_range(&q, 40 * gib, 0, 0), 40 * gib / 150);
  CHECK_GE(hj_quota_range(&q, 40 * gib, 100, 0), 40 * gib / 100);
  CHECK_GE(hj_quota_range(&q, 40 * gib, 2000, 0), 40 * gib / 75);      /* files that wait for later windows leave it a quarter */
  CHECK_LE(hj_quota_range(&q, 40 * gib, 2000, 0), 40 * gib / 74);
  q.left = 0;
  CHECK_LE(hj_quota_range(&q, 40 * gib, 0, 0), 40 * gib / 7);          /* never the whole over one connection */
}

/* A hub with fixed windows, a client with up to `at_once` questions out, answers `late_ms` late: how often does it say 429, and is
 * the end where it was said to be? */
static unsigned play(uint64_t files, uint64_t most, uint64_t window_s, unsigned at_once, uint64_t late_ms, uint64_t *took_ms, uint64_t *told_ms)
{
  enum { MOST = 512 };
  static struct { uint64_t due_ms, left, reset_s; bool refused; } out[MOST];
  struct hj_quota q = { .heard = false };
  unsigned n = 0, refused = 0;
  uint64_t now = 1, used = 0, ends = 0, asked = 0, done = 0;
  *told_ms = 0;
  for (; done < files; now++) {
    while (asked < files && n < at_once && !hj_quota_ask(&q, now)) {
      hj_quota_asked(&q);
      if (now >= ends) {
        used = 0;
        ends = now + window_s * 1000;
      }
      used++;
      out[n].refused = used > most;
      out[n].left = used > most ? 0 : most - used;
      out[n].reset_s = (ends - now + 500) / 1000; /* rounded, as hubs do */
      out[n++].due_ms = now + 1 + late_ms * (asked % 7) / 6;
      asked++;
    }
    for (unsigned i = 0; i < n; i++)
      if (now >= out[i].due_ms) {
        hj_quota_heard(&q, true, out[i].left, out[i].reset_s, most, window_s, now);
        refused += out[i].refused;
        asked -= out[i].refused;
        done += !out[i].refused;
        out[i--] = out[--n];
      }
    if (!*told_ms && q.limited)
      *told_ms = now + hj_quota_eta_ms(&q, files - asked, now);
  }
  *took_ms = now;
  return refused;
}

TEST(two_thousand_files_under_three_hundred_questions_see_no_429)
{
  static const struct { uint64_t files, most, window_s; unsigned at_once; uint64_t late_ms; } rows[] = {
    { 2000, 300, 300, 400, 40 }, { 2000, 300, 300, 400, 3000 }, { 4000, 300, 300, 8, 200 }, { 2000, 3000, 300, 400, 100 }, { 500, 50, 10, 100, 500 }, { 33, 40, 2, 400, 900 }, { 400, 50, 2, 100, 50 }, { 400, 50, 3, 30, 400 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t took, told;
    context("row %zu", i);
    CHECK_EQ(play(rows[i].files, rows[i].most, rows[i].window_s, rows[i].at_once, rows[i].late_ms, &took, &told), 0);
    CHECK_GE(took + took / 10 + 1000, told);                                  /* it is not over before it was said to be */
    CHECK_LE(took, told + told / 10 + 2 * rows[i].late_ms * rows[i].files / rows[i].at_once + took / 4 + 5000);
  }
}

/* 40 GB of which every range costs a question, besides 200 files, in one window of 300. */
TEST(forty_gigabytes_in_ranges_that_cost_a_question_each_fit_into_a_window)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_quota q = { .heard = true, .limited = true, .left = 299, .most = 300, .reset_ms = 250000, .window_ms = 300000 };
  struct hj_ranges taken;
  struct hj_span span;
  uint64_t size = (uint64_t)40000000000, left = size, files = 200;
  unsigned ranges = 0;
  hj_ranges_init(&taken);
  for (;; ranges++) {
    uint64_t least = hj_quota_range(&q, left, files, 0);
    struct hj_plan plan = { .size = size, .range_min = least > HJ_GRAIN ? least : HJ_GRAIN, .range_max = (uint64_t)64 << 20, .workers = 16, .rate = 8000000, .rtt_ms = 40 };
    if (plan.range_max < plan.range_min)
      plan.range_max = plan.range_min;
    if (!hj_plan_next(&plan, &taken, &span))
      break;
    CHECK_EQ(hj_quota_ask(&q, 0), 0);
    hj_quota_asked(&q);
    if (files && ranges % 2) {
      CHECK_EQ(hj_quota_ask(&q, 0), 0);
      hj_quota_asked(&q);
      files--;
    }
    left -= span.end - span.at;
    CHECK_OK(hj_ranges_add(&taken, span.at, span.end, &e), e);
  }
  CHECK_EQ(left, 0);
  CHECK_GE(ranges, 16);
  CHECK_GE(q.left, files);                                      /* the files that still wait fit, too */
  hj_ranges_release(&taken);
}

/* tests/c/test_sched.c - how many connections: a simulated network, to the millisecond and without a clock.
 *
 * The network: each connection is capped, all together are capped, a new one is silent for `silent_ms` (TCP, TLS, question) and
 * then doubles its window each round trip (slow start). The engine turns every 10 ms, opens what is wanted, and closes surplus ones
 * when their range (1.5 s) ends, as it does for real. */
#include <stdio.h>

#include "engine/sched.h"
#include "harness.h"

#define KB 1000u
#define MB 1000000u
#define CONNECTIONS_MOST 256

struct net {
  double each, total;          /* bytes per second */
  unsigned rtt_ms, silent_ms;
  bool path_known;
  unsigned n;
  uint64_t born[CONNECTIONS_MOST];
  double bytes;
};

static double rate_of(const struct net *w, uint64_t born, uint64_t now)
{
  double window = 15000, rate = 0;
  if (now < born + w->silent_ms)
    return 0;
  for (uint64_t t = born + w->silent_ms; t <= now && rate < w->each; t += w->rtt_ms) {
    rate = window * 1000 / w->rtt_ms;
    window *= 2;
  }
  return rate < w->each ? rate : w->each;
}

struct seen { unsigned level; unsigned most; uint64_t filled_ms; uint64_t above_ms; };

/* Runs for until_ms. filled_ms: when 95 % of the total cap was first reached; above_ms: how long the level was above `watch`. */
static struct seen simulate(struct net *w, struct hj_sched *s, uint64_t from_ms, uint64_t until_ms, unsigned watch)
{
  struct seen seen = { 0, 0, 0, 0 };
  for (uint64_t now = from_ms; now < until_ms; now += 10) {
    double sum = 0;
    unsigned keep = 0, flowing = 0;
    for (unsigned i = 0; i < w->n; i++)
      flowing += now >= w->born[i] + w->silent_ms;
    hj_sched_path(s, w->path_known ? w->rtt_ms : 0, HJ_QUEUE_UNKNOWN);
    seen.level = hj_sched_turn(s, now, (uint64_t)w->bytes, w->n, flowing, true);
    for (unsigned i = 0; i < w->n; i++) { /* a range lasts 1.5 s; then the connection goes on only if the level has room for it */
      bool ends = (now - w->born[i]) / 1500 != (now + 10 - w->born[i]) / 1500;
      if (!ends || w->n <= seen.level || keep < seen.level)
        w->born[keep++] = w->born[i];
    }
    w->n = keep;
    while (w->n < seen.level && w->n < CONNECTIONS_MOST)
      w->born[w->n++] = now;
    for (unsigned i = 0; i < w->n; i++)
      sum += rate_of(w, w->born[i], now);
    sum = sum < w->total ? sum : w->total;
    if (!seen.filled_ms && sum >= w->total * 0.95)
      seen.filled_ms = now - from_ms;
    w->bytes += sum / 100;
    seen.most = seen.level > seen.most ? seen.level : seen.most;
    seen.above_ms += seen.level > watch ? 10 : 0;
  }
  return seen;
}

static struct net net_of(double each, double total, unsigned rtt_ms)
{
  return (struct net){ .each = each, .total = total, .rtt_ms = rtt_ms, .silent_ms = 3 * rtt_ms };
}

TEST(the_cap_of_a_fast_line_is_found_within_a_second_and_a_half)
{
  struct net w = net_of(8 * MB, 200 * MB, 20);
  struct hj_sched s;
  hj_sched_init(&s, 4, 32, 1000);
  struct seen seen = simulate(&w, &s, 1000, 6000, 32);
  printf("200 MB/s of 8 MB/s connections: filled after %llu ms, level %u\n", (unsigned long long)seen.filled_ms, seen.level);
  CHECK_GT(seen.filled_ms, 0);
  CHECK_LT(seen.filled_ms, 1500);
  CHECK_GE(seen.level, 25);
}

TEST(the_cap_of_a_fast_line_is_found_although_it_is_far_away)
{
  static const unsigned rtts[] = { 50, 100, 150, 200 };
  for (size_t i = 0; i < 2 * sizeof rtts / sizeof rtts[0]; i++) {
    struct net w = net_of(8 * MB, 200 * MB, rtts[i / 2]);
    struct hj_sched s;
    w.path_known = i % 2;
    context("rtt %u ms%s", w.rtt_ms, w.path_known ? "" : ", which nobody knows");
    hj_sched_init(&s, 4, 32, 1000);
    struct seen seen = simulate(&w, &s, 1000, 21000, 32);
    printf("rtt %u ms%s: filled after %llu ms, level %u\n", w.rtt_ms, w.path_known ? "" : ", not known", (unsigned long long)seen.filled_ms, seen.level);
    CHECK_GT(seen.filled_ms, 0);
    CHECK_LT(seen.filled_ms, w.path_known ? 8000 : 15000);
  }
}

TEST(a_home_line_stays_at_few_connections)
{
  static const double totals[] = { 12.5 * MB, 6 * MB, 2 * MB };
  for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
    struct net w = net_of(8 * MB, totals[i], 20);
    struct hj_sched s;
    context("%.1f MB/s", totals[i] / MB);
    hj_sched_init(&s, 4, 32, 1000);
    struct seen start = simulate(&w, &s, 1000, 11000, 4);
    struct seen later = simulate(&w, &s, 11000, 31000, 4);
    printf("%.1f MB/s: at 10 s %u, most %u, later most %u, %llu of 20000 ms above 4\n", totals[i] / MB, start.level, start.most, later.most,
           (unsigned long long)later.above_ms);
    CHECK_LE(start.most, 8);
    CHECK_LE(start.level, s.phase == HJ_SCHED_PROBING ? 6 : 4);
    CHECK_LE(later.most, 6);            /* probes go up by half and come back */
    CHECK_LE(later.above_ms, 6000);
  }
}

TEST(a_line_that_grows_is_noticed)
{
  struct net w = net_of(8 * MB, 12.5 * MB, 20);
  struct hj_sched s;
  hj_sched_init(&s, 4, 32, 1000);
  (void)simulate(&w, &s, 1000, 11000, 4);
  w.total = 100 * MB;                   /* the neighbour's film is over */
  struct seen seen = simulate(&w, &s, 11000, 51000, 4);
  CHECK_GE(seen.level, 10);
}

TEST(a_busy_reader_opens_no_more_connections)
{
  struct net w = net_of(8 * MB, 200 * MB, 20);
  struct hj_sched s;
  hj_sched_init(&s, 4, 32, 1000);
  hj_sched_busy(&s, true);
  struct seen busy = simulate(&w, &s, 1000, 11000, 4);
  CHECK_EQ(busy.most, 4);
  CHECK_GT(s.last_rate, 0);             /* its rate is known all the same: ranges are cut by it */
  hj_sched_busy(&s, false);
  struct seen free = simulate(&w, &s, 11000, 13000, 4);
  CHECK_GE(free.level, 25);             /* it was not held against the level */
  CHECK_LT(free.filled_ms, 1500);
}

TEST(a_busy_reader_probes_no_more_connections)
{
  struct net w = net_of(8 * MB, 12.5 * MB, 20);
  struct hj_sched s;
  hj_sched_init(&s, 4, 32, 1000);
  (void)simulate(&w, &s, 1000, 11000, 4);
  while (s.phase != HJ_SCHED_HOLDING)
    (void)simulate(&w, &s, s.window_ms + 10, s.window_ms + 510, 4);
  hj_sched_busy(&s, true);
  struct seen busy = simulate(&w, &s, s.window_ms + 10, s.window_ms + 10000, s.want);
  CHECK_EQ(busy.above_ms, 0);
}

TEST(a_429_halves_and_is_not_outgrown_at_once)
{
  struct net w = net_of(8 * MB, 200 * MB, 20);
  struct hj_sched s;
  hj_sched_init(&s, 4, 32, 1000);
  (void)simulate(&w, &s, 1000, 5000, 32);
  unsigned before = s.want;
  for (int i = 0; i < 20; i++)          /* every connection is told at once: one event */
    hj_sched_back_off(&s, 5000 + (uint64_t)i);
  CHECK_LE(s.want, before / 2 + 1);
  CHECK_GE(s.want, before / 2 - before / 4);
  unsigned half = s.want;
  struct seen seen = simulate(&w, &s, 5020, 7000, half);
  CHECK_EQ(seen.above_ms, 0);
  hj_sched_back_off(&s, 8000);
  CHECK_LE(s.want, half / 2 + 1);
  for (uint64_t t = 9000; t < 90000; t += 1000)
    hj_sched_back_off(&s, t);
  CHECK_EQ(s.want, 1);
}

TEST(a_level_is_not_judged_while_it_is_not_used)
{
  struct hj_sched s;
  hj_sched_init(&s, 4, 32, 0);
  for (uint64_t now = 0; now < 5000; now += 10) {
    CHECK_EQ(hj_sched_turn(&s, now, now * 1000, 3, 0, true), 4);   /* not there yet */
  }
  for (uint64_t now = 5000; now < 9000; now += 10)
    CHECK_EQ(hj_sched_turn(&s, now, now * 1000, 4, 4, false), 4);  /* no work for a further one */
  for (uint64_t now = 9000; now < 12000; now += 10)
    CHECK_EQ(hj_sched_turn(&s, now, 9000000, 4, 0, true), 4);      /* nothing came at all */
}

TEST(the_level_stays_between_one_and_its_maximum)
{
  static const unsigned tops[] = { 1, 2, 3, 5, 32, 256 };
  for (size_t i = 0; i < sizeof tops / sizeof tops[0]; i++) {
    struct net w = net_of(1 * MB, 1000 * MB, 10);
    struct hj_sched s;
    context("at most %u", tops[i]);
    hj_sched_init(&s, tops[i] < 4 ? tops[i] : 4, tops[i], 0);
    for (uint64_t now = 0; now < 60000; now += 3000) {
      struct seen seen = simulate(&w, &s, now, now + 3000, 0);
      CHECK_LE(seen.most, tops[i]);
      CHECK_GE(seen.level, 1);
      if (now % 9000 == 0)
        hj_sched_back_off(&s, now + 3000);
      CHECK_GE(s.want, 1);
    }
  }
}

TEST(a_remembered_level_is_held_at_once)
{
  struct net w = net_of(8 * MB, 200 * MB, 20);
  struct hj_sched s;
  hj_sched_init(&s, 4, 32, 1000);
  hj_sched_resume(&s, 30, 8 * MB, 1000);
  struct seen seen = simulate(&w, &s, 1000, 3000, 30);
  CHECK_LT(seen.filled_ms, 200);
  CHECK_EQ(seen.most, 30);
  hj_sched_init(&s, 4, 8, 1000);
  hj_sched_resume(&s, 30, 8 * MB, 1000);   /* remembered of a job that might have more */
  CHECK_EQ(s.want, 8);
}

TEST(a_grown_queue_is_no_reason_to_ask_for_more_but_for_less)
{
  struct net w = net_of(100 * MB, 12.5 * MB, 20);
  struct hj_sched s;
  unsigned most = 0;
  hj_sched_init(&s, 4, 32, 1000);
  hj_sched_resume(&s, 6, 0, 1000);
  for (uint64_t now = 1000; now < 21000; now += 10) {
    w.bytes += w.total / 100;
    hj_sched_path(&s, 20, HJ_QUEUE_GROWN);
    (void)hj_sched_turn(&s, now, (uint64_t)w.bytes, s.want, s.want, true);
    most = s.want > most ? s.want : most;
  }
  CHECK_EQ(most, 6);
  CHECK_EQ(s.want, 1);
}

/* Losses empty a queue for a moment. Six connections where four filled a line of 12.5 MB/s were seen for a second of every four (P11). */
TEST(a_queue_that_is_gone_for_a_moment_is_no_reason_to_ask_for_more)
{
  struct hj_sched s;
  uint64_t bytes = 0;
  unsigned most = 0;
  hj_sched_init(&s, 4, 32, 1000);
  hj_sched_resume(&s, 4, 0, 1000);
  for (uint64_t now = 1000; now < 41000; now += 10) {
    bytes += s.want < 4 ? 100000 : 125000;
    hj_sched_path(&s, 30, now % 4000 < 3000 ? HJ_QUEUE_GROWN : HJ_QUEUE_SHORT);
    (void)hj_sched_turn(&s, now, bytes, s.want, s.want, true);
    most = s.want > most ? s.want : most;
  }
  CHECK_EQ(most, 4);
  for (uint64_t now = 41000; now < 47000; now += 10) { /* the others in the house have gone to bed */
    bytes += 125000;
    hj_sched_path(&s, 30, HJ_QUEUE_SHORT);
    (void)hj_sched_turn(&s, now, bytes, s.want, s.want, true);
    most = s.want > most ? s.want : most;
  }
  CHECK_EQ(most, 6);
}

TEST(a_line_without_a_queue_is_not_left_for_fewer_connections)
{
  struct net w = net_of(100 * MB, 400 * MB, 20);
  struct hj_sched s;
  unsigned least = 32;
  hj_sched_init(&s, 4, 32, 1000);
  for (uint64_t now = 1000; now < 2900; now += 10) {
    w.bytes += w.total / 100;
    hj_sched_path(&s, 20, HJ_QUEUE_SHORT);
    (void)hj_sched_turn(&s, now, (uint64_t)w.bytes, s.want, s.want, true);
    least = s.want < least ? s.want : least;
  }
  CHECK_EQ(s.phase, HJ_SCHED_HOLDING);
  CHECK_EQ(least, 4);
}

/* What was lost is sent again, and all that waited for it comes at once: 14.8 MB/s were seen on a line of 12.1. */
TEST(one_lucky_window_does_not_pay_for_a_level)
{
  struct hj_sched s;
  uint64_t bytes = 0, level_of_8_ms = 0;
  unsigned most = 0;
  hj_sched_init(&s, 4, 32, 1000);
  hj_sched_path(&s, 30, HJ_QUEUE_SHORT);
  for (uint64_t now = 1000; now < 4000; now += 2) {
    bytes += 24000;
    if (s.want == 8 && !level_of_8_ms)
      level_of_8_ms = now;
    if (level_of_8_ms && now >= level_of_8_ms + 4 && now < level_of_8_ms + 30)
      bytes += 12000;
    (void)hj_sched_turn(&s, now, bytes, s.want, s.want, true);
    most = s.want > most ? s.want : most;
  }
  CHECK_EQ(most, 8);
}

TEST(a_gain_that_makes_a_queue_grow_must_be_larger)
{
  static const struct { enum hj_sched_queue queue; unsigned most; } cases[] = { { HJ_QUEUE_SHORT, 16 }, { HJ_QUEUE_GROWN, 8 } };
  for (size_t i = 0; i < 2; i++) {
    struct hj_sched s;
    uint64_t bytes = 0;
    unsigned most = 0;
    context("%s", hj_sched_queue_name(cases[i].queue));
    hj_sched_init(&s, 4, 32, 1000);
    hj_sched_path(&s, 30, HJ_QUEUE_SHORT);
    for (uint64_t now = 1000; now < 3000; now += 2) {
      if (s.want == 8)
        hj_sched_path(&s, 30, cases[i].queue);
      bytes += s.want < 8 ? 20000 : 25000;      /* 8 bring a quarter more than 4, 16 no more than 8 */
      (void)hj_sched_turn(&s, now, bytes, s.want, s.want, true);
      most = s.want > most ? s.want : most;
    }
    CHECK_EQ(most, cases[i].most);
  }
}

TEST(where_the_first_level_makes_a_queue_grow_it_is_enough)
{
  struct hj_sched s;
  uint64_t bytes = 0;
  unsigned most = 0;
  hj_sched_init(&s, 4, 32, 1000);
  hj_sched_path(&s, 30, HJ_QUEUE_GROWN);
  for (uint64_t now = 1000; now < 4000; now += 2) {
    bytes += 24000;
    (void)hj_sched_turn(&s, now, bytes, s.want, s.want, true);
    most = s.want > most ? s.want : most;
  }
  CHECK_EQ(most, 4);
  CHECK_EQ(s.want, 1);
}

/* Seen on a line of 12.1 MB/s: one TLS record in each of the first two round trips, then 4 connections "brought as much each" 23 times. */
TEST(the_first_records_of_a_slow_start_are_no_rate)
{
  struct hj_sched s;
  uint64_t bytes = 0;
  unsigned most = 0;
  hj_sched_init(&s, 4, 32, 1000);
  hj_sched_path(&s, 30, HJ_QUEUE_SHORT);
  for (uint64_t now = 1000; now < 3000; now += 2) {
    unsigned flowing = now < 1100 ? 1 : s.want;
    bytes += now >= 1100 ? 24000 : now % 30 == 0 ? 16384 : 0;
    (void)hj_sched_turn(&s, now, bytes, s.want, flowing, true);
    most = s.want > most ? s.want : most;
  }
  CHECK_EQ(s.lone_rate, 0);
  CHECK_EQ(most, 8);
}

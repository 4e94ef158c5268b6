/* tests/c/test_polite.c - a home's line with one queue, to the millisecond and without a clock, and what a polite download does on it.
 *
 * The line: `rate`, a drop-tail queue of so many milliseconds, a trip. The senders: slow start and then cubic, or BBR in outline (the most
 * it saw delivered, paced, probed every eighth round). Ours has the same, and at most the window in flight that the polite
 * receiver grants. The receiver knows the trip as Linux tells it: a shorter one at once, a longer one by eighths. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/polite.h"
#include "harness.h"

#define MB 1000000.0
#define MSS 1448.0
#define RING 4096            /* ms: longer than any trip here */
#define OTHERS 3

enum kind { CUBIC, BBR };

struct flow {
  enum kind kind;
  bool on;
  double cwnd, flying, ssthresh, top, top_ms, lost_ms, most, full, sum, acked_round;
  uint64_t round_ms;
  unsigned rounds, flat;
  double best[10], acks[RING], got[RING];
};

struct entry { double n[1 + OTHERS], left; uint64_t at; };

struct line {
  double rate, queue_ms, base_ms, jitter_ms;      /* rate: bytes per second */
  uint64_t now, limit;
  struct flow f[1 + OTHERS];                      /* 0: ours */
  struct entry e[RING];
  unsigned first, n;
  double queued, est_ms, samples[RING], windows[RING];
  struct hj_polite polite;
  bool is_polite, blind;
  uint64_t dice;
};

static double root3(double x)
{
  double y = x > 1 ? x : 1;
  for (int i = 0; i < 60; i++)
    y -= (y - x / (y * y)) / 3;
  return y;
}

static double chance(struct line *l)
{
  l->dice = l->dice * 6364136223846793005u + 1442695040888963407u;
  return (double)(l->dice >> 40) / (double)(1 << 24);
}

static void turn_on(struct line *l, unsigned i, enum kind kind)
{
  l->f[i] = (struct flow){ .kind = kind, .on = true, .cwnd = 10 * MSS, .ssthresh = 1e18, .round_ms = l->now };
}

static struct line *line_of(double rate, double queue_ms, double base_ms, enum kind kind)
{
  struct line *l = calloc(1, sizeof *l);
  CHECK(l != NULL);
  l->rate = rate;
  l->queue_ms = queue_ms;
  l->base_ms = base_ms;
  l->now = 100000;
  l->est_ms = base_ms; /* the handshake's */
  l->is_polite = true;
  l->dice = 77;
  turn_on(l, 0, kind);
  return l;
}

static void lose(struct line *l, struct flow *f)
{
  if (f->kind == BBR || (double)l->now - f->lost_ms < l->base_ms + l->queue_ms)
    return;
  f->lost_ms = f->top_ms = (double)l->now;
  f->top = f->cwnd;
  f->cwnd = f->cwnd * 0.7 < 2 * MSS ? 2 * MSS : f->cwnd * 0.7;
  f->ssthresh = f->cwnd;
}

static void acknowledge(struct line *l, struct flow *f, double n, bool limited)
{
  f->flying -= n;
  f->acked_round += n;
  if (f->kind == CUBIC && n > 0 && !limited) {
    if (f->cwnd < f->ssthresh) {
      f->cwnd += n;
    } else {
      double t = ((double)l->now - f->top_ms) / 1000, k = root3(f->top / MSS * 0.3 / 0.4), goal = 0.4 * (t - k) * (t - k) * (t - k) * MSS + f->top;
      double reno = f->ssthresh + t * 1000 / (l->base_ms + l->queued / l->rate * 1000) * 0.53 * MSS;
      f->cwnd = goal > f->cwnd ? f->cwnd + (goal - f->cwnd) / f->cwnd * n : f->cwnd;
      f->cwnd = reno > f->cwnd ? reno : f->cwnd;
    }
  }
  if ((double)(l->now - f->round_ms) >= l->base_ms + l->queued / l->rate * 1000) { /* BBR's round */
    double rate = f->acked_round * 1000 / (double)(l->now - f->round_ms), most = 0;
    f->best[f->rounds++ % 10] = rate;
    for (unsigned i = 0; i < 10; i++)
      most = f->best[i] > most ? f->best[i] : most;
    if (f->flat < 3) { /* then its start is over */
      f->flat = most >= f->full * 1.25 ? 0 : f->flat + 1;
      f->full = most >= f->full * 1.25 ? most : f->full;
    }
    f->most = most;
    f->acked_round = 0;
    f->round_ms = l->now;
  }
}

static double may_send(const struct line *l, const struct flow *f)
{
  static const double gains[8] = { 1.25, 0.75, 1, 1, 1, 1, 1, 1 };
  double room, pace;
  if (f->kind == CUBIC)
    return f->cwnd - f->flying;
  if (!f->most)
    return 10 * MSS - f->flying;
  room = (f->flat < 3 ? 2.9 : 2) * f->most * l->base_ms / 1000;
  room = (room < 4 * MSS ? 4 * MSS : room) - f->flying;
  pace = (f->flat < 3 ? 2.9 : gains[f->rounds % 8]) * f->most / 1000;
  pace = pace < MSS / l->base_ms ? MSS / l->base_ms : pace;
  return room < pace ? room : pace;
}

static void send_all(struct line *l)
{
  struct entry *e = &l->e[(l->first + l->n) % RING];
  double room = l->rate * l->queue_ms / 1000 - l->queued;
  uint64_t seen = l->now - (uint64_t)(l->base_ms / 2);
  *e = (struct entry){ .at = l->now };
  for (unsigned k = 0; k < 1 + OTHERS; k++) {
    unsigned i = (k + (unsigned)l->now) % (1 + OTHERS);
    struct flow *f = &l->f[i];
    double n = f->on ? may_send(l, f) : 0, granted = l->windows[seen % RING] - f->flying;
    if (i == 0 && l->is_polite && l->windows[seen % RING] > 0 && granted < n)
      n = granted;
    if (n < 0)
      n = 0;
    if (n > room) {
      lose(l, f);
      n = room > 0 ? room : 0;
    }
    e->n[i] = n;
    e->left += n;
    f->flying += n;
    room -= n;
    l->queued += n;
  }
  l->n++;
}

static void serve(struct line *l)
{
  double able = l->rate / 1000;
  while (l->n && (able > 0 || l->e[l->first].left <= 0)) {
    struct entry *e = &l->e[l->first];
    double n = e->left < able ? e->left : able, part = e->left > 0 ? n / e->left : 0;
    for (unsigned i = 0; i < 1 + OTHERS; i++) {
      double mine = e->n[i] * part;
      e->n[i] -= mine;
      l->f[i].acks[(l->now + (uint64_t)l->base_ms) % RING] += mine;
      l->f[i].got[(l->now + (uint64_t)l->base_ms / 2) % RING] += mine;
      if (i == 0 && mine > 0)
        l->samples[(l->now + (uint64_t)l->base_ms / 2) % RING] = l->base_ms + (double)(l->now - e->at) + chance(l) * l->jitter_ms;
    }
    able -= n;
    e->left -= n;
    l->queued -= n;
    if (e->left > 1e-6)
      break;
    l->queued = l->queued < 0 ? 0 : l->queued;
    l->first = (l->first + 1) % RING;
    l->n--;
  }
}

static void receive(struct line *l)
{
  double *sample = &l->samples[l->now % RING];
  for (unsigned i = 0; i < 1 + OTHERS; i++) {
    struct flow *f = &l->f[i];
    f->sum += f->got[l->now % RING];
    acknowledge(l, f, f->acks[l->now % RING], i == 0 && l->polite.window && f->flying + MSS < f->cwnd);
    f->got[l->now % RING] = f->acks[l->now % RING] = 0;
  }
  if (*sample > 0)
    l->est_ms = *sample < l->est_ms ? *sample : l->est_ms + (*sample - l->est_ms) / 8;
  *sample = 0;
}

struct seen { double used, ours, theirs, wait_ms, most_ms; };   /* shares of the line; the 95th percentile of the queue, and its most */

static struct seen run(struct line *l, uint64_t ms)
{
  double before[1 + OTHERS];
  struct seen seen = { 0, 0, 0, 0, 0 };
  unsigned counts[2000] = { 0 }, sum = 0;
  for (unsigned i = 0; i < 1 + OTHERS; i++)
    before[i] = l->f[i].sum;
  for (uint64_t end = l->now + ms; l->now < end; l->now++) {
    double wait_ms;
    receive(l);
    if (l->now % 10 == 0 && l->is_polite && l->f[0].on) {
      struct hj_polite_facts facts = { .now_ms = l->now, .came = (uint64_t)l->f[0].sum, .trip_us = (uint32_t)(l->est_ms * 1000), .connections = 2, .limit = l->limit };
      if (l->blind)
        facts.trip_us = (uint32_t)(l->base_ms * 1000);
      (void)hj_polite_turn(&l->polite, &facts);
    }
    l->windows[l->now % RING] = (double)l->polite.window;
    send_all(l);
    serve(l);
    wait_ms = l->queued / l->rate * 1000;
    counts[wait_ms < 1999 ? (unsigned)wait_ms : 1999]++;
    seen.most_ms = wait_ms > seen.most_ms ? wait_ms : seen.most_ms;
  }
  for (; seen.wait_ms < 1999 && sum + counts[(unsigned)seen.wait_ms] < ms * 95 / 100; seen.wait_ms++)
    sum += counts[(unsigned)seen.wait_ms];
  seen.ours = (l->f[0].sum - before[0]) * 1000 / (double)ms / l->rate;
  for (unsigned i = 1; i < 1 + OTHERS; i++)
    seen.theirs += (l->f[i].sum - before[i]) * 1000 / (double)ms / l->rate;
  seen.used = seen.ours + seen.theirs;
  return seen;
}

static void say(const char *what, struct seen s)
{
  printf("  %-26s ours %5.1f %%, others' %5.1f %%, queue p95 %3.0f ms, most %3.0f ms\n", what, s.ours * 100, s.theirs * 100, s.wait_ms, s.most_ms);
}

static const char *const kinds[] = { "cubic", "bbr" };
static const double rates[] = { 12.5 * MB, 2 * MB, 60 * MB }, queues[] = { 50, 250 }, trips[] = { 10, 30, 100, 200 };

#define FOR_EACH_LINE(r, q, b, k)                                                                                       \
  for (unsigned r = 0; r < 3; r++)                                                                                      \
    for (unsigned q = 0; q < 2; q++)                                                                                    \
      for (unsigned b = 0; b < 4; b++)                                                                                  \
        for (int k = CUBIC; k <= BBR; k++)

TEST(a_line_of_its_own_is_used_and_its_queue_stays_short)
{
  FOR_EACH_LINE(r, q, b, k) {
    struct line *l = line_of(rates[r], queues[q], trips[b], (enum kind)k);
    context("%.1f MB/s, queue %.0f ms, trip %.0f ms, %s", rates[r] / MB, queues[q], trips[b], kinds[k]);
    struct seen start = run(l, 5000), later = run(l, 60000);
    printf("%.1f MB/s, queue %.0f ms, trip %.0f ms, %s: target %u ms\n", rates[r] / MB, queues[q], trips[b], kinds[k], hj_polite_target_us(&l->polite) / 1000);
    say("the first five seconds", start);
    say("the minute after", later);
    CHECK_GE(later.used * 100, trips[b] < 50 ? 95 : 85);
    CHECK_LE(later.wait_ms, hj_polite_target_us(&l->polite) / 1000 + 1);
    if (trips[b] < 50)
      CHECK_GE(start.used * 100, 85);
    free(l);
  }
}

TEST(a_trip_that_jitters_costs_little)
{
  for (unsigned q = 0; q < 2; q++)
    for (int k = CUBIC; k <= BBR; k++) {
      struct line *l = line_of(12.5 * MB, queues[q], 30, (enum kind)k);
      context("queue %.0f ms, %s", queues[q], kinds[k]);
      l->jitter_ms = 8;
      (void)run(l, 5000);
      struct seen later = run(l, 60000);
      say("8 ms of jitter", later);
      CHECK_GE(later.used * 100, 80);
      CHECK_LE(later.wait_ms, 20);
      free(l);
    }
}

/* How much a stream of cubic leaves over on a long way with a short queue is its own doing: there only the deep queue is judged. */
TEST(somebody_elses_stream_gets_the_line_and_gives_it_back)
{
  FOR_EACH_LINE(r, q, b, k) {
    bool home = trips[b] < 50, deep = queues[q] > 100;
    struct line *l = line_of(rates[r], queues[q], trips[b], (enum kind)k);
    context("%.1f MB/s, queue %.0f ms, trip %.0f ms, %s", rates[r] / MB, queues[q], trips[b], kinds[k]);
    printf("%.1f MB/s, queue %.0f ms, trip %.0f ms, %s\n", rates[r] / MB, queues[q], trips[b], kinds[k]);
    (void)run(l, 10000);
    turn_on(l, 1, CUBIC);
    say("it comes", run(l, 10000));
    struct seen beside = run(l, 20000);
    say("beside it", beside);
    l->f[1].on = false;
    struct seen back = run(l, 10000), after = run(l, 10000);
    say("it has ended", back);
    say("later", after);
    if (home || deep)
      CHECK_GE(beside.theirs * 100, 90);
    CHECK_GE(beside.ours * rates[r], 15000); /* the floor: some packets a trip */
    if (k == CUBIC && (home || deep))
      CHECK_GE(back.ours * 100, home ? 85 : 35);
    if (home || (k == CUBIC && deep))
      CHECK_GE(after.ours * 100, 85); /* BBR far away finds its own way back, in minutes */
    free(l);
  }
}

TEST(a_line_that_changes_is_followed)
{
  struct line *l = line_of(12.5 * MB, 250, 30, CUBIC);
  (void)run(l, 10000);
  l->rate = 3 * MB;
  (void)run(l, 3000);
  struct seen slow = run(l, 20000);
  say("a quarter of the rate", slow);
  CHECK_GE(slow.used * 100, 90);
  CHECK_LE(slow.wait_ms, 14);
  l->rate = 25 * MB;
  (void)run(l, 3000);
  struct seen fast = run(l, 20000);
  say("eight times that", fast);
  CHECK_GE(fast.used * 100, 90);
  CHECK_LE(fast.wait_ms, 14);
  free(l);
}

TEST(another_route_is_believed_after_three_minutes)
{
  struct line *l = line_of(12.5 * MB, 250, 30, CUBIC);
  (void)run(l, 10000);
  CHECK_EQ(hj_polite_base_us(&l->polite) / 1000, 30);
  l->base_ms = 60;
  (void)run(l, HJ_POLITE_EPOCHS * HJ_POLITE_EPOCH_MS + 5000);
  CHECK_GE(hj_polite_base_us(&l->polite) / 1000, 60);
  CHECK_LE(hj_polite_base_us(&l->polite) / 1000, 63);
  struct seen later = run(l, 20000);
  say("the longer way", later);
  CHECK_GE(later.used * 100, 90);
  free(l);
}

TEST(where_the_trip_says_nothing_the_window_is_still_bounded)
{
  struct line *l = line_of(12.5 * MB, 250, 30, CUBIC);
  l->blind = true; /* a system that tells the handshake's trip for ever */
  (void)run(l, 5000);
  struct seen later = run(l, 60000);
  say("blind", later);
  CHECK_GE(later.used * 100, 90);
  CHECK_LE(later.wait_ms, 14);
  free(l);
}

TEST(with_a_limit_the_window_stays_below_it)
{
  struct line *l = line_of(12.5 * MB, 250, 30, CUBIC);
  l->limit = 4000000;
  (void)run(l, 5000);
  struct seen later = run(l, 20000);
  CHECK_GE(later.ours * l->rate / MB * 100, 350);
  CHECK_LE(later.ours * l->rate / MB * 100, 390);
  CHECK_EQ(later.wait_ms, 0);
  turn_on(l, 1, CUBIC);
  (void)run(l, 10000);
  later = run(l, 20000);
  say("beside somebody", later);
  CHECK_GE(later.theirs * 100, 90);
  free(l);
}

TEST(nothing_is_bound_by_what_is_not_known)
{
  struct hj_polite p = { 0 };
  struct hj_polite_facts facts = { .now_ms = 5000, .came = 1000000, .connections = 2 };
  CHECK_EQ(hj_polite_turn(&p, &facts), 0);
  facts.trip_us = 30000;
  CHECK_EQ(hj_polite_turn(&p, &facts), 65536);
  facts.trip_us = 0; /* nothing came meanwhile */
  facts.now_ms += 1000;
  CHECK_EQ(hj_polite_turn(&p, &facts), 65536);
}

TEST(a_server_that_is_slow_does_not_make_the_window_grow)
{
  struct hj_polite p = { 0 };
  struct hj_polite_facts facts = { .now_ms = 5000, .trip_us = 30000, .connections = 2 };
  for (unsigned i = 0; i < 1000; i++, facts.now_ms += 100, facts.came += 10000) /* 100 KB/s: 3 KB in flight */
    (void)hj_polite_turn(&p, &facts);
  CHECK_LE(p.window, 131072);
}

TEST(never_less_than_some_packets_a_connection)
{
  for (unsigned n = 0; n < 5; n++) {
    struct hj_polite p = { 0 };
    struct hj_polite_facts facts = { .now_ms = 5000, .trip_us = 30000, .connections = n };
    (void)hj_polite_turn(&p, &facts);
    facts.trip_us = 400000;
    for (unsigned i = 0; i < 100; i++, facts.now_ms += 500)
      (void)hj_polite_turn(&p, &facts);
    for (unsigned i = 0; i < 100; i++, facts.now_ms += 500, facts.came += 100000)
      (void)hj_polite_turn(&p, &facts);
    CHECK_GE(p.window, HJ_POLITE_LEAST * 1448 * (n ? n : 1));
    CHECK_LE(p.window, 65536);
    facts.segment = 65483; /* loopback */
    facts.now_ms += 500;
    CHECK_GE(hj_polite_turn(&p, &facts), HJ_POLITE_LEAST * 65483 * (n ? n : 1));
  }
}

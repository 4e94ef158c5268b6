/* tests/c/test_ramp.c - sched, plan and outlier together on a simulated network, to the millisecond and without a clock.
 *
 * The network: each connection is capped, all together are capped (shared by all that could bring more), every n-th connection is
 * nearly dead. A new connection is silent for three round trips (TCP, TLS, question), one used again for one. Slow start where asked.
 * The engine: as job.c, fetch.c and watch.c do it, a turn each 2 ms. */
#include <stdio.h>
#include <string.h>

#include "engine/outlier.h"
#include "engine/plan.h"
#include "engine/sched.h"
#include "harness.h"

#define MB 1e6
#define MIB ((uint64_t)1 << 20)
#define MOST 64
#define TURN_MS 2

struct line {
  double each, total;          /* bytes per second; total 0: no cap */
  unsigned rtt_ms;
  unsigned ill_every, ill_at;  /* 0 = none; its rate is `ill` of the others' */
  double ill;
  bool slow_start;
  double noise;                /* each 10 ms brings up to this share less */
  bool swells;                 /* a queue in front of `total`: the round trip grows when it is full */
};

struct conn { bool there, busy, flowing_yet, fresh; unsigned serial; uint64_t born_ms, asked_ms, first_ms; double pos; uint64_t from, end; };

struct sim {
  struct line line;
  struct hj_sched sched;
  struct hj_ranges taken;
  struct conn c[MOST];
  unsigned serials, requests, killed, most;
  uint64_t size, rate, full_ms, late_ms;
  double got, brought;         /* in all, in the last millisecond */
  unsigned dice;
};

static double lesser(double a, double b) { return a < b ? a : b; }

static double noise(struct sim *s)
{
  s->dice = s->dice * 1103515245u + 12345u;
  return 1 - s->line.noise * ((s->dice >> 16 & 1023) / 1023.0);
}

static double cap_of(const struct sim *s, const struct conn *c, uint64_t now)
{
  double cap = s->line.each, window = 15000;
  if (s->line.ill_every && c->serial % s->line.ill_every == s->line.ill_at)
    cap *= s->line.ill;
  if (!s->line.slow_start)
    return cap;
  for (uint64_t t = c->born_ms; t < now; t += s->line.rtt_ms)
    if (window * 1000 / s->line.rtt_ms < cap)
      window *= 2;
  return lesser(cap, window * 1000 / s->line.rtt_ms);
}

/* Bytes of one millisecond, the total shared out so that nobody gets more than it can take. */
static void flow(struct sim *s, uint64_t now)
{
  double left = s->line.total ? s->line.total * noise(s) : 1e18, caps[MOST], got[MOST] = { 0 };
  unsigned open = 0;
  for (unsigned i = 0; i < MOST; i++) {
    struct conn *c = &s->c[i];
    caps[i] = c->there && c->busy && now >= c->first_ms ? cap_of(s, c, now) * (s->line.total ? 1 : noise(s)) : 0;
    open += caps[i] > 0;
  }
  for (int round = 0; round < 8 && open && left > 1; round++) {
    double share = left / open;
    open = 0;
    for (unsigned i = 0; i < MOST; i++) {
      double more = lesser(share, caps[i] - got[i]);
      got[i] += more;
      left -= more;
      open += caps[i] - got[i] > 1;
    }
  }
  for (unsigned i = 0; i < MOST; i++) {
    struct conn *c = &s->c[i];
    double n = lesser(got[i] / 1000, c->end - c->pos);
    if (got[i] <= 0)
      continue;
    c->pos += n;
    s->got += n;
  }
}

static void ask(struct sim *s, struct conn *c, uint64_t now, struct hj_span span)
{
  struct hj_err e = HJ_ERR_INIT;
  c->fresh = !c->there;
  if (c->fresh)
    c->serial = ++s->serials;
  c->there = c->busy = true;
  c->asked_ms = now;
  c->first_ms = now + (c->fresh ? 3 : 1) * s->line.rtt_ms;
  if (c->fresh)
    c->born_ms = c->first_ms;
  c->flowing_yet = c->flowing_yet && !c->fresh;
  c->from = span.at;
  c->pos = span.at;
  c->end = span.end;
  s->requests++;
  CHECK_OK(hj_ranges_add(&s->taken, span.at, span.end, &e), e);
}

static void look_for_outliers(struct sim *s, uint64_t now, unsigned proven)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_span gap;
  for (unsigned i = 0; i < MOST; i++) {
    struct conn *c = &s->c[i];
    struct hj_pace pace = { .age_ms = now - c->asked_ms, .bytes = (uint64_t)(c->pos - c->from), .left = c->end - (uint64_t)c->pos,
                            .flowed_ms = now > c->first_ms ? now - c->first_ms : 0, .rtt_ms = s->line.rtt_ms, .typical = s->rate };
    pace.tail = !hj_ranges_gap(&s->taken, 0, s->size, &gap);
    if (!c->busy || proven < 3 || !hj_outlier(&pace))
      continue;
    CHECK_OK(hj_ranges_cut(&s->taken, (uint64_t)c->pos, c->end, &e), e);
    s->got += (double)(uint64_t)c->pos - c->pos;
    memset(c, 0, sizeof *c);
    s->killed++;
  }
}

static bool has_gap(struct sim *s)
{
  struct hj_span gap;
  return hj_ranges_gap(&s->taken, 0, s->size, &gap);
}

static void turn(struct sim *s, uint64_t now)
{
  unsigned busy = 0, proven = 0, level;
  for (unsigned i = 0; i < MOST; i++) {
    struct conn *c = &s->c[i];
    if (c->busy && c->pos >= c->end - 0.5)
      c->busy = false;
    busy += c->busy;
    if (c->busy && now >= c->first_ms)
      c->flowing_yet = true;
    proven += c->there && c->flowing_yet;
  }
  proven = proven < busy ? proven : busy;
  look_for_outliers(s, now, proven);
  hj_sched_path(&s->sched, s->line.rtt_ms, s->line.swells && s->brought >= s->line.total * 0.98e-3 ? HJ_QUEUE_GROWN : HJ_QUEUE_SHORT);
  level = hj_sched_turn(&s->sched, now, (uint64_t)s->got, busy, proven, has_gap(s));
  if (s->sched.last_rate && proven)
    s->rate = s->sched.last_rate / proven;
  s->most = level > s->most ? level : s->most;
  for (;;) {
    struct hj_plan plan = { .size = s->size, .range_min = MIB, .range_max = 64 * MIB, .workers = s->sched.want, .rate = s->rate, .rtt_ms = s->line.rtt_ms };
    struct hj_span span;
    struct conn *c = NULL;
    busy = 0;
    for (unsigned i = 0; i < MOST; i++) {
      busy += s->c[i].busy;
      if (!s->c[i].busy && (!c || (s->c[i].there && !c->there)))
        c = &s->c[i];
    }
    if (busy >= level || !c || !hj_plan_next(&plan, &s->taken, &span))
      return;
    ask(s, c, now, span);
    if (s->requests == 1)
      return; /* nobody knows the size yet */
  }
}

/* Seconds until the last byte is here. */
static double run_line(struct sim *s, struct line line, uint64_t size, unsigned most)
{
  uint64_t now;
  struct hj_span lead = { 0, HJ_FIRST_RANGE };
  memset(s, 0, sizeof *s);
  s->line = line;
  s->size = size;
  s->dice = 7;
  hj_ranges_init(&s->taken);
  hj_sched_init(&s->sched, 4, most, 0);
  ask(s, &s->c[0], 0, lead);
  for (now = 1; s->got < size - 0.5; now++) {
    double before = s->got;
    flow(s, now);
    s->brought = s->got - before;
    if (now % TURN_MS == 0 && now >= s->c[0].first_ms)
      turn(s, now);
    if (!s->full_ms && line.total && s->brought >= line.total * 0.95e-3)
      s->full_ms = now;
    if (now == 10000)
      for (unsigned i = 0; i < MOST; i++)
        s->late_ms += s->c[i].busy;
    CHECK_LT(now, 200000);
  }
  hj_ranges_release(&s->taken);
  return now / 1000.0;
}

/* Thousandths of the ideal time. */
static uint64_t show(const char *what, struct line line, uint64_t size, unsigned most, double ideal, struct sim *s)
{
  double wall = run_line(s, line, size, most);
  printf("%s: %.3f s, %.3f x ideal, full after %llu ms, %u requests, %u connections, %u dropped, level %u (most %u)\n", what, wall, wall / ideal,
         (unsigned long long)s->full_ms, s->requests, s->serials, s->killed, s->sched.want, s->most);
  return (uint64_t)(wall / ideal * 1000);
}

/* P1 of the benches: 1.08 x ideal with the start of the process, the rest of the proof and the publishing. */
TEST(a_gigabyte_over_slow_connections_takes_little_more_than_the_line_needs)
{
  struct sim s;
  struct line line = { .each = 8 * MB, .total = 200 * MB, .rtt_ms = 20 };
  double ideal = 1024 * MIB / line.total;
  CHECK_LT(show("P1", line, 1024 * MIB, 32, ideal, &s), 1080);
  CHECK_LT(s.full_ms, 600);
  line.noise = 0.3;
  CHECK_LT(show("P1 with noise", line, 1024 * MIB, 32, ideal / 0.85, &s), 1100);
  line.noise = 0;
  line.slow_start = true;
  CHECK_LT(show("P1 with slow start", line, 1024 * MIB, 32, ideal, &s), 1150);
  line.rtt_ms = 100;
  (void)show("P1 with slow start at 100 ms", line, 1024 * MIB, 32, ideal, &s);
}

/* P7: at most 3 % more than without them. */
TEST(connections_that_are_nearly_dead_cost_little)
{
  struct sim s;
  struct line a = { .each = 8 * MB, .rtt_ms = 20 }, b = { .each = 25 * MB, .total = 200 * MB, .rtt_ms = 20 };
  uint64_t healthy = show("P7a healthy", a, 512 * MIB, 8, 512 * MIB / (64 * MB), &s);
  a.ill_every = 1000, a.ill_at = 3, a.ill = 0.01;
  CHECK_LT(show("P7a one of 8 at 1 %", a, 512 * MIB, 8, 512 * MIB / (64 * MB), &s), healthy * 103 / 100);
  healthy = show("P7b healthy", b, 1024 * MIB, 32, 1024 * MIB / b.total, &s);
  CHECK_LT(healthy, 1080);
  b.ill_every = 8, b.ill_at = 3, b.ill = 0.01;
  CHECK_LT(show("P7b every 8th at 1 %", b, 1024 * MIB, 32, 1024 * MIB / b.total, &s), healthy * 103 / 100);
}

/* P11: full with few connections; and a line that several connections share is not over-provisioned for long. */
TEST(a_home_line_is_full_with_few_connections)
{
  static const struct { const char *what; struct line line; unsigned most_late; uint64_t most; } cases[] = {
    { "12.5 MB/s, 30 ms, one stream fills it", { .each = 100 * MB, .total = 12.5 * MB, .rtt_ms = 30, .slow_start = true, .swells = true }, 4, 1030 },
    { "the same without slow start", { .each = 100 * MB, .total = 12.5 * MB, .rtt_ms = 30, .swells = true }, 4, 1030 },
    { "the same with noise", { .each = 100 * MB, .total = 12.5 * MB, .rtt_ms = 30, .slow_start = true, .noise = 0.3, .swells = true }, 4, 1030 },
    { "12.5 MB/s, 8 MB/s a connection", { .each = 8 * MB, .total = 12.5 * MB, .rtt_ms = 30, .slow_start = true, .swells = true }, 4, 1030 },
    { "2 MB/s", { .each = 100 * MB, .total = 2 * MB, .rtt_ms = 30, .slow_start = true, .swells = true }, 4, 1030 },
    { "30 MB/s, 8 MB/s a connection", { .each = 8 * MB, .total = 30 * MB, .rtt_ms = 30, .slow_start = true, .swells = true }, 8, 1100 },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct sim s;
    double ideal = 256 * MIB / cases[i].line.total;
    context("%s", cases[i].what);
    if (cases[i].line.noise > 0)
      ideal /= 1 - cases[i].line.noise / 2;
    CHECK_LT(show(cases[i].what, cases[i].line, 256 * MIB, 32, ideal, &s), cases[i].most);
    CHECK_LE(s.most, 8 * (1 + cases[i].line.total / (20 * MB)));
    CHECK_LE(s.late_ms, cases[i].most_late);
  }
}

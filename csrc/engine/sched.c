/* engine/sched.c - see sched.h */
#include "engine/sched.h"

#include <string.h>
#include "util/banned.h"

#define SETTLE_TICKS 1u
#define GROW_GAIN 115u    /* per cent of the best rate that a doubling must bring while growing */
#define PROBE_GAIN 105u

void hj_sched_init(struct hj_sched *s, unsigned first, unsigned max, uint64_t now_ms)
{
  memset(s, 0, sizeof *s);
  s->want = s->best_want = first;
  s->max = max;
  s->tick_ms = s->change_ms = s->probe_ms = now_ms;
  s->growing = true;
  s->settle = SETTLE_TICKS;
}

static void set_level(struct hj_sched *s, unsigned want, uint64_t now_ms)
{
  s->want = want > s->max ? s->max : want < 1 ? 1 : want;
  s->change_ms = now_ms;
  s->settle = SETTLE_TICKS;
}

static void grow(struct hj_sched *s, uint64_t rate, uint64_t now_ms)
{
  if (s->best_rate && rate * 100 < s->best_rate * GROW_GAIN) {
    s->growing = false;
    s->probe_ms = now_ms;
    set_level(s, s->best_want, now_ms);
    return;
  }
  s->best_rate = rate;
  s->best_want = s->want;
  if (s->want < s->max)
    set_level(s, s->want * 2, now_ms);
  else
    s->growing = false;
}

static void hold(struct hj_sched *s, uint64_t rate, uint64_t now_ms)
{
  if (s->probing) {
    s->probing = false;
    s->probe_ms = now_ms;
    if (rate * 100 >= s->best_rate * PROBE_GAIN) {
      s->best_rate = rate;
      s->best_want = s->want;
      return;
    }
    set_level(s, s->best_want, now_ms);
    return;
  }
  /* The line's own drift: a slow mean, so that a lucky moment does not forbid every later probe. */
  s->best_rate = (s->best_rate * 7 + rate) / 8;
  if (now_ms - s->probe_ms >= HJ_PROBE_MS && s->want < s->max) {
    s->probing = true;
    set_level(s, s->want + (s->want + 1) / 2, now_ms);
    s->settle = 2 * SETTLE_TICKS;
  }
}

unsigned hj_sched_turn(struct hj_sched *s, uint64_t now_ms, uint64_t bytes, unsigned active, bool hungry)
{
  uint64_t span = now_ms - s->tick_ms, rate;
  if (span < HJ_TICK_MS)
    return s->want;
  rate = (bytes - s->tick_bytes) * 1000 / span;
  s->tick_ms = now_ms;
  s->tick_bytes = bytes;
  /* A level is judged only while it is really used: not before its connections run, not when the work runs out. */
  if (!hungry || active < s->want || rate == 0)
    return s->want;
  if (s->settle) {
    s->settle--;
    return s->want;
  }
  if (s->growing)
    grow(s, rate, now_ms);
  else
    hold(s, rate, now_ms);
  return s->want;
}

void hj_sched_back_off(struct hj_sched *s, uint64_t now_ms)
{
  if (now_ms - s->change_ms < 2 * HJ_TICK_MS)
    return; /* many connections broke at once: that is one event */
  s->growing = s->probing = false;
  s->best_want = s->want / 2 ? s->want / 2 : 1;
  s->best_rate = 0;
  s->probe_ms = now_ms;
  set_level(s, s->best_want, now_ms);
}

/* engine/sched.c - see sched.h */
#include "engine/sched.h"

#include <string.h>
#include "util/banned.h"

#define RISE_GAIN 115u   /* per cent of the base's rate that a doubling must bring */
#define PROBE_GAIN 105u
#define FALL_LOSS 95u    /* per cent that must be left at half the connections */
#define STEADY 110u      /* two windows agree when the second is below this per cent of the first */

static void begin_window(struct hj_sched *s, uint64_t now_ms, uint64_t bytes)
{
  s->window_ms = now_ms;
  s->window_bytes = bytes;
}

static void set_level(struct hj_sched *s, enum hj_sched_phase phase, unsigned want, uint64_t now_ms)
{
  s->phase = phase;
  s->want = want > s->max ? s->max : want < 1 ? 1 : want;
  s->level_ms = now_ms;
  s->windows = 0;
  s->last_rate = 0;
  if (phase == HJ_SCHED_HOLDING)
    s->probe_ms = now_ms;
}

void hj_sched_init(struct hj_sched *s, unsigned first, unsigned max, uint64_t now_ms)
{
  memset(s, 0, sizeof *s);
  s->max = max;
  s->base_want = first < max ? first : max;
  set_level(s, HJ_SCHED_RISING, s->base_want, now_ms);
  begin_window(s, now_ms, 0);
}

static void keep(struct hj_sched *s, uint64_t rate)
{
  s->base_want = s->want;
  s->base_rate = rate;
}

static void judge_rise(struct hj_sched *s, uint64_t rate, bool in_time, uint64_t now_ms)
{
  bool first = s->base_rate == 0;
  if (!first && rate * 100 < s->base_rate * RISE_GAIN) {
    if (in_time)
      return; /* it may still be on its way up */
    set_level(s, s->below_known ? HJ_SCHED_HOLDING : HJ_SCHED_FALLING, s->below_known ? s->base_want : (s->base_want + 1) / 2, now_ms);
    return;
  }
  s->below_known = s->below_known || !first;
  keep(s, rate);
  if (s->want < s->max)
    set_level(s, HJ_SCHED_RISING, s->want * 2, now_ms);
  else
    set_level(s, HJ_SCHED_HOLDING, s->want, now_ms);
}

static void judge_fall(struct hj_sched *s, uint64_t rate, uint64_t now_ms)
{
  if (rate * 100 < s->base_rate * FALL_LOSS) {
    set_level(s, HJ_SCHED_HOLDING, s->base_want, now_ms);
    return;
  }
  keep(s, rate > s->base_rate ? rate : s->base_rate); /* many small losses must not add up unseen */
  if (s->want > 1)
    set_level(s, HJ_SCHED_FALLING, s->want / 2, now_ms);
  else
    set_level(s, HJ_SCHED_HOLDING, s->want, now_ms);
}

static void judge_probe(struct hj_sched *s, uint64_t rate, uint64_t now_ms)
{
  if (rate * 100 >= s->base_rate * PROBE_GAIN) {
    keep(s, rate);
    if (s->want < s->max) /* it pays: go on at once, the line may have grown */
      set_level(s, HJ_SCHED_PROBING, s->want + (s->want + 1) / 2, now_ms);
    else
      set_level(s, HJ_SCHED_HOLDING, s->want, now_ms);
  } else {
    set_level(s, HJ_SCHED_HOLDING, s->base_want, now_ms);
  }
}

static void hold(struct hj_sched *s, uint64_t rate, uint64_t now_ms)
{
  s->base_rate = s->base_rate ? (s->base_rate * 7 + rate) / 8 : rate; /* the line's own drift; one lucky window must not forbid every later probe */
  if (now_ms - s->probe_ms >= HJ_PROBE_MS && s->want < s->max)
    set_level(s, HJ_SCHED_PROBING, s->want + (s->want + 1) / 2, now_ms);
}

/* Are the connections there that the level means? While falling: are the surplus ones gone? */
static bool is_populated(const struct hj_sched *s, unsigned active, unsigned flowing)
{
  return s->phase == HJ_SCHED_FALLING ? active <= s->want : flowing * 10 >= s->want * 9;
}

unsigned hj_sched_turn(struct hj_sched *s, uint64_t now_ms, uint64_t bytes, unsigned active, unsigned flowing, bool hungry)
{
  uint64_t span, rate, steady_rate, patience = s->phase == HJ_SCHED_RISING ? HJ_PATIENCE_MS : 3 * HJ_PATIENCE_MS;
  bool in_time = now_ms - s->level_ms < patience, steady;
  if (!hungry || active == 0 || flowing == 0) {
    s->level_ms = now_ms; /* the work runs out, or has not begun: nothing can be learned, and no time passes */
    begin_window(s, now_ms, bytes);
    return s->want;
  }
  if (!is_populated(s, active, flowing) && (in_time || s->phase == HJ_SCHED_FALLING || s->base_rate == 0)) {
    begin_window(s, now_ms, bytes);
    s->windows = 0;
    return s->want;
  }
  span = now_ms - s->window_ms;
  if (span < (s->phase == HJ_SCHED_RISING ? HJ_WINDOW_MS : HJ_LONG_WINDOW_MS))
    return s->want;
  rate = (bytes - s->window_bytes) * 1000 / span;
  begin_window(s, now_ms, bytes);
  s->windows++;
  steady = s->windows >= 2 && rate * 100 <= s->last_rate * STEADY;
  steady_rate = (rate + s->last_rate) / 2;
  s->last_rate = rate;
  if (rate == 0 || (s->phase != HJ_SCHED_HOLDING && !steady && in_time))
    return s->want;
  if (!steady)
    steady_rate = rate;
  switch (s->phase) {
  case HJ_SCHED_RISING:
    judge_rise(s, steady_rate, in_time, now_ms);
    break;
  case HJ_SCHED_FALLING:
    judge_fall(s, steady_rate, now_ms);
    break;
  case HJ_SCHED_PROBING:
    judge_probe(s, steady_rate, now_ms);
    break;
  case HJ_SCHED_HOLDING:
    hold(s, rate, now_ms);
    break;
  }
  return s->want;
}

void hj_sched_back_off(struct hj_sched *s, uint64_t now_ms)
{
  if (s->below_known && s->phase == HJ_SCHED_HOLDING && now_ms - s->level_ms < HJ_LONG_WINDOW_MS)
    return; /* many were told at once: that is one event */
  s->below_known = true;
  s->base_want = s->want / 2 ? s->want / 2 : 1;
  s->base_rate = 0;
  set_level(s, HJ_SCHED_HOLDING, s->base_want, now_ms);
}

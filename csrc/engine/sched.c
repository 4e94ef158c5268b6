/* engine/sched.c - see sched.h */
#include "engine/sched.h"

#include <string.h>
#include "util/banned.h"

#define RISE_GAIN 115u   /* per cent of the base's rate that a doubling must bring */
#define PROBE_GAIN 105u
/* The same where a queue has grown meanwhile: the gain may be others' loss, or come in bursts when what was lost is sent again. */
#define RISE_GAIN_QUEUED 140u
#define PROBE_GAIN_QUEUED 115u
#define FALL_LOSS 95u    /* per cent that must be left at half the connections */
#define FALL_RARELY_MS 48000u
#define EACH_AS_BEFORE 80u /* per cent of it: the line is not full yet */
#define CLEARLY_LESS 80u  /* per cent: no second window is needed to see that a fall was wrong */
#define LONE_BYTES (128u << 10) /* of a window: TLS comes in records of 16 KiB, and two round trips of a slow start that bring one each agree */
#define PATIENCE_TRIPS 12u /* three to open a connection, the others for a slow start to 8 MB/s at 100 ms */
#define STEADY 110u      /* two windows agree when the second is below this per cent of the first */

const char *hj_sched_phase_name(enum hj_sched_phase phase)
{
  static const char *const names[] = {
#define HJ_X(name, text) text,
    HJ_SCHED_PHASES(HJ_X)
#undef HJ_X
  };
  return names[phase];
}

const char *hj_sched_queue_name(enum hj_sched_queue queue)
{
  static const char *const names[] = {
#define HJ_X(name, text) text,
    HJ_SCHED_QUEUES(HJ_X)
#undef HJ_X
  };
  return names[queue];
}

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
  s->fall_every_ms = HJ_PROBE_MS;
  s->base_want = first < max ? first : max;
  set_level(s, HJ_SCHED_RISING, s->base_want, now_ms);
  begin_window(s, now_ms, 0);
}

void hj_sched_path(struct hj_sched *s, uint32_t rtt_ms, enum hj_sched_queue queue)
{
  s->rtt_ms = rtt_ms;
  s->queue = queue;
}

void hj_sched_resume(struct hj_sched *s, unsigned level, uint64_t lone_rate, uint64_t now_ms)
{
  s->lone_rate = lone_rate;
  s->base_rate = 0;
  set_level(s, HJ_SCHED_HOLDING, level, now_ms);
  s->base_want = s->want;
}

static void keep(struct hj_sched *s, unsigned want, uint64_t rate)
{
  s->base_want = want;
  s->base_rate = rate;
}

static void learn_lone(struct hj_sched *s, uint64_t rate, unsigned n)
{
  if (rate / n > s->lone_rate)
    s->lone_rate = rate / n;
}

/* The line is full. How many does it take? */
static void settle(struct hj_sched *s, uint64_t rate, uint64_t now_ms)
{
  uint64_t full = rate > s->base_rate ? rate : s->base_rate, need;
  if (s->lone_rate) {
    need = (full + s->lone_rate - 1) / s->lone_rate;
    need += s->queue == HJ_QUEUE_GROWN ? 0 : need / 4 + 1;
    keep(s, need < s->want ? (unsigned)need : s->want, full);
    set_level(s, HJ_SCHED_HOLDING, s->base_want, now_ms);
  } else if (s->queue == HJ_QUEUE_SHORT) {
    set_level(s, HJ_SCHED_HOLDING, s->base_want, now_ms);
  } else {
    set_level(s, HJ_SCHED_FALLING, (s->base_want + 1) / 2, now_ms);
  }
}

static bool pays(const struct hj_sched *s, uint64_t sure_rate, unsigned gain, unsigned gain_queued)
{
  return sure_rate * 100 >= s->base_rate * (s->queue == HJ_QUEUE_GROWN ? gain_queued : gain);
}

/* sure_rate: the lesser of two windows. */
static void judge_rise(struct hj_sched *s, uint64_t rate, uint64_t sure_rate, bool in_time, uint64_t now_ms)
{
  bool first = s->base_rate == 0, each_as_before;
  if (!first && !pays(s, sure_rate, RISE_GAIN, RISE_GAIN_QUEUED)) {
    if (!in_time) /* else it may still be on its way up */
      settle(s, rate, now_ms);
    return;
  }
  if (first && s->queue == HJ_QUEUE_GROWN) { /* full already */
    keep(s, s->want, rate);
    settle(s, rate, now_ms);
    return;
  }
  each_as_before = !first && sure_rate * s->base_want * 100 >= s->base_rate * s->want * EACH_AS_BEFORE;
  if (!first)
    learn_lone(s, s->base_rate, s->base_want);
  keep(s, s->want, rate);
  if (s->want < s->max)
    set_level(s, HJ_SCHED_RISING, s->want * (each_as_before ? 4 : 2), now_ms);
  else
    set_level(s, HJ_SCHED_HOLDING, s->want, now_ms);
}

static void judge_fall(struct hj_sched *s, uint64_t rate, uint64_t now_ms)
{
  if (rate * 100 < s->base_rate * FALL_LOSS) {
    s->fall_every_ms = s->fall_every_ms < FALL_RARELY_MS ? s->fall_every_ms * 2 : FALL_RARELY_MS;
    set_level(s, HJ_SCHED_HOLDING, s->base_want, now_ms);
    return;
  }
  keep(s, s->want, rate > s->base_rate ? rate : s->base_rate); /* many small losses must not add up unseen */
  if (s->want > 1)
    set_level(s, HJ_SCHED_FALLING, s->want / 2, now_ms);
  else
    set_level(s, HJ_SCHED_HOLDING, s->want, now_ms);
}

static void judge_probe(struct hj_sched *s, uint64_t rate, uint64_t sure_rate, uint64_t now_ms)
{
  if (pays(s, sure_rate, PROBE_GAIN, PROBE_GAIN_QUEUED)) {
    keep(s, s->want, rate);
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
  if (s->queue == HJ_QUEUE_GROWN) { /* more would only make the queue longer; also when it has gone for a moment, as it does after a loss */
    if (now_ms - s->probe_ms >= s->fall_every_ms && s->want > 1)
      set_level(s, HJ_SCHED_FALLING, s->want / 2, now_ms);
  } else if (now_ms - s->probe_ms >= HJ_PROBE_MS && now_ms - s->grown_ms >= HJ_PROBE_MS && s->want < s->max && !s->busy) {
    set_level(s, HJ_SCHED_PROBING, s->want + (s->want + 1) / 2, now_ms);
  }
}

/* Are the connections there that the level means? While falling: are the surplus ones gone? */
static bool is_populated(const struct hj_sched *s, unsigned active, unsigned flowing)
{
  return s->phase == HJ_SCHED_FALLING ? active <= s->want : flowing * 10 >= s->want * 9;
}

/* A round trip: within one, a slow start comes in bursts and two windows agree by chance. */
static uint64_t window_length(const struct hj_sched *s)
{
  if (s->phase == HJ_SCHED_FALLING && s->windows == 0)
    return HJ_LONG_WINDOW_MS / 2;
  if (s->phase != HJ_SCHED_RISING)
    return HJ_LONG_WINDOW_MS;
  return s->rtt_ms == 0 ? 2 * HJ_WINDOW_MS : s->rtt_ms > HJ_WINDOW_MS ? s->rtt_ms : HJ_WINDOW_MS;
}

/* The first one flows before the others do, as a rule: it found out what the file is. If its rate does not grow any more, that is a
 * level, too, and the best that can be had: it says what one connection brings on a line that is not full. */
static void watch_the_first(struct hj_sched *s, uint64_t now_ms, uint64_t bytes)
{
  uint64_t span = now_ms - s->window_ms, rate;
  if (!s->watched) {
    s->watched = true;
    s->windows = 0;
    begin_window(s, now_ms, bytes);
    return;
  }
  if (span < window_length(s))
    return;
  rate = (bytes - s->window_bytes) * 1000 / span;
  s->windows = bytes - s->window_bytes < LONE_BYTES ? 0 : s->windows + 1;
  begin_window(s, now_ms, bytes);
  if (s->windows >= 2 && rate * 100 <= s->last_rate * STEADY && rate * STEADY >= s->last_rate * 100)
    keep(s, 1, rate);
  s->last_rate = rate;
}

unsigned hj_sched_turn(struct hj_sched *s, uint64_t now_ms, uint64_t bytes, unsigned active, unsigned flowing, bool hungry)
{
  uint64_t span, rate, steady_rate, sure_rate, patience = s->phase == HJ_SCHED_RISING ? HJ_PATIENCE_MS : 3 * HJ_PATIENCE_MS;
  bool in_time, steady;
  if (s->queue == HJ_QUEUE_GROWN)
    s->grown_ms = now_ms;
  patience = patience > PATIENCE_TRIPS * s->rtt_ms ? patience : PATIENCE_TRIPS * s->rtt_ms;
  in_time = now_ms - s->level_ms < patience;
  if (!hungry || active == 0 || flowing == 0) {
    s->level_ms = now_ms; /* the work runs out, or has not begun: nothing can be learned, and no time passes */
    begin_window(s, now_ms, bytes);
    return s->want;
  }
  if (!is_populated(s, active, flowing) && (in_time || s->phase == HJ_SCHED_FALLING || s->base_rate == 0)) {
    if (s->phase == HJ_SCHED_RISING && !s->lone_rate && flowing == 1) {
      watch_the_first(s, now_ms, bytes);
    } else {
      begin_window(s, now_ms, bytes);
      s->windows = 0;
    }
    return s->want;
  }
  if (s->watched) {
    s->watched = false;
    s->windows = 0;
    begin_window(s, now_ms, bytes);
  }
  span = now_ms - s->window_ms;
  if (span == 0 || span < window_length(s))
    return s->want;
  rate = (bytes - s->window_bytes) * 1000 / span;
  begin_window(s, now_ms, bytes);
  s->windows++;
  steady = s->windows >= 2 && rate * 100 <= s->last_rate * STEADY;
  sure_rate = s->windows >= 2 && s->last_rate < rate ? s->last_rate : rate;
  steady_rate = s->windows >= 2 ? (rate + s->last_rate) / 2 : rate;
  s->last_rate = rate;
  if (s->busy && s->phase == HJ_SCHED_RISING) {
    s->level_ms = now_ms;
    return s->want;
  }
  if (s->phase == HJ_SCHED_FALLING && rate * 100 < s->base_rate * CLEARLY_LESS)
    steady = true;
  if (rate == 0 || (s->phase != HJ_SCHED_HOLDING && !steady && in_time))
    return s->want;
  if (!steady)
    steady_rate = sure_rate; /* out of patience. It may rise still, or have been a burst: 38 MB/s for 62 ms were seen on a line of 12 */
  switch (s->phase) {
  case HJ_SCHED_RISING:
    judge_rise(s, steady_rate, sure_rate, in_time, now_ms);
    break;
  case HJ_SCHED_FALLING:
    judge_fall(s, steady_rate, now_ms);
    break;
  case HJ_SCHED_PROBING:
    judge_probe(s, steady_rate, sure_rate, now_ms);
    break;
  case HJ_SCHED_HOLDING:
    hold(s, rate, now_ms);
    break;
  }
  return s->want;
}

void hj_sched_busy(struct hj_sched *s, bool busy) { s->busy = busy; }

void hj_sched_back_off(struct hj_sched *s, uint64_t now_ms)
{
  if (s->backed_off && s->phase == HJ_SCHED_HOLDING && now_ms - s->level_ms < HJ_LONG_WINDOW_MS)
    return; /* many were told at once: that is one event */
  s->backed_off = true;
  s->base_want = s->want / 2 ? s->want / 2 : 1;
  s->base_rate = 0;
  set_level(s, HJ_SCHED_HOLDING, s->base_want, now_ms);
}

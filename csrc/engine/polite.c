/* engine/polite.c - see polite.h */
#include "engine/polite.h"

#include <string.h>
#include "util/banned.h"

#define SECOND_US 1000000u
#define TARGET_LEAST_US 10000u
#define TARGET_MOST_US 25000u
#define FIRST ((uint64_t)64 << 10)   /* before anything is known; Linux offers as much to each connection by itself */
#define SEGMENT 1448u
#define IDLE_MS 2000u                /* without a turn: the line may be another one */
#define EMPTY_TURNS 3u
#define DRAIN_EVERY_MS 30000u
#define USED 70u                     /* per cent of the window in flight: then it is the window that holds us */
#define PAYS 125u                    /* per cent of the rate before that twice as much in flight must bring, in one of two steps */

uint32_t hj_polite_base_us(const struct hj_polite *p)
{
  uint32_t least = 0;
  for (unsigned i = 0; i < HJ_POLITE_EPOCHS; i++)
    if (p->least_us[i] && (!least || p->least_us[i] < least))
      least = p->least_us[i];
  return least;
}

uint32_t hj_polite_target_us(const struct hj_polite *p)
{
  uint32_t part = hj_polite_base_us(p) / 6;
  return part < TARGET_LEAST_US ? TARGET_LEAST_US : part > TARGET_MOST_US ? TARGET_MOST_US : part;
}

static void learn_trip(struct hj_polite *p, uint32_t trip_us, uint64_t now_ms)
{
  uint64_t epoch = now_ms / HJ_POLITE_EPOCH_MS;
  uint32_t *least;
  for (unsigned i = 0; p->epoch + i < epoch && i < HJ_POLITE_EPOCHS; i++)
    p->least_us[(epoch - i) % HJ_POLITE_EPOCHS] = 0;
  p->epoch = epoch;
  least = &p->least_us[epoch % HJ_POLITE_EPOCHS];
  if (trip_us && (!*least || trip_us < *least))
    *least = trip_us;
}

/* What a rate has in flight in so much time. */
static uint64_t in_flight(uint64_t rate, uint64_t us) { return rate / 1000 * us / 1000 + rate % 1000 * us / SECOND_US; }

static void begin(struct hj_polite *p, const struct hj_polite_facts *now)
{
  p->starting = true;
  p->window = FIRST;
  p->turned_ms = p->seen_empty_ms = now->now_ms;
  p->came = now->came;
  p->trip_us = now->trip_us;
  p->rate = p->peak = p->best = p->last_rate = p->resume = 0;
  p->empty = p->barren = 0;
}

/* Somebody has left the line. Doubling, where steps of a target's worth would take minutes if the way is long or the sender is BBR. */
static void start_again(struct hj_polite *p)
{
  p->starting = true;
  p->last_rate = 0;
  p->barren = p->empty = 0;
}

/* used: else the sender itself is still starting, or slow. */
static void start_on(struct hj_polite *p, bool used, uint32_t base_us, uint32_t swell_us, uint32_t target_us)
{
  uint64_t enough = in_flight(p->rate, base_us + target_us / 2);
  bool pays = p->rate * 100 >= p->last_rate * PAYS;
  p->barren = pays ? 0 : p->barren + 1;
  if (swell_us > target_us / 2 || p->barren >= 2) {
    p->starting = false;
    p->best = p->rate;
    p->window = enough < p->window ? enough : p->window;
    return;
  }
  if (pays) {
    p->last_rate = p->rate;
    p->window *= used ? 2 : 1;
  }
}

/* BBR drains the queue between two probes, so the least trip looks empty on a full line: more than was delivered lately, and the target's
 * worth, is a queue in any case. */
static void keep_short(struct hj_polite *p, uint32_t base_us, uint32_t swell_us, uint32_t target_us)
{
  uint64_t less, most = in_flight(p->peak, base_us + target_us);
  if (swell_us > target_us) {
    less = in_flight(p->rate, (swell_us - target_us) / (swell_us > 2 * target_us ? 2 : 4));
    p->window -= less < p->window / 3 ? less : p->window / 3;
  } else if (p->empty >= EMPTY_TURNS) { /* far from full: somebody has left, or the line is faster than it was */
    p->window += p->window / 4;
  } else {
    p->window += in_flight(p->rate, (target_us - swell_us) / 4);
  }
  if (p->window > most)
    p->window = most;
}

/* Half of it for some round trips, if the line has not been seen without a queue: how long is the way now? */
static bool drain(struct hj_polite *p, uint64_t now_ms, uint32_t trip_us)
{
  if (p->resume) {
    if (now_ms < p->drained_ms)
      return true;
    p->window = p->resume;
    p->resume = 0;
    p->empty = 0;
    p->seen_empty_ms = p->turned_ms = now_ms;
    return false;
  }
  if (p->starting || now_ms - p->seen_empty_ms < DRAIN_EVERY_MS)
    return false;
  p->resume = p->window;
  p->window /= 2;
  p->drained_ms = now_ms + 4 * (trip_us / 1000) + 2 * HJ_POLITE_TURN_MS;
  return true;
}

static void stay_within(struct hj_polite *p, const struct hj_polite_facts *now, unsigned connections, uint32_t base_us)
{
  uint64_t least = (uint64_t)HJ_POLITE_LEAST * (now->segment ? now->segment : SEGMENT) * connections, limit = now->limit / 20 * 19;
  if (now->limit && p->window > in_flight(limit, base_us)) /* below what the bucket gives: it would blind us (polite.h) */
    p->window = in_flight(limit, base_us);
  if (p->window > HJ_POLITE_MOST)
    p->window = HJ_POLITE_MOST;
  if (p->window < least)
    p->window = least;
}

uint64_t hj_polite_turn(struct hj_polite *p, const struct hj_polite_facts *now)
{
  unsigned connections = now->connections ? now->connections : 1;
  uint64_t span_ms, wait_ms;
  uint32_t trip_us, base_us, swell_us, target_us;
  bool used;
  if (!now->trip_us)
    return p->window;
  learn_trip(p, now->trip_us, now->now_ms);
  if (!p->window || now->now_ms - p->turned_ms > IDLE_MS) {
    begin(p, now);
    return p->window;
  }
  span_ms = now->now_ms - p->turned_ms;
  wait_ms = now->trip_us / 1000 * (p->starting || p->empty >= EMPTY_TURNS ? 2 : 1); /* what a step brings is seen a round trip later */
  if (span_ms < (wait_ms > HJ_POLITE_TURN_MS ? wait_ms : HJ_POLITE_TURN_MS))
    return p->window;
  trip_us = now->trip_us < p->trip_us ? now->trip_us : p->trip_us; /* one alone may be a server that paused */
  p->trip_us = now->trip_us;
  p->rate = (now->came - p->came) * 1000 / span_ms;
  p->best = p->rate > p->best ? p->rate : p->best;
  p->peak = p->rate > p->peak ? p->rate : p->peak - p->peak / 16;
  p->turned_ms = now->now_ms;
  p->came = now->came;
  base_us = hj_polite_base_us(p);
  target_us = hj_polite_target_us(p);
  swell_us = trip_us - base_us;
  p->empty = swell_us <= target_us / 4 ? p->empty + 1 : 0;
  if (p->empty)
    p->seen_empty_ms = now->now_ms;
  used = in_flight(p->rate, trip_us) * 100 >= p->window * USED;
  if (!drain(p, now->now_ms, trip_us)) {
    if (p->starting)
      start_on(p, used, base_us, swell_us, target_us);
    else if (p->empty >= 2 * EMPTY_TURNS && used && p->rate < p->best / 2)
      start_again(p);
    else if (used || swell_us > target_us)
      keep_short(p, base_us, swell_us, target_us);
  }
  stay_within(p, now, connections, base_us);
  return p->window;
}

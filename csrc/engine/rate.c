/* engine/rate.c - see rate.h */
#include "engine/rate.h"

#include <limits.h>
#include "util/banned.h"

#define SECOND_US 1000000u
#define FIRST_CAP 2u         /* one idles for a round trip between two ranges, two do not */

static int64_t burst(uint64_t rate)
{
  uint64_t n = rate / (1000 / HJ_BURST_MS);
  return n > INT64_MAX / 2 ? INT64_MAX / 2 : n < 1 ? 1 : (int64_t)n;
}

static void refill(struct hj_bucket *b, uint64_t now_us)
{
  uint64_t span = now_us > b->at_us ? now_us - b->at_us : 0;
  uint64_t gain;
  if (span > 10 * SECOND_US) /* the product below stays within 64 bits for all rates up to a TB/s */
    span = 10 * SECOND_US;
  gain = b->rate / SECOND_US * span + b->rate % SECOND_US * span / SECOND_US;
  if (gain == 0 && span < SECOND_US)
    return; /* the time is not lost: it is counted when it is worth a token */
  b->at_us = now_us;
  b->tokens = (int64_t)gain > burst(b->rate) - b->tokens ? burst(b->rate) : b->tokens + (int64_t)gain;
}

void hj_bucket_rate(struct hj_bucket *b, uint64_t rate, uint64_t now_us)
{
  if (rate == b->rate)
    return;
  refill(b, now_us);
  b->at_us = now_us;
  b->rate = rate;
  if (b->tokens > burst(rate))
    b->tokens = burst(rate);
  if (b->tokens < -(int64_t)(rate / 2)) /* made at a higher rate: half a second is penance enough */
    b->tokens = -(int64_t)(rate / 2);
}

bool hj_bucket_is_open(struct hj_bucket *b, uint64_t now_us)
{
  refill(b, now_us);
  return b->rate && b->tokens > 0;
}

void hj_bucket_take(struct hj_bucket *b, uint64_t n) { b->tokens -= n > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)n; }

uint32_t hj_bucket_wait_ms(struct hj_bucket *b, uint64_t now_us)
{
  int64_t wanted = burst(b->rate) / (HJ_BURST_MS / HJ_STEP_MS), missing;
  if (hj_bucket_is_open(b, now_us))
    return 0;
  if (!b->rate)
    return 1000;
  missing = (wanted > 0 ? wanted : 1) - b->tokens;
  return (uint64_t)missing > b->rate ? 1000 : (uint32_t)((uint64_t)missing * 1000 / b->rate) + 1;
}

uint64_t hj_rate_appetite(uint64_t before, uint64_t rate, uint64_t may, bool felt)
{
  uint64_t fallen = (before > may ? may : before) / 8 * 7, used = rate + rate / 4;
  if (felt || may == 0)
    return UINT64_MAX;
  return used > fallen ? used : fallen;
}

uint64_t hj_rate_share(uint64_t limit, uint64_t appetite, const uint64_t *others, size_t n)
{
  uint64_t level = 0, below = 0, next = limit / (n + 1);
  size_t greedy = n + 1;
  while (next > level && greedy) { /* those at or below the level are served; what they leave lifts it */
    level = next;
    below = appetite <= level ? appetite : 0;
    greedy = appetite <= level ? 0 : 1;
    for (size_t i = 0; i < n; i++) {
      below += others[i] <= level ? others[i] : 0;
      greedy += others[i] > level;
    }
    next = greedy ? (limit - below) / greedy : level;
  }
  if (!greedy)
    return appetite + (limit - below) / (n + 1);
  return appetite <= level ? appetite : level;
}

uint64_t hj_rate_claim(uint64_t limit, uint64_t share, uint64_t mine, uint64_t theirs)
{
  uint64_t left = limit > theirs ? limit - theirs : 0;
  if (share <= mine || share <= left)
    return share;
  return left > mine ? left : mine;
}

unsigned hj_brake_turn(struct hj_brake *b, uint64_t now_ms, bool limited, bool full, unsigned active, bool hungry)
{
  if (!limited) {
    *b = (struct hj_brake){ .cap = UINT_MAX };
    return b->cap;
  }
  if (!b->on)
    *b = (struct hj_brake){ .on = true, .binds = true, .cap = FIRST_CAP, .since_ms = now_ms };
  if (full || !hungry || active < b->cap) { /* the limit is felt, or there is nothing to learn */
    b->binds = b->binds || full;
    b->since_ms = now_ms;
  } else if (now_ms - b->since_ms >= HJ_BRAKE_MS) {
    b->binds = false;
    b->since_ms = now_ms;
    if (b->cap < UINT_MAX / 2)
      b->cap *= 2;
  }
  return b->cap;
}

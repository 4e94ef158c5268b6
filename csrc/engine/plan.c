/* engine/plan.c - see plan.h */
#include "engine/plan.h"

#include "util/banned.h"

#define RANGE_MS 1500u
#define RANGE_TRIPS 64u

static uint64_t at_most(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t at_least(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* Bytes of the file that nobody has or asked for. What was asked before the size was known may lie beyond it. */
static uint64_t missing(const struct hj_ranges *taken, uint64_t size)
{
  uint64_t left = size;
  for (size_t i = 0; i < taken->n && taken->p[i].at < size; i++)
    left -= at_most(taken->p[i].end, size) - taken->p[i].at;
  return left;
}

bool hj_plan_next(const struct hj_plan *p, const struct hj_ranges *taken, struct hj_span *out)
{
  uint64_t length;
  struct hj_span gap;
  if (!hj_ranges_gap(taken, 0, p->size, &gap))
    return false;
  length = missing(taken, p->size) / (p->workers > 1 ? 2 * (uint64_t)p->workers : 1);
  if (!p->rate) {
    length = at_most(length, HJ_BLIND_RANGE);
  } else {
    length = at_most(length, at_most(p->rate, (uint64_t)1 << 40) * at_least(RANGE_MS, RANGE_TRIPS * (uint64_t)p->rtt_ms) / 1000);
    length = at_least(length, p->rate / 16); /* what comes in 60 ms is no tail to fear, and each question costs a round trip */
  }
  length = at_least(at_most(length, p->range_max), p->range_min);
  length -= length > HJ_GRAIN ? length % HJ_GRAIN : 0;
  /* End on a whole MiB of the file, so that pieces are aligned however the gap began (a resumed one begins anywhere). */
  out->at = gap.at;
  out->end = gap.at + length;
  if (out->end > HJ_GRAIN && out->end - out->end % HJ_GRAIN > gap.at)
    out->end -= out->end % HJ_GRAIN;
  if (out->end >= gap.end || gap.end - out->end < p->range_min / 2)
    out->end = gap.end;
  return true;
}

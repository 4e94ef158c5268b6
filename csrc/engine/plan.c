/* engine/plan.c - see plan.h */
#include "engine/plan.h"

#include "util/banned.h"

static uint64_t at_most(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t at_least(uint64_t a, uint64_t b) { return a > b ? a : b; }

bool hj_plan_next(const struct hj_plan *p, const struct hj_ranges *taken, struct hj_span *out)
{
  uint64_t left = p->size - hj_ranges_sum(taken), length;
  struct hj_span gap;
  if (!hj_ranges_gap(taken, 0, p->size, &gap))
    return false;
  length = left / (2 * (uint64_t)(p->workers ? p->workers : 1));
  if (p->rate)
    length = at_most(length, p->rate + p->rate / 2);
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

/* engine/plan.h - which range next. Pure.
 *
 * Facts    a fixed size loses at the tail; eager stealing was measured to cost 20-40 %. So sizes are guided: a share of what is left
 *          (remaining / 2n), at most what one connection brings in 1.5 s or 64 round trips (each question costs one, in which nothing comes: 1.5 %),
 *          at least what it brings in 60 ms, in whole MiB. Small at the end: all close together.
 */
#ifndef HJ_PLAN_H
#define HJ_PLAN_H

#include "util/ranges.h"

#define HJ_GRAIN ((uint64_t)1 << 20)
#define HJ_FIRST_RANGE ((uint64_t)4 << 20)      /* asked before the size is known: a file up to this is one request */
/* While no rate is known. With 64 MiB the first connections of 8 MB/s sat on theirs for 8 s, the proof waited behind them, and 1 GiB was
 * digested after its last byte had come: 0.6 s of 6.5. */
#define HJ_BLIND_RANGE ((uint64_t)4 << 20)
#define HJ_SMALL_MAX ((uint64_t)1 << 20)        /* up to this a body stays in memory until it is stored */

struct hj_plan {
  uint64_t size;
  uint64_t range_min, range_max;
  unsigned workers;         /* connections that share what is left, >= 1 */
  uint64_t rate;            /* bytes per second of one connection, 0 = not known */
  uint32_t rtt_ms;          /* 0 = not known */
};

/* `taken`: on disk or asked for. false: nothing left to ask. A gap shorter than a range is taken whole. */
bool hj_plan_next(const struct hj_plan *p, const struct hj_ranges *taken, struct hj_span *out);

#endif

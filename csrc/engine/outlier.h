/* engine/outlier.h - is this connection so slow that another one should have its range? Pure.
 *
 * Facts    an edge server at 8.7 MB/s was seen next to one at 68; one of eight connections at 1 % speed makes peers 1.3 to 7 times
 *          slower. One at 1 % is told after a quarter of a second, where the round trip is known: a slow start is over by then, and no
 *          healthy connection begins at a twentieth of the others. Taking ranges from healthy connections costs 20-40 %: each abort throws the window away and three round trips. So only
 *          from outliers, and only when what is left would take longer than that.
 */
#ifndef HJ_OUTLIER_H
#define HJ_OUTLIER_H

#include <stdbool.h>
#include <stdint.h>

#define HJ_OUTLIER_AGE_MS 1000u        /* before that a slow start looks like a slow line */
#define HJ_OUTLIER_EARLY_MS 250u       /* of flowing, or so many round trips if that is longer: the nearly dead are told */
#define HJ_OUTLIER_EARLY_TRIPS 12u
#define HJ_OUTLIER_EARLY_PERCENT 5u
#define HJ_OUTLIER_SILENT_MS 4000u     /* no head yet: some servers think, some are gone */
#define HJ_OUTLIER_PERCENT 15u         /* of the typical rate */
#define HJ_OUTLIER_TAIL_PERCENT 50u    /* when nothing else is left to fetch, half as fast is slow enough */

struct hj_pace {
  uint64_t age_ms;          /* since its question went out */
  uint64_t flowed_ms;       /* since its first byte */
  uint32_t rtt_ms;          /* of this host, 0 = not known */
  uint64_t bytes, left;     /* brought by this request, and still to come */
  uint64_t typical;         /* bytes per second of the others; 0 = not known: nobody is an outlier */
  bool tail;                /* no range is waiting for a connection */
};

bool hj_outlier(const struct hj_pace *p);

#endif

/* engine/sched.h - how many connections. Pure: the clock and the byte counts are arguments.
 *
 *   RISING    double as soon as a level's rate is known and paid for; the last one that paid is the base
 *   FALLING   the first level was enough: is half of it, too?
 *   HOLDING   keep the base; now and then PROBING half as many more, kept only if they bring 5 %
 *
 * A level's rate is known when all its connections flow and two windows in a row agree (a slow start is over), or after
 * HJ_PATIENCE_MS. A level that does not pay is left by not replacing connections that end; no healthy one is cut.
 *
 * Facts    (simulated in tests/c/test_sched.c, measured in tests/bench) 8 MB/s a connection, 200 MB/s in all: full in 0.5 s from
 *          8. A line that one stream fills: the level falls to one or two within some seconds.
 */
#ifndef HJ_SCHED_H
#define HJ_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#define HJ_WINDOW_MS 50u        /* of measuring, while rising */
#define HJ_LONG_WINDOW_MS 250u  /* while holding, falling, probing: there is time, and noise costs more */
#define HJ_PATIENCE_MS 600u     /* then a level is judged although it still rises, or although not all its connections flow */
#define HJ_PROBE_MS 3000u

enum hj_sched_phase { HJ_SCHED_RISING, HJ_SCHED_FALLING, HJ_SCHED_HOLDING, HJ_SCHED_PROBING };

struct hj_sched {
  enum hj_sched_phase phase;
  unsigned want, max;
  unsigned base_want;            /* the level that is known to pay */
  uint64_t base_rate;            /* bytes per second at it; 0 = not known yet */
  bool below_known;              /* a lower level was measured and was slower: no need to fall */
  uint64_t level_ms;             /* since when the level is wanted */
  uint64_t window_ms, window_bytes, last_rate;
  unsigned windows;              /* full ones at this level */
  uint64_t probe_ms;
};

void hj_sched_init(struct hj_sched *s, unsigned first, unsigned max, uint64_t now_ms);
/* Called as often as one likes. `bytes`: received since the job began. `active`: connections now. `flowing`: of those, how many have
 * had a byte. `hungry`: there is work that a further connection could take. Answers the level wanted. */
unsigned hj_sched_turn(struct hj_sched *s, uint64_t now_ms, uint64_t bytes, unsigned active, unsigned flowing, bool hungry);
/* A server said 429 or 503, or connections break: halve. Many at once are one event. */
void hj_sched_back_off(struct hj_sched *s, uint64_t now_ms);

#endif

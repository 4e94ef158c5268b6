/* engine/sched.h - how many connections. Pure: the clock and the byte count are arguments.
 *
 *   GROWING   double every settled tick while goodput pays for it
 *   HOLDING   keep the best level; now and then try half as many more, keep them only if they bring 5 %
 *
 * A level that does not pay is left again by not replacing connections that end; no healthy one is cut.
 */
#ifndef HJ_SCHED_H
#define HJ_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#define HJ_TICK_MS 125u
#define HJ_PROBE_MS 2500u

struct hj_sched {
  unsigned want, best_want, max;
  uint64_t best_rate;          /* bytes per second at best_want */
  uint64_t tick_ms, tick_bytes;
  uint64_t change_ms, probe_ms;
  unsigned settle;             /* ticks to ignore after a change */
  bool growing, probing;
};

void hj_sched_init(struct hj_sched *s, unsigned first, unsigned max, uint64_t now_ms);
/* Called as often as one likes; acts once a tick. `bytes`: received since the job began. `active`: connections now.
 * `hungry`: there is work that a further connection could take. Answers the level wanted. */
unsigned hj_sched_turn(struct hj_sched *s, uint64_t now_ms, uint64_t bytes, unsigned active, bool hungry);
/* A server said 429 or 503, or connections break: halve. */
void hj_sched_back_off(struct hj_sched *s, uint64_t now_ms);

#endif

/* engine/polite.h - how much may be on its way to a download that others in the house should not notice. Pure: the clock and all counts
 * are arguments. One of these for each host.
 *
 *   goal       the round trip is longer than its least by `target`: a sixth of it, 10 to 25 ms. Below that more may be on its way, above it less,
 *              by what a quarter of the distance is worth at the present rate. So a line that is ours alone is full, and its queue short;
 *              and where somebody else's stream fills the queue, we sink to the floor, and are back a second or two after it ends.
 *   starting   twice as much each two round trips, until the queue is felt or more brings nothing
 *   the least  is of the last three minutes, so that another route is believed one day. Twice a minute, if the queue was never seen empty,
 *              half as much for some round trips: else our own queue would become part of it.
 *   the floor  HJ_POLITE_LEAST a connection: nobody starves
 *
 * Facts      The answer is bytes in flight, which the receive windows hold to (engine/window.h), and no rate for the bucket (engine/rate.h):
 *            a transfer that is paused leaves bytes unread, and while there are any Linux 6.18 takes no longer round trip for
 *            true. Seen: 30.0 ms, unchanged, beside a stream that held the queue at 76. A window that is full also stops by itself: the
 *            queue is never longer than it, however late anything is noticed.
 */
#ifndef HJ_POLITE_H
#define HJ_POLITE_H

#include <stdbool.h>
#include <stdint.h>

#define HJ_POLITE_CONNECTIONS 2u              /* at a host: one idles for a round trip between two ranges, two do not */
#define HJ_POLITE_LEAST 3u                    /* packets in flight of a connection. Below one the sender waits for a timer: 4 KiB each 200 ms over loopback */
#define HJ_POLITE_MOST ((uint64_t)64 << 20)
#define HJ_POLITE_TURN_MS 50u
#define HJ_POLITE_EPOCHS 6u
#define HJ_POLITE_EPOCH_MS 30000u

struct hj_polite {
  uint64_t window;                            /* bytes in flight of all connections together; 0: nothing is known, no bound */
  bool starting;
  uint32_t least_us[HJ_POLITE_EPOCHS];        /* of each epoch; 0: nobody looked */
  uint32_t trip_us;                           /* at the last turn */
  unsigned empty, barren;                     /* turns in a row that saw no queue; steps of a start that brought nothing */
  uint64_t epoch, turned_ms, came, rate, peak;   /* rate: bytes per second, of the last turn; peak: the most of late */
  uint64_t best;                              /* the most since a start ended: less than half of it, and no queue, is a reason to start again */
  uint64_t last_rate;                         /* what the last step of a start was made from */
  uint64_t seen_empty_ms;
  uint64_t drained_ms, resume;                /* until when, and what then; 0: not draining */
};

struct hj_polite_facts {
  uint64_t now_ms, came;                      /* came: bytes from that host, ever */
  uint32_t trip_us;                           /* its round trip now, as the least of the connections has it; 0: not known */
  uint32_t segment;                           /* bytes of a packet; 0: not known */
  unsigned connections;                       /* that could bring bytes; 0 counts as 1 */
  uint64_t limit;                             /* bytes per second by limit_rate; 0: none */
};

/* As often as one likes; acts every HJ_POLITE_TURN_MS or round trip. Answers p->window. {0} begins. */
uint64_t hj_polite_turn(struct hj_polite *p, const struct hj_polite_facts *now);
uint32_t hj_polite_base_us(const struct hj_polite *p);     /* the least round trip; 0: not known */
uint32_t hj_polite_target_us(const struct hj_polite *p);   /* how much longer it may be */

#endif

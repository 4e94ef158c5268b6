/* store/holder.h - who has the stock client's lock, and whether it is worth waiting for.
 *
 * Use      zeroed at first; after each HJ_E_BUSY of hj_lock_try: if hj_holder_is_silent(...), go on without the lock.
 * Why      a flock has no end of its own. A holder that Ctrl-Z stopped, one on a host that is gone, or a child that a killed program
 *          had forked (it has the descriptor, and with it the lock, and knows nothing of it) would keep everybody else waiting for ever.
 * Promise  silent: what the holder writes (<content>*.incomplete beside `beside`) has not changed for HJ_CLAIM_STALE_S; if the system
 *          knows the process that took the lock as stopped or gone, for HJ_HOLDER_BEAT_S. Never sooner than HJ_HOLDER_BEAT_S after the
 *          first question. Wrong at worst, two fetch the same, and both get it right.
 */
#ifndef HJ_HOLDER_H
#define HJ_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

#define HJ_HOLDER_BEAT_S 10

struct hj_holder {
  uint64_t first_ms, looked_ms, moved_ms;   /* monotonic; first question, last look, last change seen */
  int64_t newest_ns;                        /* of what it writes, as last seen */
  uint64_t bytes;
};

/* content: how the unfinished file's name begins or goes on ("" if it is not known: any that is being written there counts). */
bool hj_holder_is_silent(struct hj_holder *h, const char *lock, const char *beside, const char *content, uint64_t now_ms);

/* The decision alone. waited: since the first question; silent: since the last sign of life; idle: its process is stopped or gone. */
bool hj_holder_is_over(uint64_t waited_ms, uint64_t silent_ms, bool idle);

#ifdef HJ_FAULTS
void hj_holder_hurry(uint32_t beat_ms);     /* tests: instead of HJ_HOLDER_BEAT_S; 0: as it is */
#endif

#endif

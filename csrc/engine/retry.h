/* engine/retry.h - try again, and when. Pure: dice and facts are arguments.
 *
 * The budget is "time without progress" (the job's give_up_ms): a line that moves never runs out of it, and a count ends nothing that
 * time may heal. Counted is what looks as if it would be the same tomorrow: the same answer, again and again, from a server that
 * answers; or no connection to a host that was never reached. A wrong name should not cost two minutes.
 */
#ifndef HJ_RETRY_H
#define HJ_RETRY_H

#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"

#define HJ_RETRY_BASE_MS 200u
#define HJ_RETRY_CAP_MS 10000u
#define HJ_RETRY_WINDOW_MS 305000u /* a hub's window of requests is 300 s: who is told to wait for the next one does, whatever give_up_ms is */
#define HJ_RETRY_WINDOWS 2u        /* but not for ever: so many waits of that kind without a byte between them */

struct hj_retry_facts {
  const struct hj_err *err;
  unsigned barren;          /* tries so far that brought nothing, this one included */
  unsigned alike;           /* of the last ones, how many ended as this one did, this one included */
  unsigned tries;           /* how many alike are allowed where time does not help; 1: nothing is tried twice */
  bool answered;            /* this try had a head: who breaks off behind it, and again with no byte more, will do so tomorrow */
  bool met;                 /* the host has answered within the last minutes */
  bool wasted;              /* it brought bytes that cannot be kept, and not more than a try before: that looks like progress, for ever */
  uint64_t idle_ms;         /* since the job last moved */
  uint32_t give_up_ms;
  uint32_t dice;
};
struct hj_verdict {
  bool again;
  bool excused;             /* the server named the time: waiting for it is no standstill */
  uint32_t after_ms;
};

struct hj_verdict hj_retry(const struct hj_retry_facts *f);

#endif

/* engine/retry.h - try again, and when. Pure: dice and facts are arguments.
 *
 * The budget is "time without progress" (the job's give_up_ms) plus a count of tries that brought no byte: a slow line that moves
 * never runs out of either.
 */
#ifndef HJ_RETRY_H
#define HJ_RETRY_H

#include "util/err.h"

#define HJ_RETRY_BASE_MS 200u
#define HJ_RETRY_CAP_MS 10000u

struct hj_retry_facts {
  const struct hj_err *err;
  unsigned barren;          /* tries so far that brought nothing, this one included */
  unsigned tries;           /* how many of those are allowed */
  uint64_t idle_ms;         /* since the job last moved */
  uint32_t give_up_ms;
  uint32_t dice;
};
struct hj_verdict { bool again; uint32_t after_ms; };

struct hj_verdict hj_retry(const struct hj_retry_facts *f);

#endif

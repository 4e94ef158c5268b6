/* store/claim_int.h - what an entry of a partial folder is. Private to store/.
 */
#ifndef HJ_CLAIM_INT_H
#define HJ_CLAIM_INT_H

#include "store/claim.h"

enum hj_claim_state {
  HJ_CLAIM_IS_STRANGE,   /* no name of ours */
  HJ_CLAIM_IS_IDLE,
  HJ_CLAIM_IS_LIVE,
  HJ_CLAIM_IS_DEAD,      /* its process is gone, or has let go of it */
  HJ_CLAIM_IS_STALE      /* of another host, and silent for HJ_CLAIM_STALE_S */
};

enum hj_claim_state hj_claim_state(const char *partial_dir, const char *name, size_t *key_len);
int64_t hj_claim_age_ns(const char *folder, int64_t now);   /* since it last changed; negative: the clocks differ */

#endif

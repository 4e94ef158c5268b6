/* engine/quota.h - how many questions a hub still answers in its window: asked before the work, not found out by a 429. Pure.
 *
 * Use      hj_quota_ask before a question goes out: 0, or how long to wait. hj_quota_asked when it does. hj_quota_heard for each head
 *          that came, with what it said of the quota; hj_quota_lost when none came.
 * Facts    The Hub counts /resolve in fixed windows of 300 s (3,000 anonymous, 5,000 with a token) and says in each answer what is left:
 *          RateLimit: "resolvers";r=2999;t=172. A window is used as fast as one likes; then nothing goes until the next. Hundreds
 *          may be asked before the first answer says that there is a limit at all: so the first ones are few.
 */
#ifndef HJ_QUOTA_H
#define HJ_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#define HJ_QUOTA_BLIND 32u        /* questions out before any answer has said what is left */
#define HJ_QUOTA_SPREAD_MS 1000u  /* the window's end is told in whole seconds, rounded */
#define HJ_QUOTA_KEPT_PERCENT 2u  /* of a window is left to others of this address: a person's browser, another process */

struct hj_quota {
  bool heard;               /* an answer was here, whatever it said */
  bool limited;             /* and it named a quota */
  uint64_t left;            /* in this window, less what is out */
  uint64_t most;            /* of a whole window, as far as is known */
  uint64_t reset_ms;        /* monotonic: when the window ends */
  uint64_t window_ms;       /* its length; 0: not known */
  uint64_t begun_ms;        /* when it was thought to begin */
  bool guessed;             /* no answer of it was here yet */
  unsigned out;             /* asked, not answered */
};

uint32_t hj_quota_ask(struct hj_quota *q, uint64_t now_ms);
void hj_quota_asked(struct hj_quota *q);
void hj_quota_lost(struct hj_quota *q);
/* told: the head said r and t. most, window_s: of RateLimit-Policy, 0 = not said. */
void hj_quota_heard(struct hj_quota *q, bool told, uint64_t left, uint64_t reset_s, uint64_t most, uint64_t window_s, uint64_t now_ms);
/* When will the n-th further question have gone out, if each window is used at once? Milliseconds from now; 0: nothing holds it up. */
uint64_t hj_quota_eta_ms(const struct hj_quota *q, uint64_t n, uint64_t now_ms);
/* The least size of a range where each costs a question: so that `bytes` and `files` further files fit into what is left of the window. */
uint64_t hj_quota_range(const struct hj_quota *q, uint64_t bytes, uint64_t files, uint64_t now_ms);

#endif

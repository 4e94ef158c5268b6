/* engine/source.h - where the ranges of one file come from, after a redirect. Pure.
 *
 *   UNKNOWN --redirect--> FRESH --a second range asks there--> PROBING --206--> REUSABLE --403--> UNKNOWN (expired)
 *      |                                                          +--403--> BOUND (every range asks the first URL again)
 *      +--answers itself--> DIRECT
 *
 * Facts    Xet-backed files: a redirected URL is signed for the one Range that minted it; others sign for the whole file. So
 *          re-use is probed once per file with one range, never assumed.
 */
#ifndef HJ_SOURCE_H
#define HJ_SOURCE_H

#include "util/url.h"

enum hj_source_state { HJ_SOURCE_UNKNOWN, HJ_SOURCE_DIRECT, HJ_SOURCE_FRESH, HJ_SOURCE_PROBING, HJ_SOURCE_REUSABLE, HJ_SOURCE_BOUND };
const char *hj_source_name(enum hj_source_state s);

#define HJ_SOURCE_REFUSALS_MAX 4u

struct hj_source {
  enum hj_source_state state;
  struct hj_url url;         /* the redirected one; meaningful in FRESH, PROBING, REUSABLE */
  unsigned minted;           /* how many redirects were taken from the first URL */
  uint64_t stale_ms;         /* monotonic: from then on it is minted anew, before it is refused; 0 = never */
  bool was_reusable;         /* a redirect of this file was used again with success: a refusal means "too late", not "never" */
  bool outside;              /* a host of the public network gave that URL */
  unsigned refusals;         /* since then; HJ_SOURCE_REFUSALS_MAX in a row are believed */
};

/* How long a signed URL still works, in seconds, as it says itself: X-Amz-Date and X-Amz-Expires (S3), or Expires (CloudFront, seconds
 * since the epoch). 0: it does not say, or this clock and the server's are too far apart to tell. */
uint64_t hj_source_lifetime_s(const struct hj_url *url, int64_t wall_s);

enum hj_way { HJ_WAY_FIRST, HJ_WAY_DIRECT_URL, HJ_WAY_WAIT };

/* How a further range goes: over the first URL, straight to source->url, or not before a probe has ended. Moves FRESH to PROBING. */
enum hj_way hj_source_way(struct hj_source *s, uint64_t now_ms);
/* A redirect of the first URL was seen; lifetime_s of it, 0 = not known. */
int hj_source_redirected(struct hj_source *s, const struct hj_url *to, uint64_t lifetime_s, uint64_t now_ms, struct hj_err *e);
/* A range that went straight to source->url, or (first_way) over the first URL, was answered: by 2xx, or with a refusal (401, 403, 404, 410). */
void hj_source_answered(struct hj_source *s, bool first_way, bool redirected, bool refused);
/* The probe ended without an answer (a broken connection): the next range probes. */
void hj_source_probe_lost(struct hj_source *s);
void hj_source_release(struct hj_source *s);

#endif

/* engine/probe.h - one exchange, looked at closely: each step of the way with its time. For `hubjet doctor`.
 *
 * Use      fill the questions of a struct hj_probe, hj_probe_run(&p, stop), read the answers, hj_probe_release(&p).
 * Owns     the strings of the questions stay the caller's; the answers are freed by release.
 * Threads  any; the call blocks its thread, at most limit_ms, less if *stop is set. A loop of its own: no connection is shared.
 * Promise  no retry and no redirect followed; otherwise the same door, settings and ledger as every download (transfer/request.h).
 *          `location` may hold a signature: it is for the next probe, not for print.
 */
#ifndef HJ_PROBE_H
#define HJ_PROBE_H

#include <stdatomic.h>
#include "engine/want.h"
#include "transfer/request.h"

struct hj_probe {
  const char *url, *why, *auth;
  const struct hj_limits *limits;
  bool has_range;
  uint64_t first, last;
  uint64_t most;                  /* so many bytes of the body at most, then it is enough */
  size_t keep;                    /* so many of them are kept */
  uint32_t limit_ms;

  struct hj_err err;
  int status;                     /* 0: no answer */
  bool ranged;                    /* a Content-Range that was understood */
  char *location, *kept[HJ_KEPT_COUNT];
  struct hj_request_facts facts;
  uint64_t bytes, body_us;        /* of the body, and from its head to its last byte */
  struct hj_buf body;             /* its first `keep` bytes */
};

void hj_probe_run(struct hj_probe *p, const atomic_int *stop);
void hj_probe_release(struct hj_probe *p);

#endif

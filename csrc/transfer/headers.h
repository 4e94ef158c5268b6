/* transfer/headers.h - the head of an answer: lines in, numbers out. Pure.
 *
 * Use      hj_reply_init(&r); hj_reply_line(&r, line, n, e) for each line libcurl hands over; hj_reply_release(&r).
 * Errors   HJ_E_TOOBIG: more than HJ_HEAD_MAX bytes of head. HJ_E_PROTOCOL: two answers to one question that disagree
 *          (Content-Range or Content-Length given twice with different numbers).
 * Promise  a new status line forgets the head before it (100 Continue, early hints). Unknown headers cost nothing. Values kept
 *          for others (`kept`) come from one allow-list; cookies, set by strangers, are never read.
 */
#ifndef HJ_HEADERS_H
#define HJ_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

#define HJ_HEAD_MAX (64u << 10)   /* curl's own bound is larger; the hub's heads were seen below 6 KiB */
#define HJ_HEAD_VALUE_MAX (8u << 10)

/* Headers that are handed on to Python and to the error that is made of an answer. */
#define HJ_KEPT_MAP(X)                                                                                        \
  X(ETAG, "etag") X(LINKED_ETAG, "x-linked-etag") X(LINKED_SIZE, "x-linked-size") X(COMMIT, "x-repo-commit")   \
  X(XET_HASH, "x-xet-hash") X(ERROR_CODE, "x-error-code") X(ERROR_MESSAGE, "x-error-message")                  \
  X(REQUEST_ID, "x-request-id") X(TRACE_ID, "x-amzn-trace-id") X(CF_ID, "x-amz-cf-id") X(LINK, "link")         \
  X(RATELIMIT, "ratelimit") X(RATELIMIT_POLICY, "ratelimit-policy") X(RETRY_AFTER, "retry-after")              \
  X(TYPE, "content-type") X(LENGTH, "content-length") X(RANGE, "content-range") X(ENCODING, "content-encoding") \
  X(DISPOSITION, "content-disposition") X(MODIFIED, "last-modified") X(ACCEPT_RANGES, "accept-ranges")         \
  X(WARNING, "x-hf-warning") X(DATE, "date")

enum hj_kept {
#define HJ_X(name, text) HJ_KEPT_##name,
  HJ_KEPT_MAP(HJ_X)
#undef HJ_X
  HJ_KEPT_COUNT
};
const char *hj_kept_name(enum hj_kept k);

#define HJ_UNKNOWN UINT64_MAX

/* RFC 9110 section 14.4: "bytes 5-9/100", "bytes 5-9/ *", or, of a 416, "bytes * /100". */
struct hj_content_range { uint64_t first, last, total; bool satisfied; };
bool hj_parse_content_range(const char *p, size_t n, struct hj_content_range *out);
int hj_format_content_range(char *out, size_t cap, const struct hj_content_range *r);   /* length, -1 if it does not fit */
/* RFC 9110 section 10.2.3: seconds, or an HTTP date (then now_s counts). Milliseconds, at most a day; -1 = nonsense. */
int64_t hj_parse_retry_after(const char *p, size_t n, int64_t now_s);
/* `"api";r=0;t=55`: true if r and t are there. */
bool hj_parse_ratelimit(const char *p, size_t n, uint64_t *left, uint64_t *reset_s);

/* `"fixed window";"api";q=500;w=300`: what a whole window holds, and its seconds. */
bool hj_parse_ratelimit_policy(const char *p, size_t n, uint64_t *most, uint64_t *window_s);

struct hj_reply {
  int status;                       /* 0: no answer yet */
  bool ended;                       /* the empty line after a final head was seen */
  bool has_range, has_length, encoded, ranges_refused;
  struct hj_content_range range;
  uint64_t length;
  char *location;                   /* full text: may hold a signature; never printed */
  char *kept[HJ_KEPT_COUNT];
  size_t bytes;
};

void hj_reply_init(struct hj_reply *r);
int hj_reply_line(struct hj_reply *r, const char *line, size_t n, struct hj_err *e);
void hj_reply_release(struct hj_reply *r);
/* What the server wants us to wait: Retry-After, or RateLimit when nothing is left. Milliseconds, -1 = nothing said. */
int64_t hj_reply_retry_ms(const struct hj_reply *r, int64_t now_s);
/* W/"abc" -> abc. false if there is none or it does not fit. */
bool hj_etag_bare(const char *value, char *out, size_t cap);
bool hj_etag_is_strong(const char *value);

#endif

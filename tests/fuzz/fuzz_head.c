/* tests/fuzz/fuzz_head.c - what a server says in the head of an answer. */
#include <time.h>

#include "digest/algo.h"
#include "fuzz.h"
#include "store/layout.h"
#include "transfer/classify.h"
#include "transfer/headers.h"
#include "util/mem.h"
#include "util/text.h"

#define DAY_MS (24 * 3600 * (int64_t)1000)

static bool is_range(const struct hj_content_range *r)
{
  if (!r->satisfied)
    return r->total != HJ_UNKNOWN && r->first == 0 && r->last == 0;
  return r->first <= r->last && r->last != HJ_UNKNOWN && (r->total == HJ_UNKNOWN || r->last < r->total);
}

static bool same_range(const struct hj_content_range *a, const struct hj_content_range *b)
{
  return a->first == b->first && a->last == b->last && a->total == b->total && a->satisfied == b->satisfied;
}

/* What is accepted makes sense, can be said again, and means the same then. */
FUZZ(content_range)
{
  struct feed f = { p, n };
  size_t k;
  char *text = feed_rest(&f, &k), said[96];
  struct hj_content_range r = { 1, 2, 3, true }, again;
  if (!hj_parse_content_range(text, k, &r)) {
    MUST(r.first == 1 && r.last == 2 && r.total == 3);       /* untouched */
  } else {
    MUST(is_range(&r));
    int m = hj_format_content_range(said, sizeof said, &r);
    MUST(m > 0 && (size_t)m == strlen(said));
    MUST(hj_parse_content_range(said, (size_t)m, &again) && same_range(&r, &again));
    MUST(hj_format_content_range(said, (size_t)m, &r) == -1);   /* its NUL does not fit */
  }
  free(text);
}

/* Seconds since the epoch as the C library counts them; false where it reads something else. */
static bool library_date(const char *text, int64_t *out)
{
  struct tm tm = { 0 };
  const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
  if (!end || *end)
    return false;
  *out = timegm(&tm);
  return true;
}

/* Between -1 and a day; a date agrees with the C library's. */
FUZZ(retry_after)
{
  struct feed f = { p, n };
  int64_t now = (int64_t)(feed_number(&f) % ((uint64_t)1 << 36)), date;
  size_t k;
  char *text = feed_rest(&f, &k);
  int64_t ms = hj_parse_retry_after(text, k, now);
  MUST(ms >= -1 && ms <= DAY_MS);
  const char *trimmed = text;
  hj_text_trim(&trimmed, &k);
  char *whole = malloc(k + 1);
  if (!whole)
    abort();
  memcpy(whole, trimmed, k);
  whole[k] = 0;
  uint64_t seconds;
  if (hj_text_u64(whole, k, &seconds))
    MUST(ms == (seconds >= 86400 ? DAY_MS : (int64_t)seconds * 1000));
  else if (ms >= 0 && library_date(whole, &date))
    MUST(ms == (date <= now ? 0 : date - now >= 86400 ? DAY_MS : (date - now) * 1000));
  free(whole);
  free(text);
}

FUZZ(ratelimit)
{
  struct feed f = { p, n };
  size_t k;
  char *text = feed_rest(&f, &k), said[96];
  uint64_t left = 7, reset_s = 8, left_again, reset_again;
  if (hj_parse_ratelimit(text, k, &left, &reset_s)) {
    int m = snprintf(said, sizeof said, "\"api\";r=%llu;t=%llu", (unsigned long long)left, (unsigned long long)reset_s);
    MUST(hj_parse_ratelimit(said, (size_t)m, &left_again, &reset_again) && left_again == left && reset_again == reset_s);
  } else {
    MUST(left == 7 && reset_s == 8);
  }
  free(text);
}

static bool is_line(const char *text)
{
  return !strchr(text, '\n') && (!text[0] || (text[0] != ' ' && text[0] != '\r'));
}

static void look_at_reply(const struct hj_reply *r, const struct hj_reply *before)
{
  MUST(r->status == 0 || (r->status >= 100 && r->status <= 599));
  MUST(!r->ended || r->status >= 200);
  MUST(r->bytes <= HJ_HEAD_MAX);
  MUST(!r->has_range || is_range(&r->range));
  MUST(!r->has_length || r->kept[HJ_KEPT_LENGTH]);
  for (int k = 0; k < HJ_KEPT_COUNT; k++)
    MUST(!r->kept[k] || (strlen(r->kept[k]) <= HJ_HEAD_VALUE_MAX && is_line(r->kept[k])));
  MUST(!r->location || strlen(r->location) <= HJ_HEAD_MAX / 2);
  int64_t ms = hj_reply_retry_ms(r, 1763900000);
  MUST(ms >= -1 && ms <= DAY_MS + 1000);
  if (before->ended)                                             /* what follows is a trailer: it changes nothing */
    MUST(r->status == before->status && r->has_range == before->has_range && r->has_length == before->has_length &&
         r->length == before->length && r->location == before->location);
  if (r->status)
    MUST(hj_code_of_status(r->status) < HJ_E_COUNT);
}

/* Lines as libcurl hands them over, each with its end. */
FUZZ(head)
{
  struct feed f = { p, n };
  struct hj_reply r;
  struct hj_err e = HJ_ERR_INIT;
  uint8_t times = feed_byte(&f);                                  /* a line repeated so often: the bound of a head is 64 KiB */
  hj_reply_init(&r);
  while (f.n && e.code == HJ_E_OK) {
    const uint8_t *lf = memchr(f.p, '\n', f.n);
    size_t k = lf ? (size_t)(lf - f.p) + 1 : f.n;
    char *line = malloc(k);
    if (!line)
      abort();
    memcpy(line, f.p, k);
    for (unsigned i = 0; i < 1u + (times % 8 == 7 ? times : 0u) && e.code == HJ_E_OK; i++) {
      struct hj_reply before = r;
      int rc = hj_reply_line(&r, line, k, &e);
      MUST(rc == (int)e.code);
      MUST(e.code == HJ_E_OK || e.code == HJ_E_TOOBIG || e.code == HJ_E_PROTOCOL);
      MUST(!strchr(e.msg, '\n') && !strchr(e.msg, '\x1b'));
      look_at_reply(&r, &before);
    }
    free(line);
    f.p += k;
    f.n -= k;
  }
  hj_reply_release(&r);
}

/* An etag names a blob only if it is hex of the right length; what the store takes it for is what it says. */
FUZZ(etag)
{
  struct feed f = { p, n };
  char *value = feed_text(&f, '\n'), bare[128], tiny[8], canonical[80];
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise promise, again;
  bool has = hj_etag_bare(value, bare, sizeof bare);
  if (has) {
    MUST(strlen(bare) > 0 && strlen(bare) < sizeof bare && strstr(value, bare));
    bool store = hj_layout_check_etag(bare, &e) == HJ_E_OK;
    MUST(store == hj_text_is_etag_hex(bare));
    if (store) {
      MUST(strspn(bare, "0123456789abcdef") == strlen(bare) && (strlen(bare) == 40 || strlen(bare) == 64));
      MUST(hj_promise_parse(&promise, bare) && promise.algo == (strlen(bare) == 64 ? HJ_SHA256 : HJ_GIT_SHA1));
    } else {
      MUST(e.code == HJ_E_NAME && e.msg[0]);
    }
  }
  if (hj_etag_bare(value, tiny, sizeof tiny))
    MUST(strlen(tiny) < sizeof tiny);
  if (hj_etag_is_strong(value))
    MUST(value[0] == '"' && value[strlen(value) - 1] == '"' && strlen(value) < 120);
  if (hj_promise_parse(&promise, value)) {
    hj_promise_text(&promise, canonical);
    MUST(hj_promise_parse(&again, canonical) && hj_promise_same(&promise, &again));
  }
  hj_err_clear(&e);
  MUST((hj_layout_check_commit(value, &e) == HJ_E_OK) == (strlen(value) == 40 && hj_text_is_lower_hex(value, 40)));
  free(value);
}

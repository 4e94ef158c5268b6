/* digest/algo.c - see algo.h: the table, the text form of a digest, and the way from a name to a running state. */
#include "digest/algo.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "digest/algo_int.h"
#include "digest/sha256_lanes.h"
#include "util/mem.h"
#include "util/text.h"

#include "util/banned.h"

static const struct hj_algo_row *const rows[HJ_ALGO_COUNT] = {
  [HJ_SHA256] = &hj_row_sha256,
  [HJ_SHA1] = &hj_row_sha1,
  [HJ_GIT_SHA1] = &hj_row_git_sha1,
  [HJ_XXH3] = &hj_row_xxh3,
};

struct hj_digest { const struct hj_algo_row *row; void *state; };

static const struct hj_algo_row *row_of(enum hj_algo a)
{
  return (unsigned)a < HJ_ALGO_COUNT ? rows[a] : NULL;
}

const char *hj_algo_name(enum hj_algo a)
{
  const struct hj_algo_row *row = row_of(a);
  return row ? row->name : "";
}

size_t hj_algo_size(enum hj_algo a)
{
  const struct hj_algo_row *row = row_of(a);
  return row ? row->size : 0;
}

static enum hj_algo find_n(const char *name, size_t n)
{
  for (int a = HJ_ALGO_NONE + 1; a < HJ_ALGO_COUNT; a++)
    if (strlen(rows[a]->name) == n && memcmp(rows[a]->name, name, n) == 0)
      return (enum hj_algo)a;
  return HJ_ALGO_NONE;
}

enum hj_algo hj_algo_find(const char *name)
{
  return find_n(name, strlen(name));
}

bool hj_promise_parse(struct hj_promise *out, const char *text)
{
  struct hj_promise p = { HJ_ALGO_NONE, { 0 } };
  const char *colon = strchr(text, ':'), *hex = colon ? colon + 1 : text;
  size_t n = strlen(hex);
  if (colon)
    p.algo = find_n(text, (size_t)(colon - text));
  else if (hj_text_is_etag_hex(text))
    p.algo = n == 64 ? HJ_SHA256 : HJ_GIT_SHA1;
  if (p.algo == HJ_ALGO_NONE || n != 2 * hj_algo_size(p.algo) || !hj_text_unhex(hex, n, p.bytes))
    return false;
  *out = p;
  return true;
}

void hj_promise_text(const struct hj_promise *p, char out[80])
{
  char hex[2 * HJ_DIGEST_MAX + 1];
  hj_text_hex(p->bytes, hj_algo_size(p->algo), hex);
  (void)snprintf(out, 80, "%s:%s", hj_algo_name(p->algo), hex);
}

bool hj_promise_same(const struct hj_promise *a, const struct hj_promise *b)
{
  return a->algo == b->algo && a->algo != HJ_ALGO_NONE && memcmp(a->bytes, b->bytes, hj_algo_size(a->algo)) == 0;
}

int hj_digest_open(struct hj_digest **out, enum hj_algo a, uint64_t size, struct hj_err *e)
{
  const struct hj_algo_row *row = row_of(a);
  *out = NULL;
  if (!row)
    return hj_fail(e, HJ_E_BADARG, "no such digest: %d", (int)a);
  if (row == &hj_row_sha256 && hj_sha256_kernel())
    row = &hj_row_sha256_lanes;
  struct hj_digest *d = hj_mem_new(sizeof *d, e);
  if (!d)
    return (int)e->code;
  *d = (struct hj_digest){ row, NULL };
  if (row->open(&d->state, size, e)) {
    hj_mem_free(d);
    return (int)e->code;
  }
  *out = d;
  return HJ_E_OK;
}

int hj_digest_feed(struct hj_digest *d, const void *p, size_t n, struct hj_err *e)
{
  return n ? d->row->feed(d->state, p, n, e) : HJ_E_OK;
}

void hj_digest_feed_lanes(struct hj_digest *const d[], const void *const p[], const size_t n[], struct hj_err *const e[], unsigned lanes)
{
  struct hj_sha256 *s[HJ_DIGEST_LANES];
  const void *from[HJ_DIGEST_LANES];
  size_t len[HJ_DIGEST_LANES];
  unsigned together = 0;
  assert(lanes <= HJ_DIGEST_LANES);
  for (unsigned i = 0; i < lanes; i++) {
    if (d[i]->row != &hj_row_sha256_lanes) {
      (void)hj_digest_feed(d[i], p[i], n[i], e[i]);
      continue;
    }
    s[together] = d[i]->state;
    from[together] = p[i];
    len[together++] = n[i];
  }
  hj_sha256_update_lanes(s, from, len, together);
}

int hj_digest_seal(struct hj_digest *d, uint8_t out[HJ_DIGEST_MAX], struct hj_err *e)
{
  memset(out, 0, HJ_DIGEST_MAX);
  return d->row->seal(d->state, out, e);
}

void hj_digest_close(struct hj_digest *d)
{
  if (!d)
    return;
  d->row->close(d->state);
  hj_mem_free(d);
}

int hj_digest_bytes(enum hj_algo a, const void *p, size_t n, uint8_t out[HJ_DIGEST_MAX], struct hj_err *e)
{
  struct hj_digest *d;
  int rc = hj_digest_open(&d, a, n, e);
  assert(rc || d);
  if (!rc)
    rc = hj_digest_feed(d, p, n, e);
  if (!rc)
    rc = hj_digest_seal(d, out, e);
  hj_digest_close(d);
  return rc;
}

const char *hj_digest_versions(void)
{
  static _Thread_local char text[128];
  const char *kernel = hj_sha256_kernel();
  (void)snprintf(text, sizeof text, "%s, %s, sha256 by %s", hj_evp_version(), hj_xxh_version(), kernel ? kernel : "OpenSSL");
  return text;
}

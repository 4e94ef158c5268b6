/* engine/meta.c - what the head of an answer says of the file: etag, size, commit, validator.
 *
 * Facts    a hub names the content in the answer of its own origin: X-Linked-Etag and X-Linked-Size of large files, the ETag of
 *          small ones, or the etag in the query of a redirect to its resolve-cache. A CDN's own ETag is unrelated. */
#include <string.h>
#include "engine/engine_int.h"
#include "store/layout.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/banned.h"

static bool first_wins(int k)
{
  return k == HJ_KEPT_COMMIT || k == HJ_KEPT_LINKED_ETAG || k == HJ_KEPT_LINKED_SIZE || k == HJ_KEPT_XET_HASH;
}

static int keep_headers(struct hj_fetch *f, const struct hj_reply *r, struct hj_err *e)
{
  for (int k = 0; k < HJ_KEPT_COUNT; k++) {
    char *copy;
    if (!r->kept[k] || (f->kept[k] && first_wins(k)))
      continue;
    copy = hj_mem_text(r->kept[k], e);
    if (!copy)
      return (int)e->code;
    hj_mem_free(f->kept[k]);
    f->kept[k] = copy;
  }
  return HJ_E_OK;
}

static int settle_size(struct hj_fetch *f, uint64_t size, struct hj_err *e)
{
  if (f->size == size)
    return HJ_E_OK;
  if (f->size != HJ_SIZE_UNKNOWN)
    return hj_fail(e, HJ_E_SIZE, "%llu bytes were expected, the server has %llu", (unsigned long long)f->size,
                   (unsigned long long)size);
  if (size > (uint64_t)INT64_MAX)
    return hj_fail(e, HJ_E_PROTOCOL, "a size of %llu bytes cannot be", (unsigned long long)size);
  f->size = size;
  atomic_fetch_add(&f->job->size, size);
  atomic_fetch_sub(&f->job->sizes_unknown, 1);
  return HJ_E_OK;
}

/* The hub's name of the content as this answer gives it; false if it gives none. */
static bool hub_etag(const struct hj_fetch *f, const struct hj_part *p, const struct hj_reply *r, char *out, size_t cap)
{
  bool hub = f->want->dest == HJ_DEST_STORE || r->kept[HJ_KEPT_COMMIT] || f->kept[HJ_KEPT_COMMIT];
  if (r->kept[HJ_KEPT_LINKED_ETAG])
    return hj_etag_bare(r->kept[HJ_KEPT_LINKED_ETAG], out, cap);
  if (!hub)
    return false; /* any server's ETag of 40 hex digits need not be git's */
  if (r->status == 200 || r->status == 206 || r->status == 416)
    return hj_etag_bare(r->kept[HJ_KEPT_ETAG], out, cap);
  if (r->status >= 300 && r->status < 400 && r->location) {
    struct hj_err scratch = HJ_ERR_INIT; /* benign: the next answer says it again */
    struct hj_url to = { 0 };
    char quoted[96];
    bool found = !hj_url_join(&to, &p->url, r->location, strlen(r->location), &scratch) &&
                 hj_url_same_origin(&to, &f->own.first) && hj_text_starts(to.path, "/api/resolve-cache/") &&
                 hj_url_query_value(&to, "etag", quoted, sizeof quoted) && hj_etag_bare(quoted, out, cap);
    hj_url_release(&to);
    return found;
  }
  return false;
}

static int settle_etag(struct hj_fetch *f, const char *etag, struct hj_err *e)
{
  struct hj_promise promise;
  if (!hj_text_is_etag_hex(etag)) {
    char shown[40];
    if (f->want->dest != HJ_DEST_STORE || f->promise.algo != HJ_ALGO_NONE)
      return HJ_E_OK;
    hj_text_show(etag, strlen(etag), shown, sizeof shown);
    return hj_fail(e, HJ_E_PROTOCOL, "the server's etag \"%s\" is neither sha256 nor git-sha1, so the content cannot be proven", shown);
  }
  if (!hj_promise_parse(&promise, etag))
    return hj_fail(e, HJ_E_BUG, "an etag of hex digits was not understood");
  if (f->promise.algo == HJ_ALGO_NONE)
    f->promise = promise;
  else if (f->promise.algo == promise.algo && !hj_promise_same(&f->promise, &promise))
    return hj_fail(e, HJ_E_CHANGED, "the server names another content (%.12s...) than was expected", etag);
  else if (f->promise.algo != promise.algo)
    return HJ_E_OK; /* a name of its own: ModelScope's content network has other ETags than the hub's. The blob is named after the promise */
  if (!f->etag[0])
    (void)hj_text_copy(f->etag, sizeof f->etag, etag, strlen(etag));
  return HJ_E_OK;
}

static void note_validator(struct hj_fetch *f, const struct hj_part *p, const struct hj_reply *r)
{
  const char *etag = r->kept[HJ_KEPT_ETAG];
  if (f->validator[0] || !hj_etag_is_strong(etag))
    return;
  if (hj_text_copy(f->validator_origin, sizeof f->validator_origin, p->url.origin, strlen(p->url.origin)))
    (void)hj_text_copy(f->validator, sizeof f->validator, etag, strlen(etag));
}

/* Of a mirror nothing is believed but that it has a file of this size. */
static int check_mirror(struct hj_fetch *f, const struct hj_reply *r, struct hj_err *e)
{
  if (r->status == 206 && r->has_range && r->range.satisfied && r->range.total != HJ_UNKNOWN)
    return settle_size(f, r->range.total, e);
  return r->status == 200 && r->has_length && !r->encoded ? settle_size(f, r->length, e) : HJ_E_OK;
}

int hj_meta_absorb(struct hj_fetch *f, const struct hj_part *p, const struct hj_reply *r, struct hj_err *e)
{
  bool on_first = hj_url_same_origin(&p->url, &f->own.first);
  char etag[128];
  uint64_t size;
  if (p->supply)
    return check_mirror(f, r, e);
  f->http_status = r->status;
  hj_text_show(p->url.shown, strlen(p->url.shown), f->shown, sizeof f->shown);
  if (keep_headers(f, r, e))
    return (int)e->code;
  if (on_first && !f->commit[0] && r->kept[HJ_KEPT_COMMIT]) {
    struct hj_err scratch = HJ_ERR_INIT; /* benign: who needs a commit says so when there is none */
    if (!hj_layout_check_commit(r->kept[HJ_KEPT_COMMIT], &scratch))
      (void)hj_text_copy(f->commit, sizeof f->commit, r->kept[HJ_KEPT_COMMIT], strlen(r->kept[HJ_KEPT_COMMIT]));
  }
  if (f->want->dest == HJ_DEST_MEMORY || (r->status >= 400 && r->status != 416))
    return HJ_E_OK;
  if (on_first && hub_etag(f, p, r, etag, sizeof etag) && settle_etag(f, etag, e))
    return (int)e->code;
  if (on_first && r->kept[HJ_KEPT_LINKED_SIZE] &&
      (!hj_text_u64(r->kept[HJ_KEPT_LINKED_SIZE], strlen(r->kept[HJ_KEPT_LINKED_SIZE]), &size) || settle_size(f, size, e)))
    return hj_fail(e, HJ_E_PROTOCOL, "the server's X-Linked-Size makes no sense");
  if (r->status == 206 && r->has_range && r->range.satisfied && r->range.total != HJ_UNKNOWN && settle_size(f, r->range.total, e))
    return (int)e->code;
  if (r->status == 200 && r->has_length && !r->encoded && settle_size(f, r->length, e))
    return (int)e->code;
  if (r->status == 200 || r->status == 206)
    note_validator(f, p, r);
  return HJ_E_OK;
}

bool hj_meta_is_held(const struct hj_fetch *f)
{
  if (f->want->held_commit && !f->want->force && !strcmp(f->want->held_commit, f->commit))
    return true;
  for (size_t i = 0; f->etag[0] && !f->want->force && i < f->want->held_n; i++)
    if (!strcmp(f->want->held[i], f->etag))
      return true;
  return false;
}

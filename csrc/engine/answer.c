/* engine/answer.c - the head of an answer to a part: is this the body that was asked for, and where does it go? Network thread only. */
#include <string.h>
#include "engine/engine_int.h"
#include "util/text.h"
#include "util/banned.h"

/* Without a promise only the validator says that these bytes and those before belong together. Servers that ignore If-Range
 * exist, and whoever begins again from byte 0 sends none: so it is compared here, too. */
static int check_same(struct hj_part *p, const struct hj_reply *r, struct hj_err *e)
{
  const struct hj_fetch *f = p->fetch;
  const char *etag = r->kept[HJ_KEPT_ETAG];
  bool same = etag && !strcmp(etag, f->validator), refused = p->sent_if_range && r->status == 200;
  if (f->promise.algo != HJ_ALGO_NONE || !f->validator[0] || strcmp(f->validator_origin, p->url.origin) != 0 || same)
    return HJ_E_OK;
  return refused || hj_etag_is_strong(etag) ? hj_fail(e, HJ_E_CHANGED, "the file changed on the server while it was fetched") : HJ_E_OK;
}

static int check_whole(struct hj_part *p, struct hj_err *e)
{
  struct hj_fetch *f = p->fetch;
  if (p->sent_if_range && f->promise.algo != HJ_ALGO_NONE)
    f->no_if_range = true; /* another edge, another ETag: the digest decides in the end */
  if (p->rung == HJ_RUNG_PLAIN && !p->ranged && hj_fetch_has_blob(f)) { /* its range stays as it is until the first byte comes this way */
    p->whole = true;
    return HJ_E_OK;
  }
  if (f->single && p->ranged) { /* a stream that was to go on where it broke */
    f->resumes = false;
    p->pos = p->piece_at = 0;
    p->piece_n = 0;
  }
  if (p->pos != 0 || f->parts_n > 1)
    return hj_fail(e, HJ_E_RANGE, "asked for bytes from %llu, got the whole file (status 200)", (unsigned long long)p->pos);
  p->whole = true;
  p->at = 0;
  p->end = f->size;
  return HJ_E_OK;
}

static int check_range(struct hj_part *p, const struct hj_reply *r, struct hj_err *e)
{
  uint64_t last = p->end == HJ_UNKNOWN ? HJ_UNKNOWN : p->end - 1;
  if (!r->has_range || !r->range.satisfied)
    return hj_fail(e, HJ_E_RANGE, "status 206 without a Content-Range");
  if (r->range.first != p->pos || (last != HJ_UNKNOWN && r->range.last > last))
    return hj_fail(e, HJ_E_RANGE, "asked for bytes %llu-%llu, the server answered %llu-%llu", (unsigned long long)p->pos,
                   (unsigned long long)last, (unsigned long long)r->range.first, (unsigned long long)r->range.last);
  if (r->has_length && r->length != r->range.last - r->range.first + 1)
    return hj_fail(e, HJ_E_PROTOCOL, "Content-Length and Content-Range disagree");
  if (p->fetch->size != HJ_SIZE_UNKNOWN && p->end > p->fetch->size)
    p->end = p->fetch->size;
  return HJ_E_OK;
}

/* A final 2xx: is this the body that was asked for, and where does it go? */
int hj_part_judge(struct hj_part *p, const struct hj_reply *r, struct hj_err *e)
{
  struct hj_fetch *f = p->fetch;
  if (r->encoded)
    return hj_fail(e, HJ_E_PROTOCOL, "the server sent the body with Content-Encoding %s although identity was asked",
                   r->kept[HJ_KEPT_ENCODING]);
  if (f->want->dest == HJ_DEST_MEMORY) {
    hj_buf_clear(&f->body);
    return r->has_length && r->length > f->want->memory
             ? hj_fail(e, HJ_E_TOOBIG, "the answer has %llu bytes, at most %zu are read", (unsigned long long)r->length, f->want->memory)
             : HJ_E_OK;
  }
  if (check_same(p, r, e) || (r->status == 206 ? check_range(p, r, e) : check_whole(p, e)))
    return (int)e->code;
  if (r->status == 206 && !p->ranged)
    return hj_fail(e, HJ_E_PROTOCOL, "status 206 although no range was asked");
  hj_source_answered(&hj_part_supply(p)->source, p->first_way, p->hops > 0, false);
  if (r->status == 200 && r->kept[HJ_KEPT_ACCEPT_RANGES] && !strcmp(r->kept[HJ_KEPT_ACCEPT_RANGES], "bytes") && !p->ranged)
    f->resumes = true;
  if (f->in_memory) {
    hj_buf_clear(&f->body);
    return f->size != HJ_SIZE_UNKNOWN ? hj_buf_reserve(&f->body, (size_t)f->size, e) : HJ_E_OK; /* at once: grown piece by piece it is copied twice */
  }
  if (hj_fetch_has_blob(f)) { /* the answer may bring more than was asked, and a size that was not known when the blob was opened */
    if (f->size != HJ_SIZE_UNKNOWN && (hj_ranges_add(&f->taken, p->pos, p->end, e) || hj_blob_settle(f->blob, f->size, e)))
      return (int)e->code;
    return HJ_E_OK;
  }
  if (f->busy)
    return HJ_E_OK;
  if (hj_fetch_take_memory(f)) {
    f->in_memory = true;
    hj_buf_clear(&f->body);
  }
  return HJ_E_OK;
}

/* HTML where a hub's file was asked for, or a file of another size: the login page of a network, a firewall's refusal. */
bool hj_part_is_page(const struct hj_fetch *f, const struct hj_reply *r)
{
  const char *type = r->kept[HJ_KEPT_TYPE];
  if (r->status != 200 || !type || !hj_text_same(type, strlen(type) < 9 ? strlen(type) : 9, "text/html") || f->want->dest == HJ_DEST_MEMORY ||
      r->kept[HJ_KEPT_COMMIT] || r->kept[HJ_KEPT_LINKED_ETAG])
    return false;
  if (f->size != HJ_SIZE_UNKNOWN && (!r->has_length || r->length != f->size))
    return true;
  return f->want->dest == HJ_DEST_STORE && !f->kept[HJ_KEPT_COMMIT] && f->want->promise.algo == HJ_ALGO_NONE;
}

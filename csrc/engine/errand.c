/* engine/errand.c - what a fetch sends to the workers, and what it does when they are back. Network thread only. */
#include <string.h>
#include "engine/engine_int.h"
#include "engine/workers.h"
#include "util/text.h"
#include "util/trace.h"
#include "util/banned.h"

#define PROVE_FROM ((uint64_t)4 << 20)  /* bytes worth a walk to the worker; fewer at the end */
#define PROVE_LATEST ((uint64_t)32 << 20) /* bytes with which a file waits for no other: 15 ms of a core, and still in the page cache */
/* How often a file in another process's hands is looked after: at first often, then so that it comes 1 % late at most. */
#define LOCK_AGAIN_MIN_MS 10u
#define LOCK_AGAIN_MAX_MS 50u

/* ---- out ---------------------------------------------------------------------------------------------------------- */

static struct hj_work *errand(struct hj_fetch *f, enum hj_chore chore)
{
  switch (chore) {
  case HJ_CHORE_LOOK:
    hj_fetch_enter(f, HJ_FETCH_OPENING);
    break;
  case HJ_CHORE_OPEN:
    hj_fetch_enter(f, HJ_FETCH_OPENING);
    if (f->want->size == HJ_SIZE_UNKNOWN)
      f->job->unknown_most = HJ_UNKNOWN_AT_ONCE;
    hj_fetch_hold_memory(f, HJ_BLOB_COST); /* its body goes to the disk: kept, a few such files would leave no room for their ranges */
    break;
  case HJ_CHORE_COMMIT:
  case HJ_CHORE_SMALL:
    hj_fetch_enter(f, HJ_FETCH_SEALING);
    break;
  default:
    break;
  }
  f->work.fetch = f;
  f->work.chore = chore;
  f->work.next = NULL;
  f->busy = true;
  return &f->work;
}

void hj_fetch_send(struct hj_fetch *f, enum hj_chore chore) { hj_workers_put(f->job->workers, errand(f, chore)); }

/* ---- proofs ------------------------------------------------------------------------------------------------------- */

enum due { NOT_DUE, READY, DUE };

static enum due proof_due(const struct hj_fetch *f, bool hurry)
{
  uint64_t n = f->state == HJ_FETCH_FLOWING && !f->busy ? hj_blob_provable(f->blob) : 0;
  if (n >= PROVE_LATEST || (n > 0 && (hurry || hj_blob_landed(f->blob) == f->size)))
    return DUE;
  return n >= PROVE_FROM ? READY : NOT_DUE;
}

/* A proof of four files side by side costs half of four proofs (store/blob.h). So a file that is ready waits for the others, until
 * all of them, or as many as go together, are ready too, or one is due: at its end, or too far behind; in a hurry, all are. */
void hj_fetch_send_proofs(struct hj_fetch *first, bool hurry)
{
  struct hj_work *together = NULL, **end = &together;
  unsigned flowing = 0, ready = 0;
  bool due = false;
  for (struct hj_fetch *f = first; f; f = f->next) {
    enum due d = proof_due(f, hurry);
    flowing += f->state == HJ_FETCH_FLOWING;
    ready += d != NOT_DUE;
    due = due || d == DUE;
  }
  if (!due && (ready == 0 || ready < (flowing < HJ_PROOFS_MAX ? flowing : HJ_PROOFS_MAX)))
    return;
  for (struct hj_fetch *f = first; f; f = f->next)
    if (proof_due(f, hurry) != NOT_DUE) {
      *end = errand(f, HJ_CHORE_PROVE);
      end = &f->work.next;
    }
  hj_workers_put(first->job->workers, together); /* one by one, the first worker would run off with the first */
}

/* ---- and back ---------------------------------------------------------------------------------------------------- */

static int hold(struct hj_fetch *f, struct hj_err *e)
{
  const struct hj_ranges *held = hj_blob_held(f->blob);
  for (size_t i = 0; i < held->n; i++)
    if (hj_ranges_add(&f->taken, held->p[i].at, held->p[i].end, e))
      return (int)e->code;
  return HJ_E_OK;
}

/* The lead asked before anybody knew what is on disk. Its range is fitted to the first gap, or it is let go. */
static int fit_lead(struct hj_fetch *f, struct hj_part *p, uint64_t now_ms, struct hj_err *e)
{
  struct hj_span gap;
  if (p->state == HJ_PART_OVER) {
    hj_fetch_body_ends(f, p, now_ms);
    return HJ_E_OK;
  }
  if (hj_part_is_active(p)) { /* what was asked is on its way: it stays as it is, and what is held already is dropped on arrival */
    uint64_t end = p->end > f->size ? f->size : p->end;
    if (!p->whole && hj_ranges_has(&f->taken, p->at, end)) {
      hj_part_free(p);
      return HJ_E_OK;
    }
    if (f->size != HJ_SIZE_UNKNOWN && hj_ranges_add(&f->taken, p->at, end, e))
      return (int)e->code;
    if (p->paused) {
      p->paused = false;
      p->last_byte_ms = now_ms;
      hj_request_resume(p->request);
    }
    return HJ_E_OK;
  }
  if (f->size == HJ_SIZE_UNKNOWN || f->single || f->want->no_ranges)
    return HJ_E_OK; /* it broke off meanwhile and will stream from the first byte again */
  if (!hj_ranges_gap(&f->taken, 0, f->size, &gap)) {
    hj_part_free(p);
    return HJ_E_OK;
  }
  /* The redirected URL may be signed for the range that was asked: keep it where the gap allows. */
  p->end = gap.at == 0 && p->end < gap.end ? p->end : gap.end - gap.at > HJ_FIRST_RANGE ? gap.at + HJ_FIRST_RANGE : gap.end;
  p->at = p->pos = p->piece_at = gap.at;
  if (hj_ranges_add(&f->taken, p->at, p->end, e))
    return (int)e->code;
  if (p->state == HJ_PART_PARKED)
    hj_part_follow_on(p, now_ms);
  return HJ_E_OK;
}

/* A server without ranges, or a body without a length: one part reads it from the first byte to the last. */
void hj_fetch_add_stream(struct hj_fetch *f, uint64_t now_ms)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_part *p = hj_part_new(f, 0, f->size, &e);
  if (!p) {
    hj_fetch_fail(f, &e, true);
    return;
  }
  p->lead = p->stream = true;
  hj_part_ask(p, now_ms);
}

static void wait_for_other(struct hj_fetch *f, uint64_t now_ms)
{
  uint64_t pause;
  if (!f->locked_ms) {
    f->locked_ms = now_ms;
    atomic_fetch_add(&f->job->waiting, 1);
  }
  hj_fetch_hold_memory(f, 0);
  pause = (now_ms - f->locked_ms) / 64;
  pause = pause < LOCK_AGAIN_MIN_MS ? LOCK_AGAIN_MIN_MS : pause > LOCK_AGAIN_MAX_MS ? LOCK_AGAIN_MAX_MS : pause;
  f->not_before_ms = now_ms + pause;
  hj_fetch_enter(f, HJ_FETCH_LOCKED);
}

/* What others bring counts as it comes, so that who waits can be seen to move. */
static void count_elsewhere(struct hj_fetch *f, uint64_t bytes)
{
  bytes = f->size == HJ_SIZE_UNKNOWN ? 0 : bytes < f->size ? bytes : f->size;
  atomic_fetch_add(&f->job->elsewhere, bytes - f->elsewhere);
  f->elsewhere = bytes;
}

static void opened(struct hj_fetch *f, uint64_t now_ms)
{
  struct hj_err e = HJ_ERR_INIT;
  if (f->work.opened == HJ_OPEN_HELD) {
    if (f->size == HJ_SIZE_UNKNOWN && f->work.found) {
      f->size = f->work.found;
      atomic_fetch_add(&f->job->size, f->size);
      atomic_fetch_sub(&f->job->sizes_unknown, 1);
    }
    count_elsewhere(f, f->size);
    hj_fetch_end(f, HJ_END_HELD);
    return;
  }
  if (f->work.opened == HJ_OPEN_BUSY) {
    hj_fetch_free_parts(f);
    count_elsewhere(f, f->rival.bytes);
    wait_for_other(f, now_ms);
    return;
  }
  hj_fetch_waits_no_more(f);
  count_elsewhere(f, 0);
  if (f->work.opened == HJ_OPEN_NOBODY) { /* begins in this turn, if there is a connection for it */
    f->looked = true;
    f->partly = f->work.found;
    hj_fetch_hold_memory(f, 0);
    hj_fetch_enter(f, HJ_FETCH_WAITING);
    return;
  }
  hj_fetch_enter(f, HJ_FETCH_FLOWING);
  f->held = hj_blob_landed(f->blob);
  atomic_fetch_add(&f->job->held, f->held);
  f->job->moved_ms = now_ms;
  if (hold(f, &e) || (f->parts && fit_lead(f, f->parts, now_ms, &e)))
    hj_fetch_fail(f, &e, true);
  else if (f->state == HJ_FETCH_FLOWING && !f->parts && (f->single || f->want->no_ranges || f->size == HJ_SIZE_UNKNOWN))
    hj_fetch_add_stream(f, now_ms);
}

static void committed(struct hj_fetch *f, const struct hj_err *err, uint64_t now_ms)
{
  struct hj_err e = HJ_ERR_INIT;
  if (err->code == HJ_E_OK) {
    hj_fetch_acquit(f, now_ms);
    hj_fetch_end(f, HJ_END_DONE);
    return;
  }
  if (err->code == HJ_E_DIGEST && f->work.lost && !f->rechecked) {
    HJ_TRACE(HJ_T_DIGEST, f->index, "the disk lost %llu bytes: they are fetched again", (unsigned long long)f->work.lost);
    f->rechecked = true;
    hj_ranges_release(&f->taken);
    hj_ranges_init(&f->taken);
    f->job->moved_ms = now_ms;
    atomic_fetch_sub(&f->job->proven, f->size); /* it is proven once more, from the first byte */
    hj_fetch_enter(f, HJ_FETCH_FLOWING);
    if (hold(f, &e))
      hj_fetch_fail(f, &e, true);
    else if (f->single || f->want->no_ranges)
      hj_fetch_add_stream(f, now_ms);
    return;
  }
  if (err->code == HJ_E_NONE && !f->want->links && f->want->dest == HJ_DEST_STORE) { /* it had its digest, and not yet its name */
    hj_fail(&e, HJ_E_BUSY, "another process moved the same content to another name, again and again");
    hj_fetch_restart(f, &e, false, now_ms);
    return;
  }
  if (err->code == HJ_E_DIGEST && hj_fetch_accuse(f, err, now_ms))
    return;
  hj_fetch_fail(f, err, err->code != HJ_E_DIGEST && err->code != HJ_E_SIZE);
}

void hj_fetch_worked(struct hj_fetch *f, uint64_t now_ms)
{
  struct hj_err err = f->work.err;
  enum hj_chore chore = f->work.chore;
  f->busy = false;
  f->work.chore = HJ_CHORE_NONE;
  atomic_fetch_add(&f->job->proven, f->work.proven);
  f->work.proven = 0;
  if (err.code != HJ_E_OK && !err.url[0])
    hj_text_show(f->shown, strlen(f->shown), err.url, sizeof err.url);
  if (f->state == HJ_FETCH_CLOSING) {
    if ((chore == HJ_CHORE_COMMIT || chore == HJ_CHORE_SMALL) && err.code == HJ_E_OK) { /* published before the cancel reached the worker */
      f->end = HJ_END_DONE;
      f->err = (struct hj_err)HJ_ERR_INIT;
    }
    if (hj_fetch_has_disk(f))
      hj_fetch_send(f, HJ_CHORE_DROP);
    else if (f->again)
      hj_fetch_begin_anew(f);
    else
      hj_fetch_over(f);
    return;
  }
  switch (chore) {
  case HJ_CHORE_LOOK:
  case HJ_CHORE_OPEN:
    if (err.code != HJ_E_OK)
      hj_fetch_fail(f, &err, true);
    else
      opened(f, now_ms);
    break;
  case HJ_CHORE_PROVE:
    if (err.code != HJ_E_OK)
      hj_fetch_fail(f, &err, true);
    break;
  case HJ_CHORE_SMALL:
    atomic_fetch_add(&f->job->proven, err.code == HJ_E_OK ? f->body.len : 0);
    HJ_FALL_THROUGH;
  case HJ_CHORE_COMMIT:
    committed(f, &err, now_ms);
    break;
  default:
    break;
  }
}

/* engine/chores.c - the errands of a fetch that may block: everything that touches the disk save the pieces themselves.
 *
 * Threads  a worker thread; while a fetch is busy the network thread leaves its blob, lock, paths and proven alone. */
#include <errno.h>
#include <string.h>
#include "engine/engine_int.h"
#include "store/claim.h"
#include "store/layout.h"
#include "store/link.h"
#include "store/planted.h"
#include "store/record.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/timeline.h"
#include "util/trace.h"
#include "util/banned.h"

#define PLANTED_MS 1000u             /* a look at a repository's folders counts so long */
#define PROVE_STEP ((uint64_t)64 << 20) /* then others get their turn */

const char *hj_chore_name(enum hj_chore c)
{
  static const char *const names[] = {
    "none",
#define HJ_X(name, text) text,
    HJ_CHORES(HJ_X)
#undef HJ_X
  };
  return (unsigned)c < sizeof names / sizeof names[0] ? names[c] : "?";
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

struct places { char *partial_dir, *key, *lock, *sums_dir; };

static void places_release(struct places *p)
{
  hj_mem_free(p->partial_dir);
  hj_mem_free(p->key);
  hj_mem_free(p->lock);
  hj_mem_free(p->sums_dir);
  memset(p, 0, sizeof *p);
}

/* The name of the partial: the content's own where it is known, else of the address. */
static char *partial_key(const struct hj_fetch *f, struct hj_err *e)
{
  char hex[2 * HJ_DIGEST_MAX + 1];
  uint8_t sum[HJ_DIGEST_MAX];
  if (f->promise.algo != HJ_ALGO_NONE) {
    hj_text_hex(f->promise.bytes, hj_algo_size(f->promise.algo), hex);
    return hj_mem_text(hex, e);
  }
  if (f->want->key)
    return hj_mem_text(f->want->key, e);
  if (hj_digest_bytes(HJ_SHA256, f->want->url, strlen(f->want->url), sum, e))
    return NULL;
  hj_text_hex(sum, 16, hex);
  return hj_mem_text(hex, e);
}

/* Between a look and its use there is a moment anyway (store/planted.h): of a thousand small files not each one looks, 26 stats a file
 * were a fifth of what the disk's threads did. */
static int check_planted(const struct hj_fetch *f, struct hj_err *e)
{
  struct hj_job *j = f->job;
  const char *usual = j->wants[0].repo_dir;
  uint64_t now_ms = hj_clock_ms(), looked_ms = atomic_load(&j->planted_ms);
  if (!usual || strcmp(usual, f->want->repo_dir) != 0)
    return hj_planted_check_repo(f->want->repo_dir, e);
  if (looked_ms && now_ms - looked_ms < PLANTED_MS)
    return HJ_E_OK;
  if (hj_planted_check_repo(usual, e))
    return (int)e->code;
  atomic_store(&j->planted_ms, now_ms);
  return HJ_E_OK;
}

static int find_places(const struct hj_fetch *f, struct places *out, struct hj_err *e)
{
  const struct hj_want *w = f->want;
  char *side = NULL;
  memset(out, 0, sizeof *out);
  out->key = partial_key(f, e);
  if (!out->key)
    goto out;
  if (w->dest == HJ_DEST_STORE) {
    if (check_planted(f, e))
      goto out;
    side = hj_layout_side(w->repo_dir, e);
    out->lock = hj_layout_lock(w->repo_dir, f->etag, e);
    out->sums_dir = side ? hj_layout_join(side, "sums", e) : NULL;
  } else {
    side = hj_mem_text(w->side_dir, e);
    out->lock = hj_mem_text(w->lock, e);
    out->sums_dir = hj_mem_text(w->sums_dir, e);
  }
  if (e->code != HJ_E_OK)
    goto out;
  out->partial_dir = hj_layout_join(side, "partial", e);
out:
  hj_mem_free(side);
  if (e->code != HJ_E_OK)
    places_release(out);
  return (int)e->code;
}

/* The etag names the blob; a promise made by the caller serves when no answer has named it yet. */
static int find_final(struct hj_fetch *f, struct hj_err *e)
{
  if (f->final_path)
    return HJ_E_OK;
  if (f->want->dest == HJ_DEST_PATH) {
    f->final_path = hj_mem_text(f->want->path, e);
    return (int)e->code;
  }
  if (!f->etag[0] && f->promise.algo != HJ_ALGO_NONE)
    hj_text_hex(f->promise.bytes, hj_algo_size(f->promise.algo), f->etag);
  if (!f->etag[0])
    return hj_fail(e, HJ_E_PROTOCOL, "the server did not say what the content is (no etag), so it cannot be stored as proven");
  f->final_path = hj_layout_blob(f->want->repo_dir, f->etag, e);
  return (int)e->code;
}

static void fill_want(struct hj_fetch *f, const struct places *at, unsigned umask, struct hj_blob_want *w)
{
  memset(w, 0, sizeof *w);
  w->final = f->final_path;
  w->partial_dir = at->partial_dir;
  w->key = at->key;
  w->promise = f->promise;
  w->validator = f->validator;
  w->sums_dir = at->sums_dir;
  w->size = f->size;
  w->mode = f->want->mode & ~umask;
  w->replace = f->want->force || f->want->replace || f->want->dest == HJ_DEST_PATH || f->damaged_there;
  w->sync = f->job->limits.sync;
  w->stop = &f->stop;
  w->rival = &f->rival;
  w->claim = f->claim;
  w->resume = f->want->resume && !f->want->force;
}

/* ---- after the bytes ---------------------------------------------------------------------------------------------- */

/* What was proven is written down: for those of one repository that follow each other, in one write. */
static void note_proven(struct hj_work *const w[], unsigned n)
{
  const char *etags[HJ_SMALLS_MAX];
  unsigned k = 0;
  for (unsigned i = 0; i < n; i++) {
    const struct hj_fetch *f = w[i]->fetch;
    struct hj_err scratch = HJ_ERR_INIT;
    if (f->want->dest != HJ_DEST_STORE)
      continue;
    if (w[i]->err.code == HJ_E_OK)
      etags[k++] = f->etag;
    if (i + 1 < n && w[i + 1]->fetch->want->dest == HJ_DEST_STORE && !strcmp(w[i + 1]->fetch->want->repo_dir, f->want->repo_dir))
      continue;
    if (k && hj_record_add(f->want->repo_dir, etags, k, &scratch)) /* benign: the blob is then "new", not "same" */
      HJ_TRACE(HJ_T_STORE, f->index, "no record of %u files: %s", k, scratch.msg);
    k = 0;
  }
}

/* The blob gets its readable name. */
static int name_it(struct hj_fetch *f, struct hj_err *e)
{
  const struct hj_want *w = f->want;
  const char *commit = w->commit ? w->commit : f->commit;
  if (w->dest != HJ_DEST_STORE || !w->link_path || f->link_path)
    return HJ_E_OK;
  if (!commit[0])
    return hj_fail(e, HJ_E_PROTOCOL, "the server did not say which commit this is (no X-Repo-Commit): is %s a hub?", f->own.first.origin);
  if (check_planted(f, e))
    return (int)e->code;
  return hj_link_snapshot(w->repo_dir, commit, w->link_path, f->etag, w->links, f->job->limits.sync, &f->link_path, e);
}

static int publish(struct hj_fetch *f, struct hj_err *e)
{
  struct hj_work *w = &f->work;
  note_proven(&w, 1);
  return name_it(f, e);
}

/* ---- the chores --------------------------------------------------------------------------------------------------- */

/* A blob of another size than its content has is damaged (a full disk cut it, a program wrote through it): it is replaced.
 * A plain file's name says nothing of its content. But it is what we want if it is the very file that another process had on its
 * way under the same key while we waited: it got its name when it was proven. */
static bool is_rivals(const struct hj_fetch *f, const char *path)
{
  struct hj_err scratch = HJ_ERR_INIT;
  struct hj_stat st;
  return f->rival.inode && !hj_path_stat(path, false, &st, &scratch) && st.kind == HJ_KIND_FILE && st.inode == f->rival.inode &&
         st.device == f->rival.device && (f->size == HJ_SIZE_UNKNOWN || st.size == f->size);
}

/* Where there are no links the other process has moved the blob to the name that we want, too. */
static bool is_named_plainly(const struct hj_fetch *f)
{
  const struct hj_want *w = f->want;
  const char *commit = w->commit ? w->commit : f->commit;
  struct hj_err scratch = HJ_ERR_INIT;
  char *name = !w->links && w->link_path && commit[0] ? hj_layout_pointer(w->repo_dir, commit, w->link_path, &scratch) : NULL;
  bool yes = name && is_rivals(f, name);
  hj_mem_free(name);
  return yes;
}

static bool have_it(struct hj_fetch *f)
{
  struct hj_err scratch = HJ_ERR_INIT;
  struct hj_stat st;
  if (f->want->force || f->want->replace)
    return false;
  if (f->want->dest == HJ_DEST_PATH)
    return is_rivals(f, f->final_path);
  if (hj_path_stat(f->final_path, true, &st, &scratch))
    return is_named_plainly(f);
  f->damaged_there = st.kind == HJ_KIND_FILE && f->size != HJ_SIZE_UNKNOWN && st.size != f->size;
  return st.kind == HJ_KIND_FILE && !f->damaged_there;
}

/* What is here gets its name. It is not recorded: who brought it did that, or it is another program's, and nobody has proven it.
 * false: where blobs are moved, somebody has moved this one to another name meanwhile: it is fetched. */
static bool name_held(struct hj_fetch *f, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  if (name_it(f, &s) == HJ_E_NONE && !f->want->links)
    return false;
  *e = s;
  return true;
}

/* Looked at before the first byte of this file: a disk that fills up at 99 % costs an hour, this costs a call. */
static int check_space(const struct hj_fetch *f, const struct places *at, struct hj_err *e)
{
  struct hj_err scratch = HJ_ERR_INIT;
  uint64_t there = 0, have = 0, need;
  if (f->size == HJ_SIZE_UNKNOWN || hj_disk_free(at->partial_dir, &have, &scratch))
    return HJ_E_OK; /* benign: the reservation will tell */
  if (f->claim)
    there = f->partly;
  else if (hj_claim_look(at->partial_dir, at->key, &there, &scratch))
    there = 0;
  need = f->size > there ? f->size - there : 0;
  if (need <= have)
    return HJ_E_OK;
  if (e->code == HJ_E_OK) {
    e->sys = ENOSPC;
    e->needed = need;
    e->room = have;
  }
  return hj_fail(e, HJ_E_NOSPACE, "no space left: %llu bytes are needed, %llu are free", (unsigned long long)need, (unsigned long long)have);
}

/* A claim that was taken before anybody was asked; of another name than the file turned out to have, it would be no use to anybody. */
static bool has_claim(const struct hj_fetch *f, const struct places *at) { return f->claim && !strcmp(f->claim->key, at->key); }

static void give_claim_back(struct hj_fetch *f)
{
  hj_claim_keep(f->claim);
  f->claim = NULL;
}

/* Who has it on its way shows it by a claim; the stock client by the lock, where the file system has locks that mean something. */
static bool is_elsewhere(struct hj_fetch *f, const struct places *at)
{
  struct hj_err busy = HJ_ERR_INIT;
  const char *beside = f->want->dest == HJ_DEST_STORE ? f->final_path : at->lock; /* where the stock client writes what is not finished */
  bool elsewhere = !has_claim(f, at) && hj_rival_look(at->partial_dir, at->key, &f->rival, &busy) == HJ_E_BUSY;
  if (!elsewhere && at->lock && f->lock.file.fd < 0 && !f->lockless) {
    hj_err_clear(&busy);
    elsewhere = hj_lock_try(&f->lock, at->lock, &busy) == HJ_E_BUSY; /* else benign: no locks here, or no right to make one: the claims are enough */
    f->lockless = elsewhere && hj_holder_is_silent(&f->holder, at->lock, beside, f->etag, hj_clock_ms());
    elsewhere = elsewhere && !f->lockless;
  }
  if (busy.code != HJ_E_OK)
    HJ_TRACE(HJ_T_LOCK, f->index, "%s: %s%s", at->key, busy.msg, f->lockless ? ", and does not move: we go on without it" : "");
  return elsewhere;
}

static bool has_folder(const struct hj_fetch *f)
{
  struct hj_err scratch = HJ_ERR_INIT;
  struct hj_stat st;
  char *folder = hj_mem_text(f->final_path, &scratch), *slash = folder ? strrchr(folder, '/') : NULL;
  bool there;
  if (slash)
    slash[slash == folder] = 0;
  there = slash && !hj_path_stat(folder, true, &st, &scratch);
  hj_mem_free(folder);
  return there;
}

/* Who asks first has it from here on: what a first range brings is fetched once, too. Not in a list of many files, which are
 * small as a rule; not if the folder for it is yet to be made: a wrong address should leave nothing behind; and not after waiting for
 * somebody who let go of it without a file: it was small, or not there, and those who waited should not queue up for that. */
static void claim_early(struct hj_work *w, const struct places *at)
{
  struct hj_fetch *f = w->fetch;
  struct hj_err scratch = HJ_ERR_INIT; /* benign: it is claimed again, and the cause told, when its bytes come */
  if (f->claim || f->job->n > HJ_UNKNOWN_AT_ONCE || (f->locked_ms && !f->rival.inode) || !has_folder(f))
    return;
  if (hj_claim_take(&f->claim, at->partial_dir, at->key, !f->want->resume || f->want->force, &scratch))
    HJ_TRACE(HJ_T_STORE, f->index, "not claimed yet: %s", scratch.msg);
  else if (hj_rival_contest(f->claim, &f->rival, &scratch) == HJ_E_BUSY) {
    give_claim_back(f);
    w->opened = HJ_OPEN_BUSY;
    HJ_TRACE(HJ_T_LOCK, f->index, "%s: %s", at->key, scratch.msg);
  }
}

static int look_for_others(struct hj_work *w, struct hj_err *e)
{
  struct hj_fetch *f = w->fetch;
  struct hj_err scratch = HJ_ERR_INIT; /* benign: what cannot be seen is not there */
  struct hj_stat st;
  struct places at;
  if (find_final(f, e) || find_places(f, &at, e))
    return (int)e->code;
  w->opened = HJ_OPEN_NOBODY;
  if (!have_it(f) && hj_rival_look(at.partial_dir, at.key, &f->rival, &scratch) == HJ_E_BUSY) {
    w->opened = HJ_OPEN_BUSY;
    HJ_TRACE(HJ_T_LOCK, f->index, "%s: %s", at.key, scratch.msg);
  } else if (!have_it(f)) { /* who let go of it just now may have brought it */
    hj_err_clear(&scratch);
    if (!f->want->resume || f->want->force || hj_claim_look(at.partial_dir, at.key, &w->found, &scratch))
      w->found = 0;
    claim_early(w, &at);
  }
  if (w->opened == HJ_OPEN_NOBODY && have_it(f) && (f->want->links || name_held(f, e))) {
    w->opened = HJ_OPEN_HELD;
    w->found = hj_path_stat(f->final_path, false, &st, &scratch) ? 0 : st.size;
  }
  places_release(&at);
  return HJ_E_OK;
}

static int open_blob(struct hj_work *w, struct hj_err *e)
{
  struct hj_fetch *f = w->fetch;
  struct hj_err why = HJ_ERR_INIT;
  struct hj_blob_want want;
  struct places at;
  if (find_final(f, e) || find_places(f, &at, e))
    return (int)e->code;
  w->opened = HJ_OPEN_HELD;
  if (!has_claim(f, &at))
    give_claim_back(f);
  if (have_it(f) && name_held(f, e))
    goto out;
  if (is_elsewhere(f, &at)) {
    give_claim_back(f);
    w->opened = HJ_OPEN_BUSY;
    goto out;
  }
  hj_lock_sign(&f->lock);
  if (have_it(f) && name_held(f, e)) /* the one who held the lock brought it */
    goto out;
  fill_want(f, &at, hj_proc_umask(), &want);
  w->opened = HJ_OPENED;
  if (!check_space(f, &at, &why)) {
    f->claim = NULL; /* the blob's */
    hj_blob_open(&f->blob, &want, &why);
  }
  if (why.code == HJ_E_BUSY || (why.code == HJ_E_NOSPACE && is_elsewhere(f, &at))) { /* who goes first may have reserved the room */
    hj_lock_drop(&f->lock);
    w->opened = HJ_OPEN_BUSY;
  } else if (why.code != HJ_E_OK) {
    *e = why;
  }
out:
  places_release(&at);
  return (int)e->code;
}

/* Each its own errand, error and stop; together they take as long as one alone may. */
static void prove_blobs(struct hj_work *const w[], unsigned n)
{
  struct hj_proof proofs[HJ_PROOFS_MAX] = { { 0 } };
  uint64_t before[HJ_PROOFS_MAX];
  for (unsigned i = 0; i < n; i++) {
    struct hj_fetch *f = w[i]->fetch;
    before[i] = hj_blob_proven(f->blob);
    proofs[i] = (struct hj_proof){ f->blob, &f->stop, &w[i]->err };
  }
  hj_blobs_prove(proofs, n, PROVE_STEP / n);
  for (unsigned i = 0; i < n; i++)
    w[i]->proven = hj_blob_proven(w[i]->fetch->blob) - before[i];
}

static int commit_blob(struct hj_work *w, struct hj_err *e)
{
  struct hj_fetch *f = w->fetch;
  struct hj_err scratch = HJ_ERR_INIT;
  if (hj_blob_commit(f->blob, &f->proven, e)) {
    if (e->code == HJ_E_DIGEST && hj_blob_recheck(f->blob, &w->lost, &scratch))
      w->lost = 0;
    return (int)e->code;
  }
  hj_blob_drop(f->blob, false);
  f->blob = NULL;
  publish(f, e);
  hj_lock_drop(&f->lock);
  return (int)e->code;
}

/* All in one go (store/blob.h). Nobody waits for their locks, who else stores these bytes stores the same; but huggingface_hub's
 * cache has them, and its processes may look. */
static void store_small(struct hj_work *const w[], unsigned n)
{
  struct hj_small s[HJ_SMALLS_MAX] = { { { 0 }, NULL, 0, { 0 }, NULL, NULL, HJ_FILE_INIT, false } };
  struct places at[HJ_SMALLS_MAX] = { { 0 } };
  unsigned umask = hj_proc_umask();
  for (unsigned i = 0; i < n; i++) {
    struct hj_fetch *f = w[i]->fetch;
    s[i].e = &w[i]->err;
    if (find_final(f, s[i].e) || find_places(f, &at[i], s[i].e))
      continue;
    struct hj_err busy = HJ_ERR_INIT;
    give_claim_back(f);
    if (at[i].lock)
      (void)hj_lock_try(&f->lock, at[i].lock, &busy);
    (void)have_it(f);
    fill_want(f, &at[i], umask, &s[i].want);
    s[i].p = f->body.p;
    s[i].n = f->body.len;
  }
  hj_blobs_store_small(s, n);
  note_proven(w, n);
  for (unsigned i = 0; i < n; i++) {
    struct hj_fetch *f = w[i]->fetch;
    f->proven = s[i].got;
    if (s[i].e->code == HJ_E_OK)
      name_it(f, s[i].e);
    hj_lock_drop(&f->lock);
    if (f->want->dest == HJ_DEST_PATH && at[i].partial_dir && (i + 1 == n || !at[i + 1].partial_dir || strcmp(at[i].partial_dir, at[i + 1].partial_dir)))
      hj_blob_tidy(at[i].partial_dir);
  }
  for (unsigned i = 0; i < n; i++)
    places_release(&at[i]);
}

static void run_one(struct hj_work *w)
{
  struct hj_fetch *f = w->fetch;
  switch (w->chore) {
  case HJ_CHORE_LOOK:
    look_for_others(w, &w->err);
    break;
  case HJ_CHORE_OPEN:
    open_blob(w, &w->err);
    break;
  case HJ_CHORE_PROVE:
    prove_blobs(&w, 1);
    break;
  case HJ_CHORE_COMMIT:
    commit_blob(w, &w->err);
    break;
  case HJ_CHORE_SMALL:
    store_small(&w, 1);
    break;
  case HJ_CHORE_DROP:
    give_claim_back(f); /* what an old partial holds was not looked at: it stays */
    hj_blob_drop(f->blob, w->keep);
    f->blob = NULL;
    hj_lock_drop(&f->lock);
    break;
  case HJ_CHORE_NONE:
    break;
  }
}

/* Several proofs are one errand: one slice, named after the first file. */
static void draw(struct hj_work *const w[], unsigned n, uint64_t from_us)
{
  const struct hj_fetch *f = w[0]->fetch;
  struct hj_slice s = { .track = HJ_TRACK_WORKER, .what = hj_chore_name(w[0]->chore), .file = f->want->link_path ? f->want->link_path : f->own.first.path,
                        .code = hj_code_name(w[0]->err.code), .from_us = from_us, .to_us = hj_clock_ns() / 1000 };
  for (unsigned i = 0; i < n; i++)
    s.bytes += w[i]->chore == HJ_CHORE_SMALL ? w[i]->fetch->body.len : w[i]->proven;
  hj_timeline_slice(&s);
}

void hj_chores_run(struct hj_work *const w[], unsigned n)
{
  uint64_t from_us = hj_timeline_is_on() ? hj_clock_ns() / 1000 : 0;
  for (unsigned i = 0; i < n; i++) {
    w[i]->err = (struct hj_err)HJ_ERR_INIT;
    w[i]->proven = w[i]->lost = w[i]->found = 0;
  }
  if (n > 1 && w[0]->chore == HJ_CHORE_SMALL)
    store_small(w, n);
  else if (n > 1)
    prove_blobs(w, n);
  else
    run_one(w[0]);
  if (from_us && hj_timeline_is_on())
    draw(w, n, from_us);
  for (unsigned i = 0; i < n; i++)
    HJ_TRACE(HJ_T_STORE, w[i]->fetch->index, "%s: %s, %u at once, %llu bytes proven", hj_chore_name(w[i]->chore),
             hj_code_name(w[i]->err.code), n, (unsigned long long)w[i]->proven);
}

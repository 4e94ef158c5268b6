/* store/blob_open.c - how a blob begins: fresh, or with what an old partial still holds; and how it doubts itself (recheck). */
#include <assert.h>
#include <string.h>

#include "plat/fault.h"
#include "plat/plat.h"
#include "store/blob_int.h"
#include "store/layout.h"
#include "store/temp_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

static _Atomic uint64_t last_id;

/* ---- comparing old pieces with their sums ---- */

struct compare {
  struct hj_blob *b;
  hj_file *from;
  bool copy;                       /* into b->data, with a record of its own */
  const atomic_int *stop;
};

/* A piece that fits its sum becomes held. One that does not (the disk lost it, or never got it) is simply not held. */
static int see_piece(void *user, const struct hj_piece *p, struct hj_err *e)
{
  struct compare *c = user;
  struct hj_blob *b = c->b;
  struct hj_err s = HJ_ERR_INIT;
  size_t got = 0;
  if (c->stop && atomic_load_explicit(c->stop, memory_order_relaxed))
    return hj_fail(e, HJ_E_CANCELLED, "stopped while an unfinished file was compared with its journal");
  if (p->len > HJ_PIECE || hj_ranges_has(&b->held, p->at, p->at + p->len))
    return HJ_E_OK;
  if (hj_file_read_at(c->from, p->at, b->piece, (size_t)p->len, &got, &s) || got != p->len || hj_xxh3(b->piece, got) != p->sum) {
    HJ_TRACE(HJ_T_STORE, b->id, "%llu bytes at %llu do not fit their sum", (unsigned long long)p->len, (unsigned long long)p->at);
    return HJ_E_OK;
  }
  if (c->copy) {
    if (hj_file_write_at(&b->data, p->at, b->piece, got, e))
      return (int)e->code;
    HJ_BENIGN_BEGIN();
    if (hj_journal_add(&b->journal, p, &s))
      HJ_TRACE(HJ_T_STORE, b->id, "journal: %s", s.msg);
    HJ_BENIGN_END();
  }
  return hj_ranges_add(&b->held, p->at, p->at + p->len, e);
}

/* The reading of the journal itself may fail in the middle: what was seen until then is good. */
static int compare_all(struct compare *c, struct hj_journal *j, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  if (hj_journal_each(j, see_piece, c, &s)) {
    if (s.code == HJ_E_CANCELLED || s.code == HJ_E_NOMEM || (c->copy && s.code == HJ_E_NOSPACE))
      hj_err_pass(e, &s);
    HJ_TRACE(HJ_T_STORE, c->b->id, "the journal ends early: %s", s.msg);
  }
  return (int)e->code;
}

/* ---- opening ---- */

/* Data is never broader than the finished file will be; our own kind may continue it. */
static unsigned data_mode(const struct hj_blob *b)
{
  return b->mode | 0600u;
}

/* An empty data file and a journal in the claimed folder, whatever lay there before. */
static int start_fresh(struct hj_blob *b, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  struct hj_journal_head head = { atomic_load(&b->size), b->tag };
  (void)hj_path_remove(b->claim->journal, &s);
  hj_err_clear(&s);
  (void)hj_path_remove(b->claim->data, &s);
  if (hj_file_open(&b->data, b->claim->data, HJ_OPEN_NEW, data_mode(b), e))
    return (int)e->code;
  if (b->resumable) {
    HJ_BENIGN_BEGIN();
    hj_err_clear(&s);
    if (hj_journal_create(&b->journal, b->claim->journal, &head, &s))
      HJ_TRACE(HJ_T_STORE, b->id, "no journal, no resume: %s", s.msg);
    HJ_BENIGN_END();
  }
  return HJ_E_OK;
}

/* What an old partial is good for. */
enum worth { WORTH_ALL, WORTH_NOTHING, WORTH_NOT_OURS };

/* What the failure of one step says about the partial. A passing trouble (EMFILE, EIO) is an error and says nothing: what was
 * received must not be thrown away for it. */
static int judge(enum worth *worth, const struct hj_err *cause, struct hj_err *e)
{
  switch (cause->code) {
  case HJ_E_OK:
    return HJ_E_OK;
  case HJ_E_NONE:
  case HJ_E_STALE:
    *worth = WORTH_NOTHING;
    return HJ_E_OK;
  case HJ_E_DENIED:
    *worth = WORTH_NOT_OURS;                          /* another user's */
    return HJ_E_OK;
  default:
    hj_err_pass(e, cause);
    return (int)e->code;
  }
}

/* Only a plain file with one name: a link planted in a shared cache must not make us write elsewhere, and data that has a second
 * name is published already (a kill between link and unlink, where rename-new is made of these two). */
static int look_plain(const char *path, struct hj_stat *st, enum worth *worth, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  if (!hj_path_stat(path, false, st, &s) && (st->kind != HJ_KIND_FILE || st->links != 1))
    *worth = WORTH_NOTHING;
  return judge(worth, &s, e);
}

static int open_plain(hj_file *f, const char *path, enum hj_open how, enum worth *worth, struct hj_err *e)
{
  struct hj_stat before, now;
  struct hj_err s = HJ_ERR_INIT;
  if (look_plain(path, &before, worth, e) || *worth != WORTH_ALL)
    return (int)e->code;
  /* A kill between setting the final mode and the rename leaves read-only data behind. */
  if (how == HJ_OPEN_UPDATE && !(before.mode & 0200u))
    (void)hj_path_mode(path, before.mode | 0600u, &s);
  hj_err_clear(&s);
  if (hj_file_open(f, path, how, 0, &s))
    return judge(worth, &s, e);
  if (hj_file_stat(f, &now, e))
    return (int)e->code;
  if (now.kind != HJ_KIND_FILE || now.inode != before.inode || now.device != before.device)
    *worth = WORTH_NOTHING;
  return HJ_E_OK;
}

/* The journal and the data, if they speak of this content. */
static int open_old(struct hj_blob *b, struct hj_journal *j, hj_file *data, enum hj_open how, enum worth *worth, struct hj_err *e)
{
  struct hj_journal_head head = { atomic_load(&b->size), b->tag };
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  if (look_plain(b->claim->journal, &st, worth, e) || *worth != WORTH_ALL)
    return (int)e->code;
  (void)hj_journal_open(j, b->claim->journal, &head, &s);
  if (judge(worth, &s, e) || *worth != WORTH_ALL)
    return (int)e->code;
  return open_plain(data, b->claim->data, how, worth, e);
}

/* Continues the old file itself. */
static int continue_old(struct hj_blob *b, const atomic_int *stop, enum worth *worth, struct hj_err *e)
{
  struct compare c = { b, &b->data, false, stop };
  if (!open_old(b, &b->journal, &b->data, HJ_OPEN_UPDATE, worth, e) && *worth == WORTH_ALL)
    return compare_all(&c, &b->journal, e);
  hj_journal_close(&b->journal);
  hj_file_close(&b->data);
  return (int)e->code;
}

/* The old owner may live on another host and still write: its pieces that fit are copied into a file it does not know, which
 * then takes the old one's place. Until then the old one stays as it is. */
static int copy_old(struct hj_blob *b, const atomic_int *stop, enum worth *worth, struct hj_err *e)
{
  struct hj_claim *c = b->claim;
  struct hj_journal journal = HJ_JOURNAL_INIT;
  struct hj_journal_head head = { atomic_load(&b->size), b->tag };
  hj_file data = HJ_FILE_INIT;
  struct compare compare = { b, &data, true, stop };
  struct hj_err s = HJ_ERR_INIT;
  char *new_data = hj_layout_join(c->path, "data.new", e), *new_journal = hj_layout_join(c->path, "journal.new", e);
  if (!new_data || !new_journal || open_old(b, &journal, &data, HJ_OPEN_READ, worth, e) || *worth != WORTH_ALL)
    goto out;
  (void)hj_path_remove(new_data, &s);
  if (hj_file_open(&b->data, new_data, HJ_OPEN_NEW, data_mode(b), e) || hj_journal_create(&b->journal, new_journal, &head, e))
    goto out;
  if (compare_all(&compare, &journal, e) || hj_path_rename(new_data, c->data, e) || hj_path_rename(new_journal, c->journal, e))
    goto out;
  hj_claim_trust(c);
out:
  hj_journal_close(&journal);
  hj_file_close(&data);
  hj_mem_free(new_data);
  hj_mem_free(new_journal);
  return (int)e->code;
}

/* Another user's, in a folder of both: data is 0644, so it may be read. 12 MiB that one user had left were fetched again by the other. */
static int copy_foreign(struct hj_blob *b, const atomic_int *stop, enum worth *worth, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  *worth = WORTH_ALL;
  if (copy_old(b, stop, worth, &s) && judge(worth, &s, e))
    return (int)e->code;
  if (*worth != WORTH_ALL) { /* some of it may have been copied: what follows begins from nothing */
    hj_journal_close(&b->journal);
    hj_file_close(&b->data);
    hj_ranges_release(&b->held);
    hj_ranges_init(&b->held);
  }
  return HJ_E_OK;
}

static int take_claim(struct hj_blob *b, const struct hj_blob_want *w, bool fresh, struct hj_err *e)
{
  if (hj_claim_take(&b->claim, w->partial_dir, w->key, fresh, e) || !w->rival || !hj_rival_contest(b->claim, w->rival, e))
    return (int)e->code;
  hj_claim_keep(b->claim);
  b->claim = NULL;
  return (int)e->code;
}

/* The claim, and in it a data file that is ours to write. */
static int open_data(struct hj_blob *b, const struct hj_blob_want *w, struct hj_err *e)
{
  enum worth worth = WORTH_NOTHING;
  if (b->claim && b->claim->found && !b->resumable) { /* taken before it was known that nothing says whose bytes these are */
    hj_claim_keep(b->claim);
    b->claim = NULL;
  }
  if (!b->claim && take_claim(b, w, !(w->resume && b->resumable), e))
    return (int)e->code;
  assert(b->claim);
  if (b->claim->found) {
    worth = WORTH_ALL;
    if ((b->claim->doubtful ? copy_old : continue_old)(b, w->stop, &worth, e))
      return (int)e->code;
    if (worth == WORTH_NOT_OURS && !b->claim->doubtful && copy_foreign(b, w->stop, &worth, e))
      return (int)e->code;
  }
  if (worth == WORTH_ALL)
    return HJ_E_OK;
  if (worth == WORTH_NOT_OURS) {
    HJ_TRACE(HJ_T_STORE, b->id, "the old partial is another user's: it goes back, we make our own");
    hj_claim_keep(b->claim);
    b->claim = NULL;
    if (take_claim(b, w, true, e))
      return (int)e->code;
    assert(b->claim);
  }
  if (start_fresh(b, e))
    return (int)e->code;
  hj_claim_trust(b->claim);
  return HJ_E_OK;
}

static int reserve(struct hj_blob *b, uint64_t size, struct hj_err *e)
{
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  if (hj_file_stat(&b->data, &st, e))
    return (int)e->code;
  if (st.size > size && hj_file_resize(&b->data, size, e))
    return (int)e->code;
  if (size > 0 && hj_file_reserve(&b->data, size, &s) && e->code == HJ_E_OK) {
    (void)hj_fail(e, s.code, "%s: %s", b->claim->partial_dir, s.msg);
    e->sys = s.sys;
  }
  return (int)e->code;
}

static uint64_t tag_of(const struct hj_blob_want *w)
{
  char text[80];
  if (w->promise.algo == HJ_ALGO_NONE)
    return hj_xxh3(w->validator, strlen(w->validator));
  hj_promise_text(&w->promise, text);
  return hj_xxh3(text, strlen(text));
}

int hj_blob_open(struct hj_blob **out, const struct hj_blob_want *w, struct hj_err *e)
{
  struct hj_blob *b = hj_mem_zero(1, sizeof *b, e);
  *out = NULL;
  if (!b) {
    hj_claim_keep(w->claim);
    return (int)e->code;
  }
  b->claim = w->claim;
  b->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
  b->data = (hj_file)HJ_FILE_INIT;
  b->journal = (struct hj_journal)HJ_JOURNAL_INIT;
  hj_ranges_init(&b->held);
  b->promise = w->promise;
  b->mode = w->mode;
  b->replace = w->replace;
  b->sync = w->sync;
  b->resumable = w->promise.algo != HJ_ALGO_NONE || (w->validator && w->validator[0]);
  b->tag = b->resumable ? tag_of(w) : 0;
  atomic_init(&b->size, w->size);
  atomic_init(&b->landed, 0);
  atomic_init(&b->frontier, 0);
  atomic_init(&b->proven, 0);
  if (!(b->final = hj_mem_text(w->final, e)) || (w->sums_dir && !(b->sums_dir = hj_mem_text(w->sums_dir, e))) || !(b->piece = hj_mem_new(HJ_PIECE, e)))
    goto out;
  if (open_data(b, w, e))
    goto out;
  if (w->size != HJ_SIZE_UNKNOWN && reserve(b, w->size, e))
    goto out;
  b->open = true;
  hj_blob_publish_counts(b);
  HJ_TRACE(HJ_T_STORE, b->id, "open %s: %llu bytes held", w->key, (unsigned long long)hj_blob_landed(b));
  *out = b;
  b = NULL;
out:
  hj_blob_drop(b, true);           /* what an old partial holds is not lost because we could not continue it */
  return (int)e->code;
}

/* The size is known now: called by put's thread. */
int hj_blob_settle(struct hj_blob *b, uint64_t size, struct hj_err *e)
{
  uint64_t known = atomic_load(&b->size);
  uint64_t end = b->held.n ? b->held.p[b->held.n - 1].end : 0;
  if (known != HJ_SIZE_UNKNOWN && known != size)
    return hj_fail(e, HJ_E_SIZE, "%llu bytes were expected, the size is now said to be %llu", (unsigned long long)known,
                   (unsigned long long)size);
  if (end > size) {
    if (e->code == HJ_E_OK)
      e->offset = size;
    return hj_fail(e, HJ_E_SIZE, "bytes up to %llu came, the size is said to be %llu", (unsigned long long)end, (unsigned long long)size);
  }
  if (known == size)
    return HJ_E_OK;
  if (hj_ranges_sum(&b->held) < size && reserve(b, size, e))      /* all there already: nothing to reserve */
    return (int)e->code;
  if (b->resumable) {
    HJ_BENIGN_BEGIN();
    struct hj_err s = HJ_ERR_INIT;
    if (hj_journal_settle(&b->journal, size, &s))
      HJ_TRACE(HJ_T_STORE, b->id, "journal: %s", s.msg);
    HJ_BENIGN_END();
  }
  atomic_store(&b->size, size);
  return HJ_E_OK;
}

int hj_blob_recheck(struct hj_blob *b, uint64_t *lost, struct hj_err *e)
{
  struct compare c = { b, &b->data, false, NULL };
  uint64_t before = hj_blob_landed(b);
  *lost = 0;
  if (!b->resumable)
    return hj_fail(e, HJ_E_BUG, "without a promise there is nothing to check again");
  hj_digest_close(b->digest);
  b->digest = NULL;
  b->sealed = false;
  b->held.n = 0;
  atomic_store(&b->proven, 0);
  b->flushed = 0;
  int rc = compare_all(&c, &b->journal, e);
  hj_blob_publish_counts(b);
  *lost = before - hj_blob_landed(b);
  b->wrong = b->wrong && *lost == 0;
  HJ_TRACE(HJ_T_STORE, b->id, "checked again: %llu bytes lost", (unsigned long long)*lost);
  return rc;
}

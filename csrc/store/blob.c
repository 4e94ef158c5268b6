/* store/blob.c - a blob at work: pieces in, proof behind, name last. How it begins: blob_open.c. */
#include "store/blob.h"

#include <assert.h>
#include <string.h>

#include "plat/fault.h"
#include "plat/plat.h"
#include "store/blob_int.h"
#include "store/sums.h"
#include "store/temp_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

/* Start writing back this often, so that the sync at the end finds little to do. From prove's thread, since it may block; and
 * only when a sync will come: else it costs 0.035 CPU-s/GiB for nothing (1 GiB, medians 0.645 and 0.61). */
#define FLUSH_EVERY (64u << 20)

/* Read back this much at a time: four lanes' worth stays in a core's own cache between the copy and the digest. With HJ_PIECE they filled
 * all of it (1 MiB), and 4 shards cost 3 to 5 % more CPU in all; 32 and 128 KiB are like 64. */
#define PROVE_GRAIN (64u << 10)
_Static_assert(PROVE_GRAIN <= HJ_PIECE, "it is read into a buffer of HJ_PIECE");

/* ---- questions ---- */

const struct hj_ranges *hj_blob_held(const struct hj_blob *b)
{
  return &b->held;
}

uint64_t hj_blob_landed(const struct hj_blob *b)
{
  return atomic_load_explicit(&b->landed, memory_order_acquire);
}

uint64_t hj_blob_proven(const struct hj_blob *b)
{
  return atomic_load_explicit(&b->proven, memory_order_acquire);
}

enum hj_algo hj_blob_algo(const struct hj_blob *b)
{
  return b->promise.algo == HJ_ALGO_NONE ? HJ_SHA256 : b->promise.algo;
}

uint64_t hj_blob_provable(const struct hj_blob *b)
{
  uint64_t proven = hj_blob_proven(b);                /* first: it never passes the frontier that is read after it */
  uint64_t frontier = atomic_load_explicit(&b->frontier, memory_order_acquire);
  if (hj_blob_algo(b) == HJ_GIT_SHA1 && atomic_load(&b->size) == HJ_SIZE_UNKNOWN)
    return 0;                                         /* its first bytes are the size */
  return frontier - proven;
}

bool hj_blob_is_whole(const struct hj_blob *b)
{
  return hj_blob_proven(b) == atomic_load(&b->size);  /* an unknown size is no number of bytes */
}

/* ---- put ---- */

void hj_blob_publish_counts(struct hj_blob *b)
{
  atomic_store_explicit(&b->landed, hj_ranges_sum(&b->held), memory_order_release);
  atomic_store_explicit(&b->frontier, hj_ranges_reach(&b->held, 0), memory_order_release);
}

static void note_in_journal(struct hj_blob *b, uint64_t at, const void *p, size_t n)
{
  struct hj_err s = HJ_ERR_INIT;
  struct hj_piece piece = { at, n, 0 };
  if (b->journal.end == 0)                            /* it could not be made */
    return;
  piece.sum = hj_xxh3(p, n);
  HJ_BENIGN_BEGIN();                                  /* these bytes are fetched again by a resume, that is all */
  if (hj_journal_add(&b->journal, &piece, &s))
    HJ_TRACE(HJ_T_STORE, b->id, "journal: %s", s.msg);
  HJ_BENIGN_END();
}

/* What lies there was doubted: is it the same that comes now? What cannot be read differs from nothing. */
static int compare_old(struct hj_blob *b, uint64_t at, const void *p, size_t n, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  size_t got = 0;
  if (!hj_ranges_has(&b->doubted, at, at + n) || hj_file_read_at(&b->data, at, b->old, n, &got, &s) || got != n || !memcmp(b->old, p, n))
    return HJ_E_OK;
  return hj_ranges_add(&b->differed, at, at + n, e);
}

/* n <= HJ_PIECE, none of it held. */
static int land(struct hj_blob *b, uint64_t at, const void *p, size_t n, struct hj_err *e)
{
  if (b->old && compare_old(b, at, p, n, e))
    return (int)e->code;
  if (hj_file_write_at(&b->data, at, p, n, e)) {
    e->offset = at;
    return (int)e->code;
  }
  if (hj_ranges_add(&b->held, at, at + n, e))
    return (int)e->code;
  note_in_journal(b, at, p, n);
  atomic_fetch_add_explicit(&b->landed, n, memory_order_release);
  uint64_t upto = atomic_load_explicit(&b->frontier, memory_order_relaxed);
  if (at == upto)
    atomic_store_explicit(&b->frontier, hj_ranges_reach(&b->held, upto), memory_order_release);
  return HJ_E_OK;
}

int hj_blob_put(struct hj_blob *b, uint64_t at, const void *p, size_t n, struct hj_err *e)
{
  uint64_t size = atomic_load_explicit(&b->size, memory_order_relaxed);
  uint64_t limit = size == HJ_SIZE_UNKNOWN ? INT64_MAX : size;
  struct hj_span gap;
  if (n > limit || at > limit - n) {
    if (e->code == HJ_E_OK)
      e->offset = at;
    return hj_fail(e, HJ_E_SIZE, "%zu bytes at %llu lie beyond the file's %llu", n, (unsigned long long)at, (unsigned long long)limit);
  }
  /* Only what is missing: a second copy of a range (a stolen or hedged one) never touches bytes that may be proven already. */
  for (uint64_t from = at; hj_ranges_gap(&b->held, from, at + n, &gap); from = gap.end) {
    if (gap.end - gap.at > HJ_PIECE)
      gap.end = gap.at + HJ_PIECE;
    if (land(b, gap.at, (const uint8_t *)p + (gap.at - at), (size_t)(gap.end - gap.at), e))
      return (int)e->code;
  }
  return HJ_E_OK;
}

/* ---- prove: each blob fills a piece, all pieces are fed side by side, each advances ---- */

static int ready_digest(struct hj_blob *b, struct hj_err *e)
{
  if (b->digest || b->sealed)
    return HJ_E_OK;
  return hj_digest_open(&b->digest, hj_blob_algo(b), atomic_load(&b->size), e);
}

/* The next provable bytes into b->piece, at most `most`. *n == 0: there are none. */
static int fill_piece(struct hj_blob *b, uint64_t most, size_t *n, struct hj_err *e)
{
  uint64_t at = atomic_load_explicit(&b->proven, memory_order_relaxed), left = hj_blob_provable(b);
  size_t got = 0;
  if (left > most)
    left = most;
  *n = left < PROVE_GRAIN ? (size_t)left : PROVE_GRAIN;
  if (*n == 0)
    return HJ_E_OK;
  if (hj_file_read_at(&b->data, at, b->piece, *n, &got, e)) {
    e->offset = at;
    return (int)e->code;
  }
  if (got != *n) {
    if (e->code == HJ_E_OK)
      e->offset = at + got;
    return hj_fail(e, HJ_E_IO, "the unfinished file ends at %llu, bytes behind that were written", (unsigned long long)(at + got));
  }
  return HJ_E_OK;
}

static void advance(struct hj_blob *b, size_t n)
{
  uint64_t proven = atomic_load_explicit(&b->proven, memory_order_relaxed) + n;
  atomic_store_explicit(&b->proven, proven, memory_order_release);
  if (b->sync && proven - b->flushed >= FLUSH_EVERY) {
    hj_file_flush_hint(&b->data, b->flushed, proven - b->flushed);
    b->flushed = proven;
  }
}

/* A piece of this proof is in its blob's buffer: how many bytes. 0: there are no more, or its error says why. */
static size_t next_piece(const struct hj_proof *p, uint64_t until)
{
  uint64_t left = until - hj_blob_proven(p->blob);
  size_t n = 0;
  if (p->e->code != HJ_E_OK || left == 0 || hj_blob_provable(p->blob) == 0)
    return 0;
  if (p->stop && atomic_load_explicit(p->stop, memory_order_relaxed))
    (void)hj_fail(p->e, HJ_E_CANCELLED, "stopped while the digest was computed");
  else if (ready_digest(p->blob, p->e) || fill_piece(p->blob, left, &n, p->e))
    n = 0;
  return n;
}

void hj_blobs_prove(const struct hj_proof proofs[], unsigned n, uint64_t budget)
{
  struct hj_blob *blob[HJ_PROOFS_MAX];
  struct hj_digest *digest[HJ_PROOFS_MAX];
  const void *piece[HJ_PROOFS_MAX];
  struct hj_err *e[HJ_PROOFS_MAX];
  size_t len[HJ_PROOFS_MAX];
  uint64_t until[HJ_PROOFS_MAX];
  unsigned lanes;
  assert(n <= HJ_PROOFS_MAX);
  for (unsigned i = 0; i < n; i++) {
    uint64_t proven = hj_blob_proven(proofs[i].blob);
    until[i] = budget < UINT64_MAX - proven ? proven + budget : UINT64_MAX;
  }
  do {
    lanes = 0;
    for (unsigned i = 0; i < n; i++) {
      len[lanes] = next_piece(&proofs[i], until[i]);
      if (len[lanes] == 0)
        continue;
      blob[lanes] = proofs[i].blob;
      digest[lanes] = proofs[i].blob->digest;
      piece[lanes] = proofs[i].blob->piece;
      e[lanes++] = proofs[i].e;
    }
    hj_digest_feed_lanes(digest, piece, len, e, lanes);
    for (unsigned i = 0; i < lanes; i++)
      if (e[i]->code == HJ_E_OK)
        advance(blob[i], len[i]);
  } while (lanes > 0);
}

/* ---- commit ---- */

int hj_blob_compare(const struct hj_promise *promised, const struct hj_promise *got, struct hj_err *e)
{
  char wanted[80], came[80];
  if (promised->algo == HJ_ALGO_NONE || hj_promise_same(promised, got))
    return HJ_E_OK;
  hj_promise_text(promised, wanted);
  hj_promise_text(got, came);
  return hj_fail(e, HJ_E_DIGEST, "the content does not match its digest: expected %s, got %s", wanted, came);
}

static int seal(struct hj_blob *b, struct hj_err *e)
{
  if (b->sealed)
    return HJ_E_OK;
  if (ready_digest(b, e) || hj_digest_seal(b->digest, b->got.bytes, e))
    return (int)e->code;
  b->got.algo = hj_blob_algo(b);
  b->sealed = true;
  hj_digest_close(b->digest);
  b->digest = NULL;
  return HJ_E_OK;
}

/* The name is taken although nothing may be replaced. A rival's equal file is success, and so is a link that leads nowhere
 * (the stock client's shared store was emptied): ours goes into its place. */
static int settle_race(struct hj_blob *b, uint64_t size, bool *named, struct hj_err *e)
{
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  int rc = hj_path_stat(b->final, true, &st, &s);
  if (rc == HJ_E_NONE)
    return hj_temp_publish(b->claim->data, b->final, true, b->sync, named, e);
  if (rc) {
    hj_err_pass(e, &s);
    return (int)e->code;
  }
  if (st.kind != HJ_KIND_FILE || st.size != size)
    return hj_fail(e, HJ_E_EXISTS, "another file of %llu bytes has the name %s; it was left alone", (unsigned long long)st.size,
                   b->final);
  *named = true;
  return b->sync ? hj_temp_confirm(b->final, e) : HJ_E_OK;
}

/* The journal has a sum of each piece: that is all a later look needs (store/sums.h). */
static void leave_sums(struct hj_blob *b, uint64_t size)
{
  struct hj_sums sums = { 0 };
  struct hj_err s = HJ_ERR_INIT;
  if (!b->sums_dir || size < HJ_SUMS_FROM || b->journal.end == 0)
    return;
  HJ_BENIGN_BEGIN();
  if (hj_sums_new(&sums, size, &b->got, &s) || hj_sums_of_journal(&sums, &b->journal, &b->data, &s) ||
      hj_sums_save(&sums, b->sums_dir, &b->got, &s))
    HJ_TRACE(HJ_T_STORE, b->id, "no sums are left: %s", s.msg);
  HJ_BENIGN_END();
  hj_sums_release(&sums);
}

int hj_blob_commit(struct hj_blob *b, struct hj_promise *out, struct hj_err *e)
{
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  bool named = false;
  uint64_t size = atomic_load(&b->size);
  if (!b->claim || !hj_blob_is_whole(b))
    return hj_fail(e, HJ_E_BUG, "a file was to be finished before its last byte was proven");
  if (seal(b, e))
    return (int)e->code;
  if (out)
    *out = b->got;
  if (hj_blob_compare(&b->promise, &b->got, e)) {
    b->wrong = true;
    return (int)e->code;
  }
  if (hj_file_stat(&b->data, &st, e))
    return (int)e->code;
  if (st.size != size)
    return hj_fail(e, HJ_E_SIZE, "the unfinished file has %llu bytes instead of %llu", (unsigned long long)st.size, (unsigned long long)size);
  HJ_BENIGN_BEGIN();               /* FAT and some FUSE mounts refuse modes; a file that belongs to another user, too */
  if (st.mode != b->mode && hj_file_mode(&b->data, b->mode, &s))
    HJ_TRACE(HJ_T_STORE, b->id, "the mode stays %o: %s", st.mode, s.msg);
  HJ_BENIGN_END();
  if (b->sync && hj_file_sync(&b->data, e))
    return (int)e->code;
  hj_err_clear(&s);
  if (hj_temp_publish(b->claim->data, b->final, b->replace, b->sync, &named, &s)) {
    if (s.code == HJ_E_EXISTS && !named && !b->replace)
      (void)settle_race(b, size, &named, e);
    else if (s.code == HJ_E_NONE)  /* the claim was taken away, or somebody deleted .hubjet */
      (void)hj_fail(e, HJ_E_IO, "the unfinished file vanished before it got its name: %s", s.msg);
    else
      hj_err_pass(e, &s);
  }
  if (named) {
    HJ_TRACE(HJ_T_STORE, b->id, "published %s", b->final);
    HJ_BENIGN_BEGIN();
    hj_err_clear(&s);
    if (b->resumable && hj_claim_clear(b->claim->partial_dir, b->claim->key, &s))
      HJ_TRACE(HJ_T_STORE, b->id, "old partials stay: %s", s.msg);
    HJ_BENIGN_END();
    leave_sums(b, size);
    hj_file_close(&b->data);
    hj_journal_close(&b->journal);
    hj_claim_drop(b->claim);
    b->claim = NULL;
  }
  return (int)e->code;
}

/* ---- doubt ---- */

int hj_blob_doubt(struct hj_blob *b, const struct hj_ranges *sure, uint64_t *doubted, struct hj_err *e)
{
  struct hj_span gap;
  *doubted = 0;
  if (!b->old && !(b->old = hj_mem_new(HJ_PIECE, e)))
    return (int)e->code;
  b->doubted.n = b->differed.n = 0;
  for (uint64_t from = 0, size = atomic_load(&b->size); hj_ranges_gap(sure, from, size, &gap); from = gap.end) {
    if (hj_ranges_add(&b->doubted, gap.at, gap.end, e) || hj_ranges_cut(&b->held, gap.at, gap.end, e))
      return (int)e->code;
    *doubted += gap.end - gap.at;
  }
  hj_digest_close(b->digest);
  b->digest = NULL;
  b->sealed = b->wrong = false;
  b->flushed = 0;
  atomic_store(&b->proven, 0);
  hj_blob_publish_counts(b);
  HJ_TRACE(HJ_T_STORE, b->id, "%llu bytes are doubted", (unsigned long long)*doubted);
  return HJ_E_OK;
}

const struct hj_ranges *hj_blob_differed(const struct hj_blob *b) { return &b->differed; }

/* ---- drop ---- */

/* A partial keeps its blocks; what was reserved behind its last byte goes back to the disk. */
static void trim(struct hj_blob *b)
{
  struct hj_err s = HJ_ERR_INIT;
  uint64_t end = b->held.n ? b->held.p[b->held.n - 1].end : 0;
  HJ_BENIGN_BEGIN();
  if (hj_file_resize(&b->data, end, &s))
    HJ_TRACE(HJ_T_STORE, b->id, "not trimmed: %s", s.msg);
  HJ_BENIGN_END();
}

void hj_blob_drop(struct hj_blob *b, bool keep)
{
  if (!b)
    return;
  keep = keep && b->resumable && !b->wrong;
  if (b->claim && keep && b->open)
    trim(b);
  hj_file_close(&b->data);
  hj_journal_close(&b->journal);
  if (keep)
    hj_claim_keep(b->claim);
  else
    hj_claim_drop(b->claim);
  hj_digest_close(b->digest);
  hj_ranges_release(&b->held);
  hj_ranges_release(&b->doubted);
  hj_ranges_release(&b->differed);
  hj_mem_free(b->old);
  hj_mem_free(b->piece);
  hj_mem_free(b->final);
  hj_mem_free(b->sums_dir);
  hj_mem_free(b);
}

/* store/check.c - see check.h
 *
 *   by sums     a queue of stretches (8 MiB of one file), taken by any thread: one large file keeps all cores busy
 *   by digest   digest/hashfile.c; each piece that passes there is counted, and gives its sums on the way
 *
 * Three rounds: those that sums may decide; those that a digest must; and those that the digest denied, for the place. */
#include "store/check.h"

#include <errno.h>
#include <string.h>
#include "digest/hashfile.h"
#include "plat/fault.h"
#include "plat/plat.h"
#include "store/blob.h"
#include "store/claim.h"
#include "store/record_int.h"
#include "store/sums.h"
#include "store/temp_int.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/trace.h"
#include "util/banned.h"

#define STRETCH 32u /* cells: 8 MiB, long enough for a disk, short enough that the last thread is not waited for */
#define THREADS_MAX HJ_HASH_THREADS

struct item {
  struct hj_check *c;
  struct hj_sums sums;             /* n 0: none */
  /* by digest: the sums of what passes, to be left behind */
  struct hj_sums made;
  struct hj_check_counts *counts;
  bool wanted;                     /* in this round */
};

struct stretches {
  hj_mutex lock;
  struct item *items;
  size_t n, at, cell;              /* the next: cell of items[at] */
  const atomic_int *stop;
  struct hj_check_counts *counts;
};

static bool is_stopped(const atomic_int *stop, struct hj_err *e)
{
  return stop && atomic_load_explicit(stop, memory_order_relaxed) && hj_fail(e, HJ_E_CANCELLED, "stopped while files were read");
}

/* ---- by sums ---- */

/* NULL: there is none left. */
static struct item *next_stretch(struct stretches *q, size_t *from, size_t *to)
{
  struct item *it = NULL;
  hj_mutex_lock(&q->lock);
  while (q->at < q->n && (!q->items[q->at].wanted || q->cell >= q->items[q->at].sums.n || q->items[q->at].c->e.code != HJ_E_OK)) {
    q->at++;
    q->cell = 0;
  }
  if (q->at < q->n) {
    it = &q->items[q->at];
    *from = q->cell;
    *to = q->cell + STRETCH < it->sums.n ? q->cell + STRETCH : it->sums.n;
    q->cell = *to;
  }
  hj_mutex_unlock(&q->lock);
  return it;
}

static void note(struct stretches *q, struct item *it, uint64_t at, uint64_t end, const struct hj_err *cause)
{
  hj_mutex_lock(&q->lock);
  if (cause)
    hj_err_pass(&it->c->e, cause);
  else
    (void)hj_ranges_add(&it->c->damaged, at, end, &it->c->e);
  hj_mutex_unlock(&q->lock);
}

/* A cell that cannot be read (EIO: the disk lost the sector) is damaged like one that reads wrong. */
static void compare(struct stretches *q, struct item *it, hj_file *f, uint8_t *piece, size_t from, size_t to)
{
  for (size_t i = from; i < to; i++) {
    struct hj_err e = HJ_ERR_INIT;
    size_t len = hj_sums_len(&it->sums, i), got = 0;
    uint64_t at = (uint64_t)i * HJ_SUMS_CELL;
    if (is_stopped(q->stop, &e)) {
      note(q, it, 0, 0, &e);
      return;
    }
    if (hj_file_read_at(f, at, piece, len, &got, &e) || got != len || hj_xxh3(piece, len) != it->sums.cell[i])
      note(q, it, at, at + len, NULL);
    if (q->counts)
      atomic_fetch_add_explicit(&q->counts->bytes, len, memory_order_relaxed);
  }
}

static void compare_share(void *user)
{
  struct stretches *q = user;
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  struct item *it, *open = NULL;
  uint8_t *piece = hj_mem_new(HJ_SUMS_CELL, &e);
  size_t from, to;
  while ((it = next_stretch(q, &from, &to)) != NULL) {
    if (it != open) {
      hj_file_close(&f);
      open = it;
      if (e.code == HJ_E_OK && hj_file_open(&f, it->c->path, HJ_OPEN_QUIET, 0, &e))
        open = NULL;
    }
    if (e.code != HJ_E_OK) {
      note(q, it, 0, 0, &e);
      if (piece) /* else no other file fares better */
        hj_err_clear(&e);
      continue;
    }
    uint64_t ahead = (uint64_t)to * HJ_SUMS_CELL; /* the next thread's: the disk may begin with it */
    hj_file_ahead_hint(&f, ahead, (uint64_t)STRETCH * HJ_SUMS_CELL);
    compare(q, it, &f, piece, from, to);
  }
  hj_file_close(&f);
  hj_mem_free(piece);
}

static unsigned threads_for(size_t cells, unsigned most)
{
  unsigned cpus = hj_proc_cpus(), threads = most == 0 || most > cpus ? cpus : most;
  size_t stretches = cells / STRETCH + 1;
  threads = threads > THREADS_MAX ? THREADS_MAX : threads;
  return stretches < threads ? (unsigned)stretches : threads;
}

static void by_sums(struct item *items, size_t n, unsigned most, const atomic_int *stop, struct hj_check_counts *counts)
{
  hj_thread others[THREADS_MAX] = { 0 };
  struct hj_err s = HJ_ERR_INIT; /* benign: without a thread the others do its share */
  struct stretches q = { .items = items, .n = n, .stop = stop, .counts = counts };
  size_t cells = 0;
  for (size_t i = 0; i < n; i++)
    cells += items[i].wanted ? items[i].sums.n : 0;
  if (cells == 0)
    return;
  unsigned threads = threads_for(cells, most);
  hj_mutex_init(&q.lock);
  for (unsigned i = 1; i < threads; i++) {
    hj_err_clear(&s);
    (void)hj_thread_start(&others[i], "hubjet-check", compare_share, &q, &s);
  }
  compare_share(&q);
  for (unsigned i = 1; i < threads; i++)
    hj_thread_join(&others[i]);
  hj_mutex_release(&q.lock);
}

/* ---- by digest ---- */

/* Of a file's bytes in their order, on the thread that digests it. */
static void see_piece(void *user, uint64_t at, const void *p, size_t n)
{
  struct item *it = user;
  const uint8_t *from = p;
  if (it->counts)
    atomic_fetch_add_explicit(&it->counts->bytes, n, memory_order_relaxed);
  if (at % HJ_SUMS_CELL != 0) /* pieces of another grid: none are left behind */
    hj_sums_release(&it->made);
  for (size_t i = (size_t)(at / HJ_SUMS_CELL); n > 0 && i < it->made.n; i++) {
    size_t len = n < HJ_SUMS_CELL ? n : HJ_SUMS_CELL;
    it->made.cell[i] = hj_xxh3(from, len);
    from += len;
    n -= len;
  }
}

/* Nothing of it is known but that it is wrong: all of it. */
static void all_of_it(struct item *it)
{
  struct hj_check *c = it->c;
  uint64_t size = it->sums.n ? it->sums.size : c->st.size;
  if (c->damaged.n == 0 && size > 0)
    (void)hj_ranges_add(&c->damaged, 0, size, &c->e);
}

static void leave_behind(struct item *it)
{
  struct hj_check *c = it->c;
  struct hj_err s = HJ_ERR_INIT;
  char etag[2 * HJ_DIGEST_MAX + 1];
  HJ_BENIGN_BEGIN(); /* a read-only cache is proven all the same */
  if (c->sums_dir && it->made.n && hj_sums_save(&it->made, c->sums_dir, &c->promise, &s))
    HJ_TRACE(HJ_T_STORE, 0, "proven, no sums left: %s", s.msg);
  hj_err_clear(&s);
  hj_text_hex(c->promise.bytes, hj_algo_size(c->promise.algo), etag);
  if (c->repo_dir && hj_record_note(c->repo_dir, etag, &c->st, &s))
    HJ_TRACE(HJ_T_STORE, 0, "proven, not recorded: %s", s.msg);
  HJ_BENIGN_END();
}

static void judge(struct item *it, const struct hj_hashing *h)
{
  struct hj_check *c = it->c;
  struct hj_promise got = { .algo = c->promise.algo };
  c->by = HJ_BY_DIGEST;
  if (!h->done && h->e.sys == EIO) { /* the disk has lost a part of it */
    c->verdict = HJ_CHECK_DAMAGED;
    return;
  }
  if (!h->done) {
    hj_err_pass(&c->e, &h->e);
    return;
  }
  memcpy(got.bytes, h->out, sizeof got.bytes);
  if (!hj_promise_same(&c->promise, &got)) {
    c->verdict = HJ_CHECK_DAMAGED;
    return;
  }
  c->verdict = HJ_CHECK_GOOD;
  c->damaged.n = 0; /* sums that denied it were wrong themselves */
  leave_behind(it);
}

static void by_digest(struct item *items, size_t n, unsigned threads, const atomic_int *stop, struct hj_check_counts *counts)
{
  struct hj_err e = HJ_ERR_INIT;
  size_t k = 0;
  struct hj_hashing *h = hj_mem_zero(n ? n : 1, sizeof *h, &e);
  for (size_t i = 0; i < n; i++) {
    struct item *it = &items[i];
    struct hj_err s = HJ_ERR_INIT; /* benign: without room for sums there will be none */
    if (!it->wanted || it->c->e.code != HJ_E_OK)
      continue;
    if (!h) {
      hj_err_pass(&it->c->e, &e);
      continue;
    }
    it->counts = counts;
    if (it->c->sums_dir && it->c->st.size >= HJ_SUMS_FROM)
      (void)hj_sums_new(&it->made, it->c->st.size, &it->c->promise, &s);
    h[k++] = (struct hj_hashing){ .path = it->c->path, .algo = it->c->promise.algo, .see = see_piece, .user = it, .e = HJ_ERR_INIT };
  }
  if (k > 0)
    hj_hash_paths(h, k, threads, stop);
  for (size_t i = 0, of = 0; h && i < n && of < k; i++)
    if (h[of].user == &items[i])
      judge(&items[i], &h[of++]);
  for (size_t i = 0; i < n; i++)
    hj_sums_release(&items[i].made);
  hj_mem_free(h);
}

/* ---- the whole ---- */

static void begin(struct item *it)
{
  struct hj_check *c = it->c;
  struct hj_err s = HJ_ERR_INIT;
  hj_ranges_init(&c->damaged);
  c->verdict = HJ_CHECK_FAILED;
  c->by = HJ_BY_NOTHING;
  c->had_sums = false;
  if (c->promise.algo == HJ_ALGO_NONE) {
    (void)hj_fail(&c->e, HJ_E_BADARG, "nobody said what this file should be: %s", c->path);
    return;
  }
  if (hj_path_stat(c->path, true, &c->st, &c->e))
    return;
  if (c->st.kind != HJ_KIND_FILE) {
    (void)hj_fail(&c->e, HJ_E_IO, "no regular file: %s", c->path);
    return;
  }
  HJ_BENIGN_BEGIN(); /* sums that cannot be had are none */
  c->had_sums = c->sums_dir && !hj_sums_load(&it->sums, c->sums_dir, &c->promise, &s);
  HJ_BENIGN_END();
}

static void end(struct item *it, struct hj_check_counts *counts)
{
  struct hj_check *c = it->c;
  struct hj_stat now;
  if (c->verdict == HJ_CHECK_DAMAGED && c->e.code == HJ_E_OK)
    all_of_it(it);
  if (c->verdict != HJ_CHECK_FAILED && c->e.code == HJ_E_OK && !hj_path_stat(c->path, true, &now, &c->e) &&
      (now.size != c->st.size || now.mtime_ns != c->st.mtime_ns || now.inode != c->st.inode || now.ctime_ns != c->st.ctime_ns))
    (void)hj_fail(&c->e, HJ_E_CHANGED, "changed while it was read: %s", c->path);
  if (c->e.code != HJ_E_OK)
    c->verdict = HJ_CHECK_FAILED;
  if (counts)
    atomic_fetch_add_explicit(&counts->files, 1, memory_order_relaxed);
  hj_sums_release(&it->sums);
}

void hj_check_files(struct hj_check files[], size_t n, bool fast, unsigned threads, const atomic_int *stop, struct hj_check_counts *counts)
{
  struct hj_err e = HJ_ERR_INIT;
  struct item *items = hj_mem_zero(n ? n : 1, sizeof *items, &e);
  if (!items) {
    for (size_t i = 0; i < n; i++)
      hj_err_pass(&files[i].e, &e);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    items[i].c = &files[i];
    begin(&items[i]);
    items[i].wanted = fast && items[i].sums.n > 0 && items[i].sums.size == files[i].st.size; /* of another size: the digest says so at once */
  }
  by_sums(items, n, threads, stop, counts);
  for (size_t i = 0; i < n; i++) {
    struct hj_check *c = &files[i];
    bool decided = items[i].wanted && c->e.code == HJ_E_OK && c->damaged.n == 0;
    if (decided) {
      c->verdict = HJ_CHECK_GOOD;
      c->by = HJ_BY_SUMS;
    }
    items[i].wanted = !decided;
  }
  by_digest(items, n, threads, stop, counts);
  for (size_t i = 0; i < n; i++)
    items[i].wanted = files[i].verdict == HJ_CHECK_DAMAGED && files[i].damaged.n == 0;
  by_sums(items, n, threads, stop, NULL);
  for (size_t i = 0; i < n; i++)
    end(&items[i], counts);
  hj_mem_free(items);
}

/* ---- what can be kept of a damaged one ---- */

int hj_check_salvage(const char *path, const char *partial_dir, const char *sums_dir, const struct hj_promise *of, unsigned mode,
                     const atomic_int *stop, uint64_t *lacking, struct hj_err *e)
{
  char hex[2 * HJ_DIGEST_MAX + 1];
  struct hj_sums sums;
  struct hj_blob *b = NULL;
  hj_file f = HJ_FILE_INIT;
  uint8_t *piece = NULL;
  *lacking = 0;
  if (hj_sums_load(&sums, sums_dir, of, e))
    return e->code == HJ_E_STALE ? (int)(e->code = HJ_E_NONE) : (int)e->code;
  hj_text_hex(of->bytes, hj_algo_size(of->algo), hex);
  struct hj_blob_want want = { .final = path, .partial_dir = partial_dir, .key = hex, .promise = *of, .validator = "", .size = sums.size,
                               .mode = mode, .stop = stop };
  if (!(piece = hj_mem_new(HJ_SUMS_CELL, e)) || hj_file_open(&f, path, HJ_OPEN_QUIET, 0, e) || hj_claim_clear(partial_dir, hex, e) ||
      hj_blob_open(&b, &want, e))
    goto out;
  for (size_t i = 0; i < sums.n && !is_stopped(stop, e); i++) {
    struct hj_err s = HJ_ERR_INIT;
    size_t len = hj_sums_len(&sums, i), got = 0;
    uint64_t at = (uint64_t)i * HJ_SUMS_CELL;
    if (hj_file_read_at(&f, at, piece, len, &got, &s) || got != len || hj_xxh3(piece, len) != sums.cell[i])
      *lacking += len;
    else if (hj_blob_put(b, at, piece, len, e))
      break;
  }
out:
  hj_blob_drop(b, e->code == HJ_E_OK);
  hj_file_close(&f);
  hj_mem_free(piece);
  hj_sums_release(&sums);
  return (int)e->code;
}

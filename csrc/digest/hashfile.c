/* digest/hashfile.c - see hashfile.h. Plain reads in order: mmap dies by SIGBUS when somebody cuts the file, and is no faster.
 *
 *   reader:   open, stat, read ...   the next piece of each lane's file          lanes[], on one thread at a time
 *   digester: open, feed lanes, seal the pieces the reader brought before        tasks[], the caller's thread
 *
 * A copy from the page cache costs 15 % of a SHA-256. For large files a helper takes the reader's part, with a second set of pieces:
 * while one set is digested the other is filled. Only the sets change hands, at the end of each round.
 *
 * Several files on several processors: each thread does all this for itself, with its share of the lanes, and takes its next file
 * from the one queue. A helper then only where there is a processor for it. */
#include "digest/hashfile.h"

#include <string.h>

#include "plat/plat.h"
#include "util/mem.h"

#include "util/banned.h"

#define PIECE (256u << 10) /* large enough that the calls cost nothing, small enough for the cache and the stop flag */
#define PIECE_AHEAD (512u << 10) /* of one lane, when a helper brings it: half as many changes of hands (1.87 -> 1.95 GB/s; 1 MiB: 1.6, out of L2) */
#define AHEAD_FROM ((uint64_t)16 << 20) /* a file with so much left is worth a thread: 8 ms */
#define LANES HJ_DIGEST_LANES

struct piece {
  struct hj_hashing *of;           /* NULL: the lane has no more files */
  uint8_t *p;
  size_t cap, n;
  uint64_t size, at, left;         /* of the file; where the piece is, what is behind it */
  bool first, last;                /* of the file; last also when reading failed */
  struct hj_err e;
};

struct lane { struct hj_hashing *of; hj_file file; uint64_t size, at; };

struct queue {
  hj_mutex lock;
  struct hj_hashing *next;         /* not begun; under the lock */
  size_t left;
  struct hj_err e;                 /* what ended a thread before its files; under the lock */
  const atomic_int *stop;
  unsigned lanes;                  /* of each thread */
  bool may_help;
};

struct hashing {
  struct queue *from;
  struct lane lanes[LANES];        /* the reader's */
  struct hj_digest *digests[LANES];
  struct piece sets[2][LANES];
  unsigned lanes_n, set;           /* set: what is digested now */
  /* the helper */
  bool tried, on;
  hj_thread thread;
  hj_mutex lock;
  hj_cond changed;
  bool filling, quit;              /* under the lock */
};

/* ---- the reader --------------------------------------------------------------------------------------------------- */

static int open_file(struct lane *l, struct hj_err *e)
{
  struct hj_stat st;
  l->at = 0;
  if (hj_file_open(&l->file, l->of->path, HJ_OPEN_QUIET, 0, e) || hj_file_stat(&l->file, &st, e)) /* to be hashed is no use of a file */
    return (int)e->code;
  if (st.kind != HJ_KIND_FILE)
    return hj_fail(e, HJ_E_IO, "only files have a digest, this is none: %s", l->of->path);
  l->size = st.size;
  hj_file_sequential_hint(&l->file);
  return HJ_E_OK;
}

static int read_piece(struct lane *l, struct piece *out)
{
  if (out->first && open_file(l, &out->e))
    return (int)out->e.code;
  out->size = l->size;
  out->at = l->at;
  if (hj_file_read_at(&l->file, l->at, out->p, out->cap, &out->n, &out->e))
    return (int)out->e.code;
  l->at += out->n;
  out->left = l->at < l->size ? l->size - l->at : 0;
  out->last = out->n < out->cap || l->at > l->size; /* it grows; who appends forever must not keep us here */
  if (out->last && l->at != l->size)
    return hj_fail(&out->e, HJ_E_CHANGED, "the size changed while reading: %s", l->of->path);
  return HJ_E_OK;
}

static struct hj_hashing *next_file(struct queue *q)
{
  struct hj_hashing *f = NULL;
  hj_mutex_lock(&q->lock);
  if (q->left > 0) {
    f = q->next++;
    q->left--;
  }
  hj_mutex_unlock(&q->lock);
  return f;
}

static void fill(struct hashing *h, unsigned set)
{
  for (unsigned i = 0; i < h->lanes_n; i++) {
    struct lane *l = &h->lanes[i];
    struct piece *out = &h->sets[set][i];
    out->first = !l->of;
    if (!l->of)
      l->of = next_file(h->from);
    out->of = l->of;
    if (!l->of)
      continue;
    out->n = 0;
    out->last = false;
    out->e = (struct hj_err)HJ_ERR_INIT;
    if (read_piece(l, out))
      out->last = true;
    if (out->last) {
      hj_file_close(&l->file);
      l->of = NULL;
    }
  }
}

/* ---- the helper --------------------------------------------------------------------------------------------------- */

static void help(void *user)
{
  struct hashing *h = user;
  hj_mutex_lock(&h->lock);
  while (!h->quit) {
    if (!h->filling) {
      hj_cond_wait(&h->changed, &h->lock);
      continue;
    }
    hj_mutex_unlock(&h->lock);
    fill(h, !h->set);
    hj_mutex_lock(&h->lock);
    h->filling = false;
    hj_cond_broadcast(&h->changed);
  }
  hj_mutex_unlock(&h->lock);
}

/* XXH3 is faster than the copy: there is nothing to hide it behind. */
static bool wants_help(const struct hashing *h)
{
  for (unsigned i = 0; i < h->lanes_n; i++) {
    const struct piece *p = &h->sets[h->set][i];
    if (p->of && p->of->algo != HJ_XXH3 && p->left >= AHEAD_FROM)
      return !h->tried && h->from->may_help;
  }
  return false;
}

static bool make_room(struct hashing *h, unsigned set, size_t cap, struct hj_err *e)
{
  for (unsigned i = 0; i < h->lanes_n; i++) { /* those that have none keep what they had */
    struct piece *p = &h->sets[set][i];
    uint8_t *more = hj_mem_new(cap, e);
    if (!more)
      return false;
    hj_mem_free(p->p);
    p->p = more;
    p->cap = cap;
  }
  return true;
}

/* benign: without memory or a thread it goes on alone. */
static void start_helper(struct hashing *h)
{
  struct hj_err s = HJ_ERR_INIT;
  h->tried = true;
  if (!make_room(h, !h->set, h->lanes_n == 1 ? PIECE_AHEAD : PIECE, &s))
    return;
  hj_mutex_init(&h->lock);
  hj_cond_init(&h->changed);
  h->on = !hj_thread_start(&h->thread, "hubjet-read", help, h, &s);
  if (!h->on) {
    hj_cond_release(&h->changed);
    hj_mutex_release(&h->lock);
  }
}

static void begin_next(struct hashing *h)
{
  struct hj_err s = HJ_ERR_INIT;
  if (!h->on)
    return;
  if (h->sets[!h->set][0].cap < h->sets[h->set][0].cap) /* the set from before the helper */
    (void)make_room(h, !h->set, h->sets[h->set][0].cap, &s);
  hj_mutex_lock(&h->lock);
  h->filling = true;
  hj_cond_broadcast(&h->changed);
  hj_mutex_unlock(&h->lock);
}

/* The next set becomes the one that is digested. */
static void end_next(struct hashing *h)
{
  if (!h->on) {
    fill(h, h->set);
    return;
  }
  hj_mutex_lock(&h->lock);
  while (h->filling)
    hj_cond_wait(&h->changed, &h->lock);
  hj_mutex_unlock(&h->lock);
  h->set = !h->set;
}

static void end_helper(struct hashing *h)
{
  if (!h->on)
    return;
  hj_mutex_lock(&h->lock);
  h->quit = true;
  hj_cond_broadcast(&h->changed);
  hj_mutex_unlock(&h->lock);
  hj_thread_join(&h->thread);
  hj_cond_release(&h->changed);
  hj_mutex_release(&h->lock);
}

/* ---- the digester ------------------------------------------------------------------------------------------------- */

/* false: no lane has anything any more. */
static bool digest_set(struct hashing *h)
{
  struct hj_digest *d[LANES];
  const void *p[LANES];
  size_t n[LANES];
  struct hj_err *e[LANES];
  unsigned together = 0;
  bool any = false;
  for (unsigned i = 0; i < h->lanes_n; i++) {
    struct piece *piece = &h->sets[h->set][i];
    if (!piece->of)
      continue;
    struct hj_err *own = &piece->of->e;
    any = true;
    if (own->code == HJ_E_OK && piece->e.code != HJ_E_OK)
      *own = piece->e;
    if (own->code != HJ_E_OK || (piece->first && hj_digest_open(&h->digests[i], piece->of->algo, piece->size, own)))
      continue;
    if (piece->of->see)
      piece->of->see(piece->of->user, piece->at, piece->p, piece->n);
    d[together] = h->digests[i];
    p[together] = piece->p;
    n[together] = piece->n;
    e[together++] = own;
  }
  hj_digest_feed_lanes(d, p, n, e, together);
  for (unsigned i = 0; i < h->lanes_n; i++) {
    struct piece *piece = &h->sets[h->set][i];
    if (!piece->of || !piece->last)
      continue;
    if (piece->of->e.code == HJ_E_OK)
      piece->of->done = !hj_digest_seal(h->digests[i], piece->of->out, &piece->of->e);
    hj_digest_close(h->digests[i]);
    h->digests[i] = NULL;
  }
  return any;
}

static void hash_share(void *user)
{
  struct queue *q = user;
  struct hj_err e = HJ_ERR_INIT;
  struct hashing *h = hj_mem_zero(1, sizeof *h, &e);
  if (!h)
    goto out;
  h->from = q;
  h->lanes_n = q->lanes;
  for (unsigned i = 0; i < LANES; i++)
    h->lanes[i].file = (hj_file)HJ_FILE_INIT;
  if (!make_room(h, 0, PIECE, &e))
    goto out;
  for (fill(h, 0);; end_next(h)) {
    if (q->stop && atomic_load_explicit(q->stop, memory_order_relaxed)) {
      (void)hj_fail(&e, HJ_E_CANCELLED, "stopped while files were read");
      break;
    }
    if (wants_help(h))
      start_helper(h);
    begin_next(h);
    if (!digest_set(h))
      break;
  }
  end_helper(h);
out:
  hj_mutex_lock(&q->lock);
  if (q->e.code == HJ_E_OK)
    q->e = e;
  hj_mutex_unlock(&q->lock);
  for (unsigned i = 0; h && i < LANES; i++) {
    hj_file_close(&h->lanes[i].file);
    hj_digest_close(h->digests[i]);
    hj_mem_free(h->sets[0][i].p);
    hj_mem_free(h->sets[1][i].p);
  }
  hj_mem_free(h);
}

static unsigned threads_for(size_t n, unsigned most)
{
  unsigned cpus = hj_proc_cpus(), threads = most == 0 || most > cpus ? cpus : most;
  threads = threads > HJ_HASH_THREADS ? HJ_HASH_THREADS : threads;
  return n < threads ? (n > 0 ? (unsigned)n : 1) : threads;
}

void hj_hash_paths(struct hj_hashing files[], size_t n, unsigned threads, const atomic_int *stop)
{
  hj_thread others[HJ_HASH_THREADS] = { 0 };
  struct hj_err s = HJ_ERR_INIT;   /* benign: without a thread the others do its share */
  threads = threads_for(n, threads);
  struct queue q = { .next = files, .left = n, .e = HJ_ERR_INIT, .stop = stop, .may_help = hj_proc_cpus() > threads };
  q.lanes = n > (size_t)LANES * threads ? LANES : (unsigned)((n + threads - 1) / threads);
  hj_mutex_init(&q.lock);
  for (size_t i = 0; i < n; i++)
    files[i].done = false;
  for (unsigned i = 1; i < threads; i++)
    (void)hj_thread_start(&others[i], "hubjet-hash", hash_share, &q, &s);
  hash_share(&q);
  for (unsigned i = 1; i < threads; i++)
    hj_thread_join(&others[i]);
  hj_mutex_release(&q.lock);
  for (size_t i = 0; i < n; i++)   /* what ended a thread ends those that have no end of their own */
    if (!files[i].done && files[i].e.code == HJ_E_OK)
      files[i].e = q.e;
}

int hj_hash_path(enum hj_algo a, const char *path, const atomic_int *stop, uint8_t out[HJ_DIGEST_MAX], struct hj_err *e)
{
  struct hj_hashing one = { .path = path, .algo = a, .e = HJ_ERR_INIT };
  hj_hash_paths(&one, 1, 1, stop);
  if (one.e.code == HJ_E_OK)
    memcpy(out, one.out, sizeof one.out);
  else if (e->code == HJ_E_OK)
    *e = one.e;
  return (int)e->code;
}

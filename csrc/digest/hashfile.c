/* digest/hashfile.c - see hashfile.h. Plain reads in order: mmap dies by SIGBUS when somebody cuts the file, and is no faster.
 *
 *   reader:   open, stat, read ...   the next piece of each lane's file          lanes[], on one thread at a time
 *   digester: open, feed lanes, seal the pieces the reader brought before        tasks[], the caller's thread
 *
 * A copy from the page cache costs 15 % of a SHA-256. For large files a helper takes the reader's part, with a second set of pieces:
 * while one set is digested the other is filled. Only the sets change hands, at the end of each round. */
#include "digest/hashfile.h"

#include <string.h>

#include "plat/plat.h"
#include "util/mem.h"

#include "util/banned.h"

#define PIECE (256u << 10) /* large enough that the calls cost nothing, small enough for the cache and the stop flag */
#define AHEAD_FROM ((uint64_t)16 << 20) /* a file with so much left is worth a thread: 8 ms */
#define LANES HJ_DIGEST_LANES

struct piece {
  struct hj_hashing *of;           /* NULL: the lane has no more files */
  uint8_t *p;
  size_t n;
  uint64_t size, left;             /* of the file */
  bool first, last;                /* of the file; last also when reading failed */
  struct hj_err e;
};

struct lane { struct hj_hashing *of; hj_file file; uint64_t size, at; };

struct hashing {
  struct hj_hashing *files;        /* not begun */
  size_t files_n;
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
  if (hj_file_open(&l->file, l->of->path, HJ_OPEN_READ, 0, e) || hj_file_stat(&l->file, &st, e))
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
  if (hj_file_read_at(&l->file, l->at, out->p, PIECE, &out->n, &out->e))
    return (int)out->e.code;
  l->at += out->n;
  out->left = l->at < l->size ? l->size - l->at : 0;
  out->last = out->n < PIECE || l->at > l->size; /* it grows; who appends forever must not keep us here */
  if (out->last && l->at != l->size)
    return hj_fail(&out->e, HJ_E_CHANGED, "the size changed while reading: %s", l->of->path);
  return HJ_E_OK;
}

static void fill(struct hashing *h, unsigned set)
{
  for (unsigned i = 0; i < h->lanes_n; i++) {
    struct lane *l = &h->lanes[i];
    struct piece *out = &h->sets[set][i];
    out->first = !l->of;
    if (!l->of && h->files_n > 0) {
      l->of = h->files++;
      h->files_n--;
    }
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
      return !h->tried && hj_proc_cpus() > 1;
  }
  return false;
}

/* benign: without memory or a thread it goes on alone. */
static void start_helper(struct hashing *h)
{
  struct hj_err s = HJ_ERR_INIT;
  h->tried = true;
  for (unsigned i = 0; i < h->lanes_n; i++)
    if (!(h->sets[!h->set][i].p = hj_mem_new(PIECE, &s)))
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
  if (!h->on)
    return;
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

void hj_hash_paths(struct hj_hashing files[], size_t n, const atomic_int *stop)
{
  struct hj_err e = HJ_ERR_INIT;
  for (size_t i = 0; i < n; i++)
    files[i].done = false;
  struct hashing *h = hj_mem_zero(1, sizeof *h, &e);
  if (!h)
    goto out;
  h->files = files;
  h->files_n = n;
  h->lanes_n = n < LANES ? (unsigned)n : LANES;
  for (unsigned i = 0; i < LANES; i++)
    h->lanes[i].file = (hj_file)HJ_FILE_INIT;
  for (unsigned i = 0; i < h->lanes_n; i++)
    if (!(h->sets[0][i].p = hj_mem_new(PIECE, &e)))
      goto out;
  for (fill(h, 0);; end_next(h)) {
    if (stop && atomic_load_explicit(stop, memory_order_relaxed)) {
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
  for (size_t i = 0; i < n; i++)   /* what ended all ends those that have no end of their own */
    if (!files[i].done && files[i].e.code == HJ_E_OK)
      files[i].e = e;
  for (unsigned i = 0; h && i < LANES; i++) {
    hj_file_close(&h->lanes[i].file);
    hj_digest_close(h->digests[i]);
    hj_mem_free(h->sets[0][i].p);
    hj_mem_free(h->sets[1][i].p);
  }
  hj_mem_free(h);
}

int hj_hash_path(enum hj_algo a, const char *path, const atomic_int *stop, uint8_t out[HJ_DIGEST_MAX], struct hj_err *e)
{
  struct hj_hashing one = { .path = path, .algo = a, .e = HJ_ERR_INIT };
  hj_hash_paths(&one, 1, stop);
  if (one.e.code == HJ_E_OK)
    memcpy(out, one.out, sizeof one.out);
  else if (e->code == HJ_E_OK)
    *e = one.e;
  return (int)e->code;
}

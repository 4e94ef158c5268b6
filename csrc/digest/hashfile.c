/* digest/hashfile.c - see hashfile.h. Plain reads in order: mmap dies by SIGBUS when somebody cuts the file. */
#include "digest/hashfile.h"

#include "plat/file.h"
#include "util/mem.h"

#include "util/banned.h"

#define PIECE (256u << 10) /* large enough that the calls cost nothing, small enough for the cache and the stop flag */

static int hash_open(hj_file *f, enum hj_algo a, const char *path, const atomic_int *stop, uint8_t *out, struct hj_err *e)
{
  struct hj_digest *d = NULL;
  struct hj_stat st;
  uint64_t at = 0;
  size_t got = PIECE;
  char *piece = hj_mem_new(PIECE, e);
  if (!piece || hj_file_stat(f, &st, e))
    goto out;
  if (st.kind != HJ_KIND_FILE) {
    (void)hj_fail(e, HJ_E_IO, "only files have a digest, this is none: %s", path);
    goto out;
  }
  if (hj_digest_open(&d, a, st.size, e))
    goto out;
  hj_file_sequential_hint(f);
  while (got == PIECE) {
    if (stop && atomic_load_explicit(stop, memory_order_relaxed)) {
      (void)hj_fail(e, HJ_E_CANCELLED, "stopped while reading %s", path);
      goto out;
    }
    if (hj_file_read_at(f, at, piece, PIECE, &got, e) || hj_digest_feed(d, piece, got, e))
      goto out;
    at += got;
    if (at > st.size)
      break; /* it grows; who appends forever must not keep us here */
  }
  if (at != st.size) {
    (void)hj_fail(e, HJ_E_CHANGED, "the size changed while reading: %s", path);
    goto out;
  }
  (void)hj_digest_seal(d, out, e);
out:
  hj_digest_close(d);
  hj_mem_free(piece);
  return (int)e->code;
}

int hj_hash_path(enum hj_algo a, const char *path, const atomic_int *stop, uint8_t out[HJ_DIGEST_MAX], struct hj_err *e)
{
  hj_file f = HJ_FILE_INIT;
  int rc = hj_file_open(&f, path, HJ_OPEN_READ, 0, e);
  if (!rc)
    rc = hash_open(&f, a, path, stop, out, e);
  hj_file_close(&f);
  return rc;
}

/* digest/hashfile.h - the digests of files on disk.
 *
 * Use      hj_hash_path(HJ_SHA256, path, &stop, out, e); or an array of struct hj_hashing and hj_hash_paths.
 * Threads  any; blocks on the disk only. A large file is read ahead by a helper thread while this one digests; where there is
 *          none to be had, this one does both. *stop (may be NULL) is looked at every 512 KiB: HJ_E_CANCELLED.
 * Errors   HJ_E_NONE, HJ_E_IO …; HJ_E_CHANGED if the size changed while reading.
 * Promise  memory: 1 MiB for one file, 512 KiB for each of at most HJ_DIGEST_LANES files a thread reads at once, whatever their number and size.
 */
#ifndef HJ_HASHFILE_H
#define HJ_HASHFILE_H

#include <stdatomic.h>
#include "digest/algo.h"

struct hj_hashing {
  const char *path;
  enum hj_algo algo;
  /* NULL, or called with all its bytes in order, before they are digested and on that thread */
  void (*see)(void *user, uint64_t at, const void *p, size_t n);
  void *user;
  bool done;                        /* answer: out is the digest; else e says why not */
  uint8_t out[HJ_DIGEST_MAX];
  struct hj_err e;                  /* clear when it is given */
};

int hj_hash_path(enum hj_algo a, const char *path, const atomic_int *stop, uint8_t out[HJ_DIGEST_MAX], struct hj_err *e);
/* All of them, each with its own outcome: on up to `threads` processors (0: all there are), on each up to HJ_DIGEST_LANES side by
 * side: SHA-256 then costs about half (algo.h). */
#define HJ_HASH_THREADS 16u
void hj_hash_paths(struct hj_hashing files[], size_t n, unsigned threads, const atomic_int *stop);

#endif

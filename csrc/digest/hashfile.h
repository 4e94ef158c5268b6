/* digest/hashfile.h - the digest of a file on disk.
 *
 * Use      hj_hash_path(HJ_SHA256, path, &stop, out, e);
 * Threads  any; blocks on the disk only. *stop (may be NULL) is looked at every 256 KiB: HJ_E_CANCELLED.
 * Errors   HJ_E_NONE, HJ_E_IO …; HJ_E_CHANGED if the size changed while reading.
 */
#ifndef HJ_HASHFILE_H
#define HJ_HASHFILE_H

#include <stdatomic.h>
#include "digest/algo.h"

int hj_hash_path(enum hj_algo a, const char *path, const atomic_int *stop, uint8_t out[HJ_DIGEST_MAX], struct hj_err *e);

#endif

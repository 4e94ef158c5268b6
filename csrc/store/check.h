/* store/check.h - are these files what they should be, and which of their bytes are not? All cores, disk speed.
 *
 * Use      struct hj_check c = { .path, .promise, .sums_dir, ... , .e = HJ_ERR_INIT }; hj_check_files(array, n, fast, 0, &stop, &counts);
 *          each then has a verdict; hj_ranges_release(&c.damaged).
 * How      fast: by the sums kept when the content was proven (store/sums.h), cell by cell, one file on all cores; a file without sums, or
 *          one that its sums deny, by its digest. Not fast: by the digest, up to HJ_DIGEST_LANES files a core side by side; what the
 *          digest denies is then looked at by sums, if there are any, to say where it is damaged.
 *          A digest that fits leaves sums behind where there were none that fit, and renews the record.
 * Owns     nothing but `damaged`; texts are the caller's until it returns.
 * Threads  any; blocks on the disk. *stop (may be NULL) is looked at every 256 KiB: HJ_E_CANCELLED. counts may be looked at meanwhile.
 * Errors   each file's own, in e; verdict HJ_CHECK_FAILED. HJ_E_NONE: not there. HJ_E_CHANGED: written to meanwhile.
 * Promise  no file is written but sums and records; what is read keeps its time of last access, where the system lets its owner say so.
 */
#ifndef HJ_CHECK_H
#define HJ_CHECK_H

#include <stdatomic.h>
#include "digest/algo.h"
#include "plat/file.h"
#include "util/ranges.h"

enum hj_verdict { HJ_CHECK_FAILED, HJ_CHECK_GOOD, HJ_CHECK_DAMAGED };
enum hj_check_by { HJ_BY_NOTHING, HJ_BY_SUMS, HJ_BY_DIGEST };

struct hj_check {
  const char *path;
  struct hj_promise promise;     /* HJ_ALGO_NONE is refused: nobody could say what it should be */
  const char *sums_dir;          /* NULL: neither looked for nor left behind */
  const char *repo_dir;          /* not NULL: it is this repository's blob, or its plain file: a digest that fits renews the record */
  /* answers */
  enum hj_verdict verdict;
  enum hj_check_by by;
  bool had_sums;
  struct hj_stat st;             /* as it was while it was read */
  struct hj_ranges damaged;      /* of the promised content: bytes to fetch again; all of it where nobody can say */
  struct hj_err e;               /* clear when it is given */
};

struct hj_check_counts { _Atomic uint64_t bytes; _Atomic uint32_t files; };   /* read so far (a file that is read twice counts twice); decided */

void hj_check_files(struct hj_check files[], size_t n, bool fast, unsigned threads, const atomic_int *stop, struct hj_check_counts *counts);

/* A damaged file, where sums say which cells are good: those are copied into a partial of its content, as if they had been
 * received, so that a fetch goes on from there. *lacking: bytes that are still to come. HJ_E_NONE: no sums, nothing was made. */
int hj_check_salvage(const char *path, const char *partial_dir, const char *sums_dir, const struct hj_promise *of, unsigned mode,
                     const atomic_int *stop, uint64_t *lacking, struct hj_err *e);

#endif

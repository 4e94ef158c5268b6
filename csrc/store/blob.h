/* store/blob.h - one file on its way into the store: pieces come in any order, the proof follows, the name comes last.
 *
 *   open -> put ... (one thread)                      commit : the verified file is under its name
 *        -> prove ... (another thread, meanwhile) ->  drop   : kept for resume, or gone
 *
 * Use      hj_blob_open, then as many hj_blob_put as the network brings, hj_blob(s)_prove whenever hj_blob_provable(b) says so,
 *          hj_blob_commit when hj_blob_is_whole(b). Small files: hj_blobs_store_small, one call for many.
 * Owns     the claim of the partial, its files, the running digest. Copies what it is given.
 * Threads  put: one thread at a time. prove and commit: one thread at a time, may differ from put's and run beside it.
 *          The questions (provable, is_whole, landed, proven) any thread: atomics.
 * Errors   0 or a code. After an error of put or prove only recheck, drop. HJ_E_DIGEST from commit: nothing was published.
 * Promise  a reader of the final path sees the whole verified file or what was there before; also after a power cut.
 *          A byte that landed is not written again (the first of two overlapping puts stays), so what was proven is what is
 *          published. put never keeps p. Nothing grows with the file but the interval set and the journal.
 * Not here which ranges to fetch (engine/plan.h), where files lie (store/layout.h).
 */
#ifndef HJ_BLOB_H
#define HJ_BLOB_H

#include <stdatomic.h>
#include "digest/algo.h"
#include "plat/file.h"
#include "store/rival.h"
#include "util/ranges.h"

#define HJ_SIZE_UNKNOWN UINT64_MAX
#define HJ_PIECE (256u << 10)     /* the grain of put: larger gains nothing, smaller costs system calls (engine bench) */

struct hj_blob_want {
  const char *final;          /* absolute path the file gets */
  const char *partial_dir;    /* where unfinished files lie; same file system as final */
  const char *key;            /* of the partial: the digest's hex, or a hash of the URL */
  struct hj_promise promise;  /* algo HJ_ALGO_NONE: none was made; sha256 is computed all the same and reported */
  const char *validator;      /* what ties a partial without promise to its content (strong ETag or Last-Modified), "" = no resume */
  uint64_t size;              /* HJ_SIZE_UNKNOWN: settled by hj_blob_settle */
  const char *sums_dir;       /* where the sums of its cells are left when it is published (store/sums.h); NULL: nowhere */
  unsigned mode;              /* permission bits, exactly (umask already taken off) */
  bool replace;               /* rename over what is there; else an existing equal name counts as success */
  bool sync;                  /* fsync file and folder before the name is believed */
  bool resume;                /* look for an old partial */
  const atomic_int *stop;     /* looked at while an old partial is compared (disk speed): HJ_E_CANCELLED; NULL = never */
  struct hj_claim *claim;     /* not NULL: taken for this key before; open has it from here on, also when it fails */
  struct hj_rival *rival;     /* not NULL: open answers HJ_E_BUSY while another process has the same on its way (store/rival.h) */
};

struct hj_blob;

int hj_blob_open(struct hj_blob **out, const struct hj_blob_want *w, struct hj_err *e);
/* What is on disk and fits its sums; valid until the next put. Read by the thread that puts. */
const struct hj_ranges *hj_blob_held(const struct hj_blob *b);
int hj_blob_put(struct hj_blob *b, uint64_t at, const void *p, size_t n, struct hj_err *e);
int hj_blob_settle(struct hj_blob *b, uint64_t size, struct hj_err *e);        /* the size is known now; HJ_E_SIZE if bytes lie beyond */

uint64_t hj_blob_landed(const struct hj_blob *b);     /* bytes on disk, resumed ones included */
uint64_t hj_blob_proven(const struct hj_blob *b);     /* bytes through the digest */
uint64_t hj_blob_provable(const struct hj_blob *b);   /* bytes that prove could take now */
bool hj_blob_is_whole(const struct hj_blob *b);       /* every byte landed and proven: commit may be called */

/* Feeds at most `budget` bytes of the contiguous prefix of each of up to HJ_PROOFS_MAX different blobs to its digest, read back
 * from the page cache. Side by side a byte of SHA-256 costs about half (digest/sha256_lanes.h). One that fails, is stopped (*stop:
 * see hashfile.h) or has no more leaves the others alone. */
#define HJ_PROOFS_MAX 4u
struct hj_proof { struct hj_blob *blob; const atomic_int *stop; struct hj_err *e; };   /* stop may be NULL, e is clear */
void hj_blobs_prove(const struct hj_proof proofs[], unsigned n, uint64_t budget);
/* Compares, syncs, sets the mode, renames, syncs the folder. On success the partial is gone and *out has what was proven
 * (sha256 if none was promised). On failure the blob is still there: recheck or drop; after HJ_E_DIGEST *out has what came
 * instead. HJ_E_EXISTS (not `replace`): another file, of another size, has the name; it was left alone. */
int hj_blob_commit(struct hj_blob *b, struct hj_promise *out, struct hj_err *e);
/* After HJ_E_DIGEST: compares every piece on disk with its sum and forgets those that differ (the disk lied, not the server);
 * the digest starts over. *lost = bytes to fetch again; 0 = the server sent wrong bytes. No put or prove may run. */
int hj_blob_recheck(struct hj_blob *b, uint64_t *lost, struct hj_err *e);
/* After HJ_E_DIGEST, when the bytes may come from somebody else: whatever is not in `sure` counts as not received, and the digest starts over.
 * What then lands is compared with what lay there: hj_blob_differed says where it was not the same (put's thread). No put or prove may
 * run. *doubted = bytes to fetch again. A journal keeps the records of both; a piece fits the one of what lies there. */
int hj_blob_doubt(struct hj_blob *b, const struct hj_ranges *sure, uint64_t *doubted, struct hj_err *e);
const struct hj_ranges *hj_blob_differed(const struct hj_blob *b);
/* Frees b; keep: the partial stays for resume, unless it is worth nothing (no byte, no validator, or HJ_E_DIGEST without a piece
 * that differs: the same bytes would fail again). Takes NULL. After commit: frees only. */
void hj_blob_drop(struct hj_blob *b, bool keep);

/* Whole small bodies: digest, private temps in tmp/ beside partial_dir, sync if asked, renames. HJ_E_DIGEST / HJ_E_SIZE: nothing
 * published. Each has its own error; one that fails leaves the others alone. All are written before the first is synced, and
 * all are synced before the first gets its name: a disk takes thirty together for little more than one, and a folder is synced once.
 * Of want: final, partial_dir, promise, size, mode, replace, sync. */
#define HJ_SMALLS_MAX 32u
struct hj_small {
  struct hj_blob_want want;
  const void *p;
  size_t n;
  struct hj_promise got;      /* what was proven; after HJ_E_DIGEST: what came instead */
  struct hj_err *e;           /* clear; one that is not is passed over */
  char *temp;                 /* the rest is theirs: zero */
  hj_file file;
  bool named;
};
void hj_blobs_store_small(struct hj_small s[], unsigned n);
/* Removes tmp/ and the folder that it and partial_dir are in, where empty: beside plain files nothing of ours stays. */
void hj_blob_tidy(const char *partial_dir);

#endif

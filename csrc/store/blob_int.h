/* store/blob_int.h - the inside of a blob. Private to store/blob*.c.
 *
 * Threads  three groups of fields: set at open and then constant; put's; prove's. What both need is atomic.
 */
#ifndef HJ_BLOB_INT_H
#define HJ_BLOB_INT_H

#include "store/blob.h"
#include "store/claim.h"
#include "store/journal.h"

struct hj_blob {
  /* constant after open */
  uint64_t id;                     /* for traces */
  char *final;
  char *sums_dir;                  /* NULL: no sums are left */
  struct hj_promise promise;
  unsigned mode;
  bool replace, sync;
  bool resumable;                  /* a promise or a validator ties the partial to its content: it has a journal */
  uint64_t tag;
  struct hj_claim *claim;          /* NULL after commit */
  hj_file data;
  bool open;                       /* held says all there is: an old partial was compared to its end */

  /* put's thread (and open, recheck: nobody else runs then) */
  struct hj_ranges held;
  struct hj_journal journal;
  struct hj_ranges doubted;        /* lies there, and is compared with what comes in its place */
  struct hj_ranges differed;
  uint8_t *old;                    /* HJ_PIECE bytes for that; NULL: nothing was ever doubted */

  /* shared */
  _Atomic uint64_t size;           /* HJ_SIZE_UNKNOWN until settled */
  _Atomic uint64_t landed;         /* sum of held */
  _Atomic uint64_t frontier;       /* end of the contiguous prefix; published after its bytes were written */
  _Atomic uint64_t proven;         /* bytes through the digest; <= frontier */

  /* prove's thread (and open, recheck) */
  struct hj_digest *digest;        /* opened at the first prove: git-sha1 needs the size */
  uint8_t *piece;                  /* HJ_PIECE bytes, read back */
  uint64_t flushed;                /* up to here writing back was started */
  bool sealed;
  bool wrong;                      /* the digest differed, and no piece on disk is to blame */
  struct hj_promise got;           /* when sealed */
};

enum hj_algo hj_blob_algo(const struct hj_blob *b);      /* promised, else sha256 */
void hj_blob_publish_counts(struct hj_blob *b);          /* landed and frontier from held */
/* HJ_E_DIGEST with both digests unless got is what was promised. */
int hj_blob_compare(const struct hj_promise *promised, const struct hj_promise *got, struct hj_err *e);

#endif

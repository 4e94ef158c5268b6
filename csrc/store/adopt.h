/* store/adopt.h - a file that lies elsewhere on this computer under a name of ours: its owner's stays as it is, and it is proven first.
 *
 * Use      hj_adopt_blob(repo_dir, etag, &way, &how, e): under blobs/<etag>, recorded as proven; hj_adopt_file(...): under any name.
 *          way.tactics: what may be done, in this order; the first that is possible here is done:
 *            'c' clone     a file of our own that shares the owner's blocks (btrfs, xfs, APFS): no bytes, no tie. Its digest is that of our file,
 *                          which nobody else writes to: the strongest of the four.
 *            'h' hard link a second name of the owner's file: no bytes. Changes his count of names, and what he writes shows here, so only a
 *                          file that nobody may write to (no w bit) and that is ours or root's. Hidden by no default (docs/adopt.md).
 *            'l' link      a symbolic link to where it lies: no bytes. What he writes shows here: noticed by the record's fingerprint, as an edited
 *                          blob is. Not to a file that everybody may write to, or of a third user: who may set its times, too, is not noticed.
 *            'y' copy      our own bytes, digested as they pass: read once.
 * Threads  any; blocks on the disk. *stop (may be NULL) is looked at every MiB: HJ_E_CANCELLED, and nothing is left behind.
 * Errors   HJ_E_DIGEST, HJ_E_SIZE: it is something else, and has no name of ours; HJ_E_CHANGED: somebody wrote to it meanwhile; HJ_E_NONE: it is
 *          not there, or no tactic is possible; HJ_E_NOSPACE …
 * Promise  of the owner's file nothing is changed but, by 'h', its count of names (and with it ctime); its time of last access stays where the system
 *          lets us (plat/file.h). After a kill a private file in .hubjet/tmp is left, which sweeping finds. Losing a race for the name is success when the
 *          winner's file is what was promised.
 */
#ifndef HJ_ADOPT_H
#define HJ_ADOPT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"

struct hj_adopt_way {
  const char *source;      /* where it lies: an absolute path, which is what a link says */
  const char *tactics;     /* "cly" */
  uint64_t size;           /* HJ_SIZE_UNKNOWN (store/blob.h): not told */
  unsigned mode;           /* of a file of our own, before the umask */
  bool sync, replace;
  bool known;              /* a file at `source` with this device, inode, size and time was hashed before, and is what the etag says: */
  uint64_t device, inode;  /* then links and clones need no second look at its bytes; a copy is digested all the same */
  int64_t mtime_ns;
  const atomic_int *stop;
};

/* *how: the letter of what was done; '=': somebody else put it there meanwhile. */
int hj_adopt_blob(const char *repo_dir, const char *etag, const struct hj_adopt_way *way, char *how, struct hj_err *e);
/* `final`: the name, `tmp`: a folder of ours on the same file system. Nothing is recorded. */
int hj_adopt_file(const char *final, const char *tmp, const char *etag, const struct hj_adopt_way *way, char *how, struct hj_err *e);

#endif

/* store/record.h - "this blob was proven at this size, times and inode": unchanged-since-verified becomes a stat, an edit visible.
 *
 *   <repo_dir>/.hubjet/record    lines "<etag> <size> <mtime_ns> <inode> <ctime_ns>[ seen]\n", appended with O_APPEND; the last line of an etag counts;
 *                                rewritten when more than half of it is old.
 * Why      ctime: an edit of the same size whose mtime was put back (rsync -t, touch -r) shows nowhere else. It costs a digest, once, after a
 *          chmod, a chown or a new hard link of a blob: whoever does that to one notes it again. 'seen': another program's
 *          blob that was served unproven; from then on its edits are noticed, too.
 * Shut     Where nothing can be noted (permissions, a read-only mount) a file of the same size, mtime and inode is the same one: it would be
 *          hashed by every reader at every load, since whoever freezes a cache (chmod -R a-w) changes all ctimes. Who writes there is believed
 *          anyway: he writes the record, too. No call that writes is made then, not even one that would be refused.
 * Errors   look: MISSING is an answer, not an error. Lines that make no sense are skipped; of more than 16 MiB the end counts.
 * Threads  any, any number of processes: an append is one write. May be deleted at any time: blobs are then "new".
 */
#ifndef HJ_RECORD_H
#define HJ_RECORD_H

#include <stdatomic.h>
#include "digest/algo.h"

enum hj_blob_state { HJ_BLOB_MISSING, HJ_BLOB_NEW, HJ_BLOB_SAME, HJ_BLOB_CHANGED, HJ_BLOB_SEEN };

/* Stats the blobs (through links) and appends a line for each, in one write. One that is not there is passed over, and is the error
 * (HJ_E_NONE). */
int hj_record_add(const char *repo_dir, const char *const etags[], unsigned n, struct hj_err *e);
int hj_record_look(const char *repo_dir, const char *etag, enum hj_blob_state *out, struct hj_err *e);
/* The same of a plain file, which has a blob's content and another name. etag NULL: nobody knows whose content; it is known by its inode. */
int hj_record_look_plain(const char *repo_dir, const char *path, const char *etag, enum hj_blob_state *out, struct hj_err *e);
/* This file is served as `etag`, unproven: it looks like this. */
int hj_record_saw(const char *repo_dir, const char *path, const char *etag, struct hj_err *e);
/* Hashes the blob; *good: it is what its name says (then the record is renewed, where it can be). HJ_E_NONE: no blob; HJ_E_CHANGED:
 * somebody wrote to it meanwhile; HJ_E_CANCELLED: *stop. */
int hj_record_prove(const char *repo_dir, const char *etag, const atomic_int *stop, bool *good, struct hj_err *e);

#endif

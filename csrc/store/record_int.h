/* store/record_int.h - the record, for the rest of store/. */
#ifndef HJ_RECORD_INT_H
#define HJ_RECORD_INT_H

#include "plat/file.h"
#include "store/record.h"

/* Is this file (by size, mtime, inode) the one that was proven to be `etag`? *known false: nothing was ever proven. */
int hj_record_match(const char *repo_dir, const char *etag, const struct hj_stat *st, bool *known, bool *same, struct hj_err *e);
/* Nothing can be noted here, as permissions and the mount say: the repository may only be read. */
bool hj_record_is_shut(const char *repo_dir);
/* Hashes the file at `path`: is it what `etag` says? *st (may be NULL): how it was while it was read. */
int hj_record_hash(const char *path, const char *etag, const atomic_int *stop, bool *good, struct hj_stat *st, struct hj_err *e);

/* Notes that the file `st` tells of was proven to be `etag`: not what lies there now, which may be something else by then. */
int hj_record_note(const char *repo_dir, const char *etag, const struct hj_stat *st, struct hj_err *e);

#endif

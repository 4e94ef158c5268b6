/* store/link.h - a blob under its readable name.
 *
 * Promise  a reader finds the old target or the new one, never half of it; a kill leaves nothing in the snapshot. Links to the
 *          same blob are left alone. Where `links` is false or the file system refuses symbolic links, the blob is moved to the
 *          snapshot path (the stock client's own fallback), so *out_path is where the bytes are; a blob that another snapshot
 *          links to (or that is a link itself) is copied instead, its digest proven on the way. With `sync` a moved or copied file is
 *          on the disk for good before it has its name, and its name after. A link is not synced: without it nothing is lost.
 * Errors   HJ_E_NONE: no such blob (also when it was moved to another snapshot's path); HJ_E_EXISTS: a plain file with other
 *          content, or a folder, lies at the snapshot path: left alone, the caller decides; HJ_E_DENIED: a planted link among the
 *          folders of `path` (the repository's own folders are the caller's to look at, store/planted.h); HJ_E_NAME; the file system's own.
 */
#ifndef HJ_LINK_H
#define HJ_LINK_H

#include <stdbool.h>
#include "util/err.h"

/* *out_path (may be NULL) is the caller's: the snapshot path. */
int hj_link_snapshot(const char *repo_dir, const char *commit, const char *path, const char *etag, bool links, bool sync,
                     char **out_path, struct hj_err *e);
/* Tries a symbolic link in dir (made if absent, probe removed). Answers are not remembered here. */
bool hj_link_possible(const char *dir);

#endif

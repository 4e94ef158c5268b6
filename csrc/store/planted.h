/* store/planted.h - links that somebody else planted in a folder of ours.
 *
 * A cache that several users may write to: a link in the place of blobs/ or refs/, or of a folder in a local_dir, leads what we write to wherever its
 * owner wants. Our own links (a cache that was moved to another disk) and root's are followed, another user's are not, as the
 * kernel has it for /tmp (fs.protected_symlinks).
 *
 * Errors   HJ_E_DENIED: names the link and its owner's number. What is not there is no link.
 * Not here the moment between the look and the use: who may write to these folders may also exchange them (SECURITY.md).
 */
#ifndef HJ_PLANTED_H
#define HJ_PLANTED_H

#include "util/err.h"

/* Each name of `path` below the folder `root` (itself not looked at), the last one included. A path that is not below it: HJ_E_BADARG. */
int hj_planted_check(const char *root, const char *path, struct hj_err *e);
/* The folders of a repository's cache that are written to (store/layout.h). */
int hj_planted_check_repo(const char *repo_dir, struct hj_err *e);

#endif

/* store/layout.h - names become paths; the only file that knows how the store looks. Pure (no disk).
 *
 *   <repo_dir>/                                 $HF_HUB_CACHE/models--org--name: the hub's own cache layout
 *     blobs/<etag>                              40 hex git-sha1 | 64 hex sha256
 *     snapshots/<commit>/<path>                 relative link to ../../(…)blobs/<etag>
 *     .hubjet/partial/<key>/{data,journal}      unfinished, idle: anybody may claim it
 *     .hubjet/partial/<key>.<host>.<pid>.<start>.<n>/   unfinished, in somebody's hands
 *     .hubjet/tmp/                              small files before their rename
 *     .hubjet/sums/<digest>                     sums of the cells of a proven file (store/sums.h)
 *     .hubjet/record                            what was proven: etag, size, mtime, inode
 *   <hub cache>/.locks/<repo folder>/<etag>.lock        shared with huggingface_hub
 *
 * Owns     every returned path is the caller's (hj_mem_free). NULL and *e on failure.
 * Errors   HJ_E_NAME for names that must never reach a file system, HJ_E_NOMEM.
 */
#ifndef HJ_LAYOUT_H
#define HJ_LAYOUT_H

#include "util/err.h"

#define HJ_PATH_PART_MAX 255
#define HJ_PATH_DEPTH_MAX 64
#define HJ_PATH_LEN_MAX 3072

/* A path inside a repository: relative, '/' between parts, no empty, "." or ".." part, none that git would take for its own folder, no backslash, no control character, no
 * drive letter ("c:"), no part longer than 255 bytes, at most 64 parts. */
int hj_layout_check_path(const char *path, struct hj_err *e);
int hj_layout_check_etag(const char *etag, struct hj_err *e);       /* 40 or 64 lower-case hex, nothing else */
int hj_layout_check_commit(const char *commit, struct hj_err *e);   /* 40 lower-case hex */
int hj_layout_check_key(const char *key, struct hj_err *e);         /* 1..128 of [a-z0-9-] */

char *hj_layout_blob(const char *repo_dir, const char *etag, struct hj_err *e);
char *hj_layout_pointer(const char *repo_dir, const char *commit, const char *path, struct hj_err *e);
char *hj_layout_link_target(const char *path, const char *etag, struct hj_err *e);    /* "../../blobs/<etag>", deeper for nested paths */
char *hj_layout_side(const char *repo_dir, struct hj_err *e);                          /* <repo_dir>/.hubjet */
char *hj_layout_lock(const char *repo_dir, const char *etag, struct hj_err *e);        /* .locks beside the repo folder */
char *hj_layout_join(const char *dir, const char *name, struct hj_err *e);             /* dir + "/" + name, nothing checked */

#endif

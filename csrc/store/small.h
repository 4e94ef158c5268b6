/* store/small.h - a small file replaced whole: refs, trees, metadata, tags.
 *
 * Promise  where nothing may be written nothing is tried (HJ_E_DENIED): a cache of somebody else's sees no call that writes; parents are made; a reader sees the old content or the new; a private temp in the same folder never ends in
 *          ".incomplete"; an equal content is not written again. sync: survives a power cut once this answered 0.
 */
#ifndef HJ_SMALL_H
#define HJ_SMALL_H

#include <stdbool.h>
#include <stddef.h>
#include "util/err.h"

/* HJ_E_DENIED: `path` may not be written here, as permissions and the mount say (parents that are not there yet may be made); nothing is tried. */
int hj_small_may(const char *path, struct hj_err *e);
int hj_small_write(const char *path, const void *p, size_t n, unsigned mode, bool sync, struct hj_err *e);   /* mode before umask */

#endif

/* store/small.h - a small file replaced whole: refs, trees, metadata, tags.
 *
 * Promise  parents are made; a reader sees the old content or the new; a private temp in the same folder never ends in
 *          ".incomplete"; an equal content is not written again. sync: survives a power cut once this answered 0.
 */
#ifndef HJ_SMALL_H
#define HJ_SMALL_H

#include <stdbool.h>
#include <stddef.h>
#include "util/err.h"

int hj_small_write(const char *path, const void *p, size_t n, unsigned mode, bool sync, struct hj_err *e);   /* mode before umask */

#endif

/* engine/space.h - room on the disk: what is free, and what an unfinished file would bring along. Any thread; asks the disk. */
#ifndef HJ_SPACE_H
#define HJ_SPACE_H

#include "util/err.h"

/* UINT64_MAX: this file system does not tell. */
int hj_space_free(const char *path, uint64_t *bytes, struct hj_err *e);
/* side_dir: a repo's .hubjet. 0 if there is none. */
int hj_space_partial(const char *side_dir, const char *key, uint64_t *bytes, struct hj_err *e);

#endif

/* digest/algo_int.h - one algorithm is one row; each of its calls can fail and is checked.
 *
 * Use      open -> feed ... -> seal -> close. After an error only close. `out` of seal has the row's size.
 */
#ifndef HJ_ALGO_INT_H
#define HJ_ALGO_INT_H

#include "digest/algo.h"

struct hj_algo_row {
  const char *name;
  size_t size;
  int (*open)(void **state, uint64_t size, struct hj_err *e); /* size: of the content; only git-sha1 reads it */
  int (*feed)(void *state, const void *p, size_t n, struct hj_err *e);
  int (*seal)(void *state, uint8_t *out, struct hj_err *e);
  void (*close)(void *state);                                 /* takes NULL */
};

extern const struct hj_algo_row hj_row_sha256, hj_row_sha1;   /* evp.c */
extern const struct hj_algo_row hj_row_sha256_lanes;          /* sha256_lanes.c; where hj_sha256_kernel() has a name. State: struct hj_sha256 */
extern const struct hj_algo_row hj_row_git_sha1;              /* gitblob.c */
extern const struct hj_algo_row hj_row_xxh3;                  /* xxh.c */

const char *hj_evp_version(void);
const char *hj_xxh_version(void);

#endif

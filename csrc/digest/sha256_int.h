/* digest/sha256_int.h - a kernel: the compression function of FIPS 180-4 (6.2.2) over whole blocks, for one processor. */
#ifndef HJ_SHA256_INT_H
#define HJ_SHA256_INT_H

#include "digest/sha256_lanes.h"

/* Takes `blocks` blocks of 64 bytes from each p[i] into h[i]. */
typedef void hj_sha256_blocks(uint32_t *const h[], const uint8_t *const p[], size_t blocks);

struct hj_sha256_kernel {
  const char *name;
  hj_sha256_blocks *run[HJ_SHA256_LANES];             /* [lanes - 1] */
};

extern const uint32_t hj_sha256_k[64];                /* the constants of FIPS 180-4, 4.2.2; 64-aligned */

/* NULL where this was built for another processor, or runs on one without the instructions. */
const struct hj_sha256_kernel *hj_sha256_x86(void);
const struct hj_sha256_kernel *hj_sha256_arm(void);

#endif

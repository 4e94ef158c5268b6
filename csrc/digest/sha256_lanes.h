/* digest/sha256_lanes.h - SHA-256 by the processor's own instructions, up to four streams side by side.
 *
 * Why      one stream waits for itself: each pair of rounds needs the one before (4 cycles), while the unit could begin another
 *          one after 2. Streams that know nothing of each other fill the gaps: two cost 0.7, four 0.55 of one after another.
 * Use      if (hj_sha256_kernel()) { init; update ... | update_lanes ...; final; } else: OpenSSL (evp.c), which is faster than
 *          plain C would be. algo.c makes this choice for everybody else.
 * Threads  a state belongs to one thread at a time.
 * Promise  bit for bit what FIPS 180-4 says (tests compare with OpenSSL). Neither fails nor allocates. p may be unaligned.
 */
#ifndef HJ_SHA256_LANES_H
#define HJ_SHA256_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HJ_SHA256_LANES 4u          /* that is HJ_DIGEST_LANES */

struct hj_sha256 {
  uint32_t h[8];
  uint64_t n;               /* bytes so far */
  uint8_t tail[64];         /* the n % 64 that make no block yet */
};

const char *hj_sha256_kernel(void);                 /* "x86 SHA"; NULL: this processor has no such instructions, call nothing below */
void hj_sha256_init(struct hj_sha256 *s);
void hj_sha256_update(struct hj_sha256 *s, const void *p, size_t n);
/* n[i] bytes of p[i] to s[i]; lengths may differ, states may not be the same. lanes <= HJ_SHA256_LANES. Best with equal lengths. */
void hj_sha256_update_lanes(struct hj_sha256 *const s[], const void *const p[], const size_t n[], unsigned lanes);
void hj_sha256_final(struct hj_sha256 *s, uint8_t out[32]);    /* s is used up */

/* For tests: as if the processor had no such instructions. */
void hj_sha256_hide(bool hidden);

#endif

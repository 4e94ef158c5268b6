/* digest/xxh_int.h - a kernel: XXH3-64 compiled for one kind of processor. All give the same sums and have the same state.
 *
 * Why      what a compiler may take for granted on every x86-64 (SSE2) sums 19 GB/s, AVX2 54, AVX-512 85 (Zen 5, in cache): more, or
 *          less, than a copy from the page cache costs.
 */
#ifndef HJ_XXH_INT_H
#define HJ_XXH_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hj_xxh_kernel {
  const char *name;
  size_t state_size;
  bool (*reset)(void *state);                            /* state: 64-aligned, state_size bytes */
  bool (*feed)(void *state, const void *p, size_t n);
  uint64_t (*digest)(const void *state);
  uint64_t (*whole)(const void *p, size_t n);
};

/* The i-th kernel this processor can run, best first; NULL behind the last. Asks the processor each time. */
const struct hj_xxh_kernel *hj_xxh_kernel(unsigned i);

extern const struct hj_xxh_kernel hj_xxh_baseline;       /* xxh.c */
extern const struct hj_xxh_kernel hj_xxh_avx2;           /* xxh_avx2.c; name NULL: not built for this kind of processor */
extern const struct hj_xxh_kernel hj_xxh_avx512;         /* xxh_avx512.c; the same */

/* Of the two above, what this processor has: xxh_x86.c. */
bool hj_xxh_has_avx2(void);
bool hj_xxh_has_avx512(void);

#endif

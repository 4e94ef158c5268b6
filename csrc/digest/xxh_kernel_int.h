/* digest/xxh_kernel_int.h - the body of a kernel, included by each xxh_*.c once, behind its target. Defines HJ_XXH_KERNEL.
 *
 * xxHash's code is taken in whole (XXH_INLINE_ALL, set by the including file): no library to find where a wheel or an sdist lands (Colab
 * has libxxhash0 without its headers), and the layout of the state is that of the header we were compiled with.
 */
#ifndef HJ_XXH_KERNEL_INT_H
#define HJ_XXH_KERNEL_INT_H

#include <xxhash.h>

#include "digest/xxh_int.h"

#ifdef HJ_XXH_KERNEL

static bool reset(void *state)
{
  return XXH3_64bits_reset(state) == XXH_OK;
}

static bool feed(void *state, const void *p, size_t n)
{
  return XXH3_64bits_update(state, p, n) == XXH_OK;
}

static uint64_t digest(const void *state)
{
  return XXH3_64bits_digest(state);
}

static uint64_t whole(const void *p, size_t n)
{
  return XXH3_64bits(p, n);
}

const struct hj_xxh_kernel HJ_XXH_KERNEL = { HJ_XXH_NAME, sizeof(XXH3_state_t), reset, feed, digest, whole };

#endif
#endif

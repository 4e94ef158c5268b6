/* digest/xxh.c - XXH3-64 by xxHash, for sums of ranges: choosing a kernel, and the row for algo.c. The kernel of every processor is here. */
#define XXH_INLINE_ALL
#define HJ_XXH_KERNEL hj_xxh_baseline
#define HJ_XXH_NAME "baseline"
#include "digest/xxh_kernel_int.h"

#include <stdatomic.h>
#include <stdio.h>

#include "digest/algo_int.h"
#include "util/mem.h"

#include "util/banned.h"

#define STATE_ALIGN 64u /* what XXH3_state_t asks for; our heap gives 16 */

const struct hj_xxh_kernel *hj_xxh_kernel(unsigned i)
{
  const struct hj_xxh_kernel *all[] = {
    hj_xxh_avx512.name && hj_xxh_has_avx512() ? &hj_xxh_avx512 : NULL,
    hj_xxh_avx2.name && hj_xxh_has_avx2() ? &hj_xxh_avx2 : NULL,
    &hj_xxh_baseline,
  };
  for (unsigned k = 0; k < sizeof all / sizeof all[0]; k++)
    if (all[k] && i-- == 0)
      return all[k];
  return NULL;
}

static const struct hj_xxh_kernel *_Atomic chosen; /* NULL: nobody has looked yet */

/* Asked once, as in sha256_lanes.c: cpuid is slow in a virtual machine. Looking twice finds the same. */
static const struct hj_xxh_kernel *kernel(void)
{
  const struct hj_xxh_kernel *k = atomic_load_explicit(&chosen, memory_order_relaxed);
  if (k)
    return k;
  k = hj_xxh_kernel(0);
  atomic_store_explicit(&chosen, k, memory_order_relaxed);
  return k;
}

/* The state lies at the first aligned place behind this struct, in the same block, so close can free it. */
struct xxh { const struct hj_xxh_kernel *kernel; void *s; };

static int open_xxh(void **state, uint64_t size, struct hj_err *e)
{
  const struct hj_xxh_kernel *k = kernel();
  (void)size;
  struct xxh *x = hj_mem_new(sizeof *x + k->state_size + STATE_ALIGN, e);
  if (!x)
    return (int)e->code;
  uintptr_t at = (uintptr_t)(x + 1);
  size_t skip = (size_t)((STATE_ALIGN - at % STATE_ALIGN) % STATE_ALIGN);
  *x = (struct xxh){ k, (char *)(x + 1) + skip };
  if (!k->reset(x->s)) {
    hj_mem_free(x);
    return hj_fail(e, HJ_E_BUG, "xxHash: a sum could not be started");
  }
  *state = x;
  return HJ_E_OK;
}

static int feed_xxh(void *state, const void *p, size_t n, struct hj_err *e)
{
  struct xxh *x = state;
  return x->kernel->feed(x->s, p, n) ? HJ_E_OK : hj_fail(e, HJ_E_BUG, "xxHash: a sum did not take its bytes");
}

/* Big-endian: xxHash's canonical form, the one its own tools print. */
static int seal_xxh(void *state, uint8_t *out, struct hj_err *e)
{
  struct xxh *x = state;
  XXH64_canonical_t c;
  (void)e;
  XXH64_canonicalFromHash(&c, x->kernel->digest(x->s));
  for (size_t i = 0; i < sizeof c.digest; i++)
    out[i] = c.digest[i];
  return HJ_E_OK;
}

static void close_xxh(void *state)
{
  hj_mem_free(state);
}

const struct hj_algo_row hj_row_xxh3 = { "xxh3", 8, open_xxh, feed_xxh, seal_xxh, close_xxh };

uint64_t hj_xxh3(const void *p, size_t n)
{
  return kernel()->whole(p, n);
}

#define QUOTE(x) #x
#define VERSION(a, b, c) "xxHash " QUOTE(a) "." QUOTE(b) "." QUOTE(c)

const char *hj_xxh_version(void)
{
  static _Thread_local char text[48];
  (void)snprintf(text, sizeof text, "%s by %s", VERSION(XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE), kernel()->name);
  return text;
}

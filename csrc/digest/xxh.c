/* digest/xxh.c - XXH3-64 by xxHash, for sums of ranges.
 *
 * Its code is taken in whole (XXH_INLINE_ALL): no library to find where a wheel or an sdist lands (Colab has libxxhash0
 * without its headers), and the layout of the state is that of the header we were compiled with. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "digest/algo_int.h"
#include "util/mem.h"

#include "util/banned.h"

#define STATE_ALIGN 64u /* what XXH3_state_t asks for; our heap gives 16 */

/* The state lies at the first aligned place within `room`; the block begins with this struct, so close can free it. */
struct xxh { XXH3_state_t *s; };

static int open_xxh(void **state, uint64_t size, struct hj_err *e)
{
  (void)size;
  struct xxh *x = hj_mem_new(sizeof *x + sizeof *x->s + STATE_ALIGN, e);
  if (!x)
    return (int)e->code;
  uintptr_t at = (uintptr_t)(x + 1);
  size_t skip = (size_t)((STATE_ALIGN - at % STATE_ALIGN) % STATE_ALIGN);
  x->s = (XXH3_state_t *)(void *)((char *)(x + 1) + skip);
  if (XXH3_64bits_reset(x->s) != XXH_OK) {
    hj_mem_free(x);
    return hj_fail(e, HJ_E_BUG, "xxHash: a sum could not be started");
  }
  *state = x;
  return HJ_E_OK;
}

static int feed_xxh(void *state, const void *p, size_t n, struct hj_err *e)
{
  struct xxh *x = state;
  return XXH3_64bits_update(x->s, p, n) == XXH_OK ? HJ_E_OK : hj_fail(e, HJ_E_BUG, "xxHash: a sum did not take its bytes");
}

/* Big-endian: xxHash's canonical form, the one its own tools print. */
static int seal_xxh(void *state, uint8_t *out, struct hj_err *e)
{
  struct xxh *x = state;
  XXH64_canonical_t c;
  (void)e;
  XXH64_canonicalFromHash(&c, XXH3_64bits_digest(x->s));
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
  return XXH3_64bits(p, n);
}

#define QUOTE(x) #x
#define VERSION(a, b, c) "xxHash " QUOTE(a) "." QUOTE(b) "." QUOTE(c)

const char *hj_xxh_version(void)
{
  return VERSION(XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE);
}

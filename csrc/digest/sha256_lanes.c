/* digest/sha256_lanes.c - what is around the kernels: choosing one, cutting streams into blocks, padding; and the row for algo.c. */
#include "digest/sha256_lanes.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "digest/algo_int.h"
#include "digest/sha256_int.h"
#include "util/mem.h"

#include "util/banned.h"

#define BLOCK 64u

_Static_assert(HJ_SHA256_LANES == HJ_DIGEST_LANES, "one number, two names");

_Alignas(64) const uint32_t hj_sha256_k[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* ---- which kernel ------------------------------------------------------------------------------------------------- */

static const struct hj_sha256_kernel none;
static const struct hj_sha256_kernel *_Atomic chosen;   /* NULL: nobody has looked yet. Looking twice finds the same. */
static atomic_bool is_hidden;

/* Asked once: in a virtual machine cpuid goes to the hypervisor and takes longer than a small file's digest. */
static const struct hj_sha256_kernel *kernel(void)
{
  const struct hj_sha256_kernel *k = atomic_load_explicit(&chosen, memory_order_relaxed);
  if (k)
    return k;
  k = hj_sha256_x86();
  if (!k)
    k = hj_sha256_arm();
  if (!k)
    k = &none;
  atomic_store_explicit(&chosen, k, memory_order_relaxed);
  return k;
}

const char *hj_sha256_kernel(void)
{
  return atomic_load_explicit(&is_hidden, memory_order_relaxed) ? NULL : kernel()->name;
}

void hj_sha256_hide(bool hidden)
{
  atomic_store(&is_hidden, hidden);
}

/* ---- streams ------------------------------------------------------------------------------------------------------ */

void hj_sha256_init(struct hj_sha256 *s)
{
  static const uint32_t first[8] = { /* FIPS 180-4, 5.3.3 */
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
  };
  memcpy(s->h, first, sizeof first);
  s->n = 0;
}

/* Completes the block that was begun before, if there is one. Answers how many bytes that took. */
static size_t top_up(struct hj_sha256 *s, const uint8_t *p, size_t n)
{
  size_t begun = (size_t)(s->n % BLOCK), used = BLOCK - begun;
  if (begun == 0 || n == 0)
    return 0;
  if (used > n)
    used = n;
  memcpy(s->tail + begun, p, used);
  if (begun + used == BLOCK)
    kernel()->run[0](&(uint32_t *){ s->h }, &(const uint8_t *){ s->tail }, 1);
  s->n += used;
  return used;
}

void hj_sha256_update_lanes(struct hj_sha256 *const s[], const void *const p[], const size_t n[], unsigned lanes)
{
  uint32_t *h[HJ_SHA256_LANES];
  const uint8_t *at[HJ_SHA256_LANES];
  size_t blocks[HJ_SHA256_LANES];
  unsigned busy = 0;
  assert(lanes <= HJ_SHA256_LANES);
  for (unsigned i = 0; i < lanes; i++) {
    size_t used = top_up(s[i], p[i], n[i]), left = n[i] - used;
    if (left == 0)
      continue;
    h[busy] = s[i]->h;
    at[busy] = (const uint8_t *)p[i] + used;
    blocks[busy] = left / BLOCK;
    memcpy(s[i]->tail, at[busy] + left - left % BLOCK, left % BLOCK);
    s[i]->n += left;
    busy += blocks[busy] > 0;
  }
  while (busy > 0) {               /* all of them until the shortest ends, then the others */
    size_t most = blocks[0];
    unsigned on = 0;
    for (unsigned i = 1; i < busy; i++)
      most = blocks[i] < most ? blocks[i] : most;
    kernel()->run[busy - 1](h, at, most);
    for (unsigned i = 0; i < busy; i++)
      if (blocks[i] > most) {
        h[on] = h[i];
        at[on] = at[i] + most * BLOCK;
        blocks[on++] = blocks[i] - most;
      }
    busy = on;
  }
}

void hj_sha256_update(struct hj_sha256 *s, const void *p, size_t n)
{
  hj_sha256_update_lanes(&s, &p, &n, 1);
}

static void put_be(uint8_t *p, uint64_t x, unsigned bytes)
{
  for (unsigned i = 0; i < bytes; i++)
    p[i] = (uint8_t)(x >> (8 * (bytes - 1 - i)));
}

/* A one, zeros, and the length in bits, so that it ends with a block (FIPS 180-4, 5.1.1). */
void hj_sha256_final(struct hj_sha256 *s, uint8_t out[32])
{
  uint8_t end[2 * BLOCK] = { 0x80 };
  size_t begun = (size_t)(s->n % BLOCK), n = (begun < BLOCK - 8 ? BLOCK : 2 * BLOCK) - begun;
  put_be(end + n - 8, s->n * 8, 8);
  hj_sha256_update(s, end, n);
  for (unsigned i = 0; i < 8; i++)
    put_be(out + 4 * i, s->h[i], 4);
}

/* ---- the row ------------------------------------------------------------------------------------------------------ */

static int open_lanes(void **state, uint64_t size, struct hj_err *e)
{
  struct hj_sha256 *s = hj_mem_new(sizeof *s, e);
  (void)size;
  if (!s)
    return (int)e->code;
  hj_sha256_init(s);
  *state = s;
  return HJ_E_OK;
}

static int feed_lanes(void *state, const void *p, size_t n, struct hj_err *e)
{
  (void)e;
  hj_sha256_update(state, p, n);
  return HJ_E_OK;
}

static int seal_lanes(void *state, uint8_t *out, struct hj_err *e)
{
  (void)e;
  hj_sha256_final(state, out);
  return HJ_E_OK;
}

static void close_lanes(void *state)
{
  hj_mem_free(state);
}

const struct hj_algo_row hj_row_sha256_lanes = { "sha256", 32, open_lanes, feed_lanes, seal_lanes, close_lanes };

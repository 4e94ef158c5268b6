/* digest/sha256_arm.c - SHA-256 by the ARMv8 instructions, 1 to 4 streams at once. Its shape is that of sha256_x86.c.
 *
 * Taken only where the compiler was told that every machine has them (__ARM_FEATURE_SHA2: Apple's always, others with
 * -march=...+sha2): to ask the processor is the operating system's business here, and OpenSSL, which asks, is no slower alone.
 */
#include "digest/sha256_int.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_SHA2) && !defined(__ARM_BIG_ENDIAN)
#define HERE 1
#include <arm_neon.h>
#endif

#include "util/banned.h"

#ifdef HERE

#define INLINE static inline __attribute__((always_inline))
#define EACH(DO) do { DO(0); if (lanes > 1) DO(1); if (lanes > 2) DO(2); if (lanes > 3) DO(3); } while (0)

struct lane { uint32x4_t abcd, efgh, abcd_before, efgh_before, w[4]; const uint8_t *p; };

/* Rounds 4i to 4i+3 of one stream; w is the ring of sha256_x86.c. */
INLINE void four_rounds(struct lane *s, const unsigned i)
{
  uint32x4_t wk, abcd = s->abcd;
  if (i < 4)
    s->w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(s->p + 16 * i)));
  wk = vaddq_u32(s->w[i % 4], vld1q_u32(hj_sha256_k + 4 * i));
  s->abcd = vsha256hq_u32(abcd, s->efgh, wk);
  s->efgh = vsha256h2q_u32(s->efgh, abcd, wk);
  if (i >= 3 && i < 15)
    s->w[(i + 1) % 4] =
        vsha256su1q_u32(vsha256su0q_u32(s->w[(i + 1) % 4], s->w[(i + 2) % 4]), s->w[(i + 3) % 4], s->w[i % 4]);
}

INLINE void block(struct lane s[], const unsigned lanes)
{
#define BEGIN(l) (s[l].abcd_before = s[l].abcd, s[l].efgh_before = s[l].efgh)
#define ROUNDS(l) four_rounds(&s[l], i)
#define END(l) (s[l].abcd = vaddq_u32(s[l].abcd, s[l].abcd_before), s[l].efgh = vaddq_u32(s[l].efgh, s[l].efgh_before), s[l].p += 64)
  EACH(BEGIN);
#pragma GCC unroll 16
  for (unsigned i = 0; i < 16; i++)
    EACH(ROUNDS);
  EACH(END);
}

INLINE void run(uint32_t *const h[], const uint8_t *const p[], size_t blocks, const unsigned lanes)
{
  struct lane s[HJ_SHA256_LANES];
#define LOAD(l) (s[l].abcd = vld1q_u32(h[l]), s[l].efgh = vld1q_u32(h[l] + 4), s[l].p = p[l])
#define STORE(l) (vst1q_u32(h[l], s[l].abcd), vst1q_u32(h[l] + 4, s[l].efgh))
  EACH(LOAD);
  for (; blocks > 0; blocks--)
    block(s, lanes);
  EACH(STORE);
}

static void run1(uint32_t *const h[], const uint8_t *const p[], size_t blocks) { run(h, p, blocks, 1); }
static void run2(uint32_t *const h[], const uint8_t *const p[], size_t blocks) { run(h, p, blocks, 2); }
static void run3(uint32_t *const h[], const uint8_t *const p[], size_t blocks) { run(h, p, blocks, 3); }
static void run4(uint32_t *const h[], const uint8_t *const p[], size_t blocks) { run(h, p, blocks, 4); }

const struct hj_sha256_kernel *hj_sha256_arm(void)
{
  static const struct hj_sha256_kernel kernel = { "ARMv8 SHA2", { run1, run2, run3, run4 } };
  return &kernel;
}

#else

const struct hj_sha256_kernel *hj_sha256_arm(void)
{
  return NULL;
}

#endif

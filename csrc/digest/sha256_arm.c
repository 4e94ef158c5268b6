/* digest/sha256_arm.c - SHA-256 by the ARMv8 instructions, 1 to 4 streams at once. Its shape is that of sha256_x86.c.
 *
 * Taken only where the compiler was told that every machine has them (__ARM_FEATURE_SHA2: Apple's always, others with
 * -march=...+sha2): to ask the processor is the operating system's business here, and OpenSSL, which asks, is no slower alone.
 */
#include "digest/sha256_int.h"

#include "util/banned.h"

#if defined(__aarch64__) && defined(__ARM_FEATURE_SHA2) && !defined(__ARM_BIG_ENDIAN)

#include <arm_neon.h>

#define INLINE static inline __attribute__((always_inline))
#define EACH(DO) do { DO(0); if (lanes > 1) DO(1); if (lanes > 2) DO(2); if (lanes > 3) DO(3); } while (0)

struct lane { uint32x4_t abcd, efgh, abcd_before, efgh_before, w[4]; const uint8_t *p; };

INLINE void four_rounds(struct lane *s, const unsigned i)
{
  uint32x4_t wk, abcd = s->abcd;
  if (i < 4)
    s->w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(s->p + 16 * i)));
  wk = vaddq_u32(s->w[i % 4], vld1q_u32(hj_sha256_k + 4 * i));
  s->abcd = vsha256hq_u32(abcd, s->efgh, wk);
  s->efgh = vsha256h2q_u32(s->efgh, abcd, wk);
  if (i < 12) /* the words of four groups later take the place of these */
    s->w[i % 4] = vsha256su1q_u32(vsha256su0q_u32(s->w[i % 4], s->w[(i + 1) % 4]), s->w[(i + 2) % 4], s->w[(i + 3) % 4]);
}

INLINE void four_rounds_each(struct lane s[], const unsigned lanes, const unsigned i)
{
#define ROUNDS(l) four_rounds(&s[l], i)
  EACH(ROUNDS);
}

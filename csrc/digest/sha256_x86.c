/* digest/sha256_x86.c - SHA-256 by the x86 SHA extensions, 1 to 4 streams at once. Written from FIPS 180-4 and Intel's manual.
 *
 * Measured (Zen 5): sha256rnds2 takes 4 cycles and another one may begin after 2, so a block costs at least 64 cycles of the unit
 * and, alone, 128. One stream: at that bound. Four: 69; the message schedule runs in the unit's shadow (leaving it out gains
 * nothing). Two: 86, each slip is lost for good. All streams' registers do not fit into sixteen: what spills is message words,
 * which are needed seldom.
 */
#include "digest/sha256_int.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define HERE 1
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "util/banned.h"

#ifdef HERE

/* Only these functions are built for more than the baseline. always_inline makes `lanes` and `i` constants, so that arrays become
 * registers; for the same reason EACH and the sixteen calls are written out (clang left loops over lanes as loops: half the rate). */
#define KERNEL __attribute__((target("sha,sse4.1")))
#define INLINE KERNEL static inline __attribute__((always_inline))
#define EACH(DO) do { DO(0); if (lanes > 1) DO(1); if (lanes > 2) DO(2); if (lanes > 3) DO(3); } while (0)

/* The eight words of a state lie in two registers, as the instruction wants them; letters from the highest word down. */
struct lane { __m128i abef, cdgh, abef_before, cdgh_before, w[4]; const uint8_t *p; };

INLINE void load(struct lane *s, const uint32_t *h, const uint8_t *p)
{
  __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)h), hgfe = _mm_loadu_si128((const __m128i *)(const void *)(h + 4));
  __m128i cdab = _mm_shuffle_epi32(dcba, 0xb1), efgh = _mm_shuffle_epi32(hgfe, 0x1b);
  s->abef = _mm_alignr_epi8(cdab, efgh, 8);
  s->cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
  s->p = p;
}

INLINE void store(const struct lane *s, uint32_t *h)
{
  __m128i feba = _mm_shuffle_epi32(s->abef, 0x1b), dchg = _mm_shuffle_epi32(s->cdgh, 0xb1);
  _mm_storeu_si128((__m128i *)(void *)h, _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128((__m128i *)(void *)(h + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* Rounds 4i to 4i+3 of one stream. w is a ring: w[i % 4] holds the message words of these rounds, and from i = 3 on the words of the
 * next four are made: W[t] = sigma1(W[t-2]) + W[t-7] + sigma0(W[t-15]) + W[t-16]. */
INLINE void four_rounds(struct lane *s, const unsigned i)
{
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
  __m128i wk, next;
  if (i < 4)
    s->w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(s->p + 16 * i)), big_endian);
  wk = _mm_add_epi32(s->w[i % 4], _mm_load_si128((const __m128i *)(const void *)(hj_sha256_k + 4 * i)));
  s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, wk);
  s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(wk, 0x0e));
  if (i >= 3 && i < 15) {
    next = _mm_sha256msg1_epu32(s->w[(i + 1) % 4], s->w[(i + 2) % 4]);
    next = _mm_add_epi32(next, _mm_alignr_epi8(s->w[i % 4], s->w[(i + 3) % 4], 4));
    s->w[(i + 1) % 4] = _mm_sha256msg2_epu32(next, s->w[i % 4]);
  }
}

INLINE void four_rounds_each(struct lane s[], const unsigned lanes, const unsigned i)
{
#define ROUNDS(l) four_rounds(&s[l], i)
  EACH(ROUNDS);
}

INLINE void begin_block(struct lane *s)
{
  s->abef_before = s->abef;
  s->cdgh_before = s->cdgh;
}

INLINE void end_block(struct lane *s)
{
  s->abef = _mm_add_epi32(s->abef, s->abef_before);
  s->cdgh = _mm_add_epi32(s->cdgh, s->cdgh_before);
  s->p += 64;
}

INLINE void run(uint32_t *const h[], const uint8_t *const p[], size_t blocks, const unsigned lanes)
{
  struct lane s[HJ_SHA256_LANES];
#define LOAD(l) load(&s[l], h[l], p[l])
#define BEGIN(l) begin_block(&s[l])
#define END(l) end_block(&s[l])
#define STORE(l) store(&s[l], h[l])
  EACH(LOAD);
  for (; blocks > 0; blocks--) {
    EACH(BEGIN);
    four_rounds_each(s, lanes, 0);
    four_rounds_each(s, lanes, 1);
    four_rounds_each(s, lanes, 2);
    four_rounds_each(s, lanes, 3);
    four_rounds_each(s, lanes, 4);
    four_rounds_each(s, lanes, 5);
    four_rounds_each(s, lanes, 6);
    four_rounds_each(s, lanes, 7);
    four_rounds_each(s, lanes, 8);
    four_rounds_each(s, lanes, 9);
    four_rounds_each(s, lanes, 10);
    four_rounds_each(s, lanes, 11);
    four_rounds_each(s, lanes, 12);
    four_rounds_each(s, lanes, 13);
    four_rounds_each(s, lanes, 14);
    four_rounds_each(s, lanes, 15);
    EACH(END);
  }
  EACH(STORE);
}

KERNEL static void run1(uint32_t *const h[], const uint8_t *const p[], size_t blocks) { run(h, p, blocks, 1); }
KERNEL static void run2(uint32_t *const h[], const uint8_t *const p[], size_t blocks) { run(h, p, blocks, 2); }
KERNEL static void run3(uint32_t *const h[], const uint8_t *const p[], size_t blocks) { run(h, p, blocks, 3); }
KERNEL static void run4(uint32_t *const h[], const uint8_t *const p[], size_t blocks) { run(h, p, blocks, 4); }

/* The instructions touch xmm registers only, which every x86-64 system saves: no question to xgetbv, as AVX would need. */
const struct hj_sha256_kernel *hj_sha256_x86(void)
{
  static const struct hj_sha256_kernel kernel = { "x86 SHA", { run1, run2, run3, run4 } };
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
    return NULL;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA))
    return NULL;
  return &kernel;
}

#else

const struct hj_sha256_kernel *hj_sha256_x86(void)
{
  return NULL;
}

#endif

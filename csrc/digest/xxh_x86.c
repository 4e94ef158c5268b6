/* digest/xxh_x86.c - which of the x86 kernels of XXH3 this processor, and its operating system, can run. */
#include "digest/xxh_int.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define HERE 1
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "util/banned.h"

#ifdef HERE

#define YMM 0x06u /* of xcr0: the system saves xmm and the upper halves of ymm */
#define ZMM 0xe6u /* and what AVX-512 adds */

__attribute__((target("xsave"))) static unsigned saved_registers(void)
{
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
    return 0;
  return (unsigned)_xgetbv(0);
}

bool hj_xxh_has_avx2(void)
{
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2) && (saved_registers() & YMM) == YMM;
}

/* VBMI2 is not used: it came with Ice Lake and Zen 4. Processors before those slow down, all of them, when somebody uses zmm. */
bool hj_xxh_has_avx512(void)
{
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX512F) && (c & bit_AVX512VBMI2) && (saved_registers() & ZMM) == ZMM;
}

#else

bool hj_xxh_has_avx2(void)
{
  return false;
}

bool hj_xxh_has_avx512(void)
{
  return false;
}

#endif

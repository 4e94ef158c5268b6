/* digest/xxh_avx512.c - XXH3 for processors with AVX-512. Only this file's functions are built for more than the baseline. */
#include "digest/xxh_int.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <immintrin.h> /* before the target: xxHash includes it only where the command line says AVX-512 */
#include <string.h>
#define XXH_INLINE_ALL
#define XXH_VECTOR 3 /* XXH_AVX512 */
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC target("avx512f")
#endif
#define HJ_XXH_KERNEL hj_xxh_avx512
#define HJ_XXH_NAME "AVX-512"
#include "digest/xxh_kernel_int.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#else
const struct hj_xxh_kernel hj_xxh_avx512;
#endif

#include "util/banned.h"

/* tests/fuzz/fuzz.h - what every fuzz target needs: a name, bytes taken apart, and a way to say that a promise was broken.
 *
 * Use      FUZZ(content_range) { ... MUST(held); ... } in tests/fuzz/fuzz_<what>.c. build.py and the runner find it.
 * Promise  each target leaves no block of hj_mem behind, and nothing of its own outside fuzz_dir(). It is given bytes that end where
 *          the heap's block ends, so that a sanitizer sees one byte read too far.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"

#define FUZZ(name) void fuzz_##name(const uint8_t *p, size_t n); void fuzz_##name(const uint8_t *p, size_t n)

/* Alive under NDEBUG. Aborts: libFuzzer keeps the input, the replay fails. */
#define MUST(cond) ((cond) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #cond))
_Noreturn void fuzz_broken(const char *file, int line, const char *what);

/* A folder of this process, in memory where that can be; its content is the target's to make and to clear. */
const char *fuzz_dir(void);

/* ---- an input, taken apart from the front. An empty rest gives zeros and empty texts. ---- */

struct feed { const uint8_t *p; size_t n; };

static inline uint8_t feed_byte(struct feed *f)
{
  if (!f->n)
    return 0;
  f->n--;
  return *f->p++;
}

/* Small numbers, numbers at the borders, and any: the first byte says which. */
static inline uint64_t feed_number(struct feed *f)
{
  static const uint64_t borders[] = { UINT64_MAX, INT64_MAX, UINT32_MAX, (uint64_t)1 << 32, 1u << 20, 1u << 18, 4096, 0 };
  uint8_t kind = feed_byte(f);
  uint64_t sum = 0;
  if (kind < 128)
    return kind;
  if (kind < 192)
    return borders[kind % 8] + (uint64_t)(kind / 8 % 4) - 1;   /* one below, itself, one and two above; wraps */
  for (int i = 0; i < 8; i++)
    sum = sum << 8 | feed_byte(f);
  return sum;
}

/* The bytes up to the next `stop`, which is passed over; a copy of exactly that length, without a NUL. free() it. */
static inline char *feed_until(struct feed *f, int stop, size_t *n)
{
  const uint8_t *at = f->n ? memchr(f->p, stop, f->n) : NULL;
  size_t k = at ? (size_t)(at - f->p) : f->n;
  char *copy = malloc(k ? k : 1);
  if (!copy)
    abort();
  if (k)
    memcpy(copy, f->p, k);
  f->p = f->n ? f->p + k + (at != NULL) : f->p;
  f->n -= k + (at != NULL);
  *n = k;
  return copy;
}

/* The same as a text: NUL-ended, cut at the first NUL within. */
static inline char *feed_text(struct feed *f, int stop)
{
  size_t n;
  char *raw = feed_until(f, stop, &n), *text = malloc(n + 1);
  if (!text)
    abort();
  memcpy(text, raw, n);
  text[n] = 0;
  free(raw);
  return text;
}

static inline char *feed_rest(struct feed *f, size_t *n)
{
  char *copy = malloc(f->n ? f->n : 1);
  if (!copy)
    abort();
  if (f->n)
    memcpy(copy, f->p, f->n);
  *n = f->n;
  f->n = 0;
  return copy;
}

#endif

/* util/mem.c - see mem.h. The one file that calls malloc and free.
 *
 * Each block carries its size in front, so that live bytes and their peak can be told without asking the C library. */
#include "util/mem.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/banned.h"

/* Bytes in bulk go through large blocks, and those begin where a cache line does. malloc gives 16 bytes behind one, and the kernel's copy
 * into such a block and XXH3's loads out of it take longer: 2 GiB from the page cache 0.114 s instead of 0.094, whichever of 16 or 32. */
#define LINE 64u
#define LARGE ((size_t)16 << 10)

/* In front of each block. As wide as the strictest type, so that what follows is aligned as malloc's own blocks are. */
union head { struct { size_t n, skipped; } of; max_align_t align; }; /* skipped: what lies between malloc's pointer and the head */

static _Atomic int64_t live_blocks;
static _Atomic uint64_t live_bytes, peak_bytes, requests, refusals;
static _Atomic int64_t fail_in;  /* requests until the one that fails; <= 0: none will */
static atomic_int fired;

static bool may_have(void)
{
  (void)atomic_fetch_add_explicit(&requests, 1, memory_order_relaxed);
  if (atomic_load_explicit(&fail_in, memory_order_relaxed) <= 0)
    return true;
  if (atomic_fetch_sub(&fail_in, 1) != 1)  /* of several threads exactly one sees the 1 */
    return true;
  atomic_store(&fired, 1);
  return false;
}

static void note_bytes(uint64_t more, uint64_t less)
{
  uint64_t now = atomic_fetch_add_explicit(&live_bytes, more - less, memory_order_relaxed) + (more - less);
  uint64_t peak = atomic_load_explicit(&peak_bytes, memory_order_relaxed);
  while (now > peak &&
         !atomic_compare_exchange_weak_explicit(&peak_bytes, &peak, now, memory_order_relaxed, memory_order_relaxed))
    ;
}

static void *raw_of(union head *h)
{
  return (char *)h - h->of.skipped;
}

/* A large block, with what fits of the old one, which is given back; a small one that was large likewise. */
static union head *move(union head *old, size_t n)
{
  size_t spare = n >= LARGE ? LINE - 1 : 0, kept = old && old->of.n < n ? old->of.n : old ? n : 0;
  if (n > SIZE_MAX - sizeof *old - spare)
    return NULL;
  char *raw = malloc(sizeof *old + spare + n);
  if (!raw)
    return NULL;
  size_t skip = spare ? (LINE - ((uintptr_t)raw + sizeof *old) % LINE) % LINE : 0;
  union head *now = (union head *)(void *)(raw + skip);
  now->of.skipped = skip;
  if (kept)
    memcpy(now + 1, old + 1, kept);
  if (old)
    free(raw_of(old));
  return now;
}

static union head *resize(union head *old, size_t n)
{
  if (n >= LARGE || (old && old->of.n >= LARGE))
    return move(old, n);
  union head *now = realloc(old, sizeof *now + n);
  if (now)
    now->of.skipped = 0;
  return now;
}

void *hj_mem_c_realloc(void *p, size_t n)
{
  union head *old = p ? (union head *)p - 1 : NULL, *now;
  uint64_t less = old ? old->of.n : 0;
  now = may_have() ? resize(old, n) : NULL;
  if (!now) {
    (void)atomic_fetch_add_explicit(&refusals, 1, memory_order_relaxed);
    return NULL;
  }
  now->of.n = n;
  if (!p)
    (void)atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
  note_bytes(n, less);
  return now + 1;
}

void *hj_mem_c_malloc(size_t n)
{
  return hj_mem_c_realloc(NULL, n);
}

void *hj_mem_c_calloc(size_t count, size_t size)
{
  if (size && count > SIZE_MAX / size)
    return NULL;
  void *p = hj_mem_c_malloc(count * size);
  if (p)
    memset(p, 0, count * size);
  return p;
}

char *hj_mem_c_strdup(const char *text)
{
  size_t n = strlen(text) + 1;
  char *p = hj_mem_c_malloc(n);
  if (p)
    memcpy(p, text, n);
  return p;
}

void hj_mem_free(void *p)
{
  if (!p)
    return;
  union head *h = (union head *)p - 1;
  (void)atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
  note_bytes(0, h->of.n);
  free(raw_of(h));
}

void *hj_mem_grow(void *p, size_t n, struct hj_err *e)
{
  void *now = hj_mem_c_realloc(p, n);
  if (!now)
    (void)hj_fail(e, HJ_E_NOMEM, "out of memory: %zu bytes were asked for", n);
  return now;
}

void *hj_mem_new(size_t n, struct hj_err *e)
{
  return hj_mem_grow(NULL, n, e);
}

void *hj_mem_zero(size_t count, size_t size, struct hj_err *e)
{
  void *p = hj_mem_c_calloc(count, size);
  if (!p)
    (void)hj_fail(e, HJ_E_NOMEM, "out of memory: %zu times %zu bytes were asked for", count, size);
  return p;
}

char *hj_mem_text_n(const char *text, size_t n, struct hj_err *e)
{
  if (n == SIZE_MAX) {
    (void)hj_fail(e, HJ_E_NOMEM, "out of memory: %zu bytes were asked for", n);
    return NULL;
  }
  char *p = hj_mem_new(n + 1, e);
  if (!p)
    return NULL;
  if (n)
    memcpy(p, text, n);
  p[n] = 0;
  return p;
}

char *hj_mem_text(const char *text, struct hj_err *e)
{
  return text ? hj_mem_text_n(text, strlen(text), e) : NULL;
}

void hj_mem_fail_at(int64_t n)
{
  atomic_store(&fired, 0);
  atomic_store(&fail_in, n);
}

uint64_t hj_mem_refusals(void) { return atomic_load_explicit(&refusals, memory_order_relaxed); }

int hj_mem_fired(void) { return atomic_load(&fired); }
int64_t hj_mem_live(void) { return atomic_load(&live_blocks); }
uint64_t hj_mem_live_bytes(void) { return atomic_load(&live_bytes); }
uint64_t hj_mem_peak_bytes(void) { return atomic_load(&peak_bytes); }
uint64_t hj_mem_count(void) { return atomic_load(&requests); }

void hj_mem_mark(void)
{
  atomic_store(&requests, 0);
  atomic_store(&peak_bytes, atomic_load(&live_bytes));
}

/* util/mem.c - see mem.h. The one file that calls malloc and free.
 *
 * Each block carries its size in front, so that live bytes and their peak can be told without asking the C library. */
#include "util/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "util/banned.h"

/* As wide as the strictest type, so that what follows is aligned as malloc's own blocks are. */
union head { size_t n; max_align_t align; };

static _Atomic int64_t live_blocks;
static _Atomic uint64_t live_bytes, peak_bytes, requests;
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

void *hj_mem_c_realloc(void *p, size_t n)
{
  union head *old = p ? (union head *)p - 1 : NULL, *now;
  uint64_t less = old ? old->n : 0;
  if (!may_have() || n > SIZE_MAX - sizeof *now)
    return NULL;
  now = realloc(old, sizeof *now + n);
  if (!now)
    return NULL;
  now->n = n;
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
  note_bytes(0, h->n);
  free(h);
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

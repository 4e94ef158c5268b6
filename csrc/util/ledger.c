/* util/ledger.c - see ledger.h. The book is made at the first visit and lives as long as the process. */
#include "util/ledger.h"

#include <stdatomic.h>
#include "util/mem.h"
#include "util/banned.h"

static atomic_flag lock = ATOMIC_FLAG_INIT;
static struct hj_visit *book;
static uint64_t last;

/* Held for a copy of a few hundred bytes: spinning is shorter than sleeping. */
static void take_lock(void)
{
  while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
    ;
}

static void drop_lock(void) { atomic_flag_clear_explicit(&lock, memory_order_release); }

/* Allocated outside of the lock: nobody spins while the allocator asks the kernel. The second of two that begin at once gives its own back. */
static void make_book(void)
{
  struct hj_err e = HJ_ERR_INIT; /* benign: without a book there are no lines */
  struct hj_visit *mine;
  bool there;
  take_lock();
  there = book != NULL;
  drop_lock();
  if (there)
    return;
  mine = hj_mem_zero(HJ_LEDGER_MAX, sizeof *mine, &e);
  take_lock();
  if (!book) {
    book = mine;
    mine = NULL;
  }
  drop_lock();
  hj_mem_free(mine);
}

uint64_t hj_ledger_open(const struct hj_visit *v)
{
  uint64_t n = 0;
  make_book();
  take_lock();
  if (book) {
    n = ++last;
    book[n % HJ_LEDGER_MAX] = *v;
    book[n % HJ_LEDGER_MAX].n = n;
  }
  drop_lock();
  return n;
}

void hj_ledger_note(uint64_t n, int status, uint64_t bytes, bool ended)
{
  take_lock();
  if (book && n && book[n % HJ_LEDGER_MAX].n == n) {
    book[n % HJ_LEDGER_MAX].status = status;
    book[n % HJ_LEDGER_MAX].bytes = bytes;
    book[n % HJ_LEDGER_MAX].ended = ended;
  }
  drop_lock();
}

void hj_ledger_withdraw(uint64_t n)
{
  take_lock();
  if (book && n && book[n % HJ_LEDGER_MAX].n == n)
    book[n % HJ_LEDGER_MAX].n = 0;
  drop_lock();
}

bool hj_ledger_next(uint64_t since, struct hj_visit *out)
{
  bool found;
  uint64_t n;
  take_lock();
  n = since + 1;
  if (last >= HJ_LEDGER_MAX && n <= last - HJ_LEDGER_MAX)
    n = last - HJ_LEDGER_MAX + 1;
  while (book && n <= last && book[n % HJ_LEDGER_MAX].n != n)
    n++; /* taken out */
  found = book && n <= last;
  if (found)
    *out = book[n % HJ_LEDGER_MAX];
  drop_lock();
  return found;
}

void hj_ledger_forked(void) { drop_lock(); }

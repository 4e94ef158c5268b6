/* engine/aside.c - see aside.h */
#include "engine/aside.h"

#include "plat/plat.h"
#include "util/mem.h"
#include "util/banned.h"

enum { RUNS, DONE, LEFT };

struct hj_aside {
  hj_thread thread;
  hj_bell bell;
  hj_aside_fn *fn;
  hj_aside_release *release;
  void *arg;
  atomic_int stop, state;
};

static void release(struct hj_aside *a)
{
  hj_bell_close(&a->bell);
  hj_mem_free(a);
}

static void run(void *arg)
{
  struct hj_aside *a = arg;
  a->fn(a->arg, &a->stop);
  hj_bell_ring(&a->bell);
  if (atomic_exchange(&a->state, DONE) != LEFT)
    return;
  a->release(a->arg); /* nobody waits any more */
  release(a);
}

int hj_aside_start(struct hj_aside **out, hj_aside_fn *fn, hj_aside_release *done, void *arg, struct hj_err *e)
{
  struct hj_aside *a = hj_mem_zero(1, sizeof *a, e);
  if (!a)
    return (int)e->code;
  a->bell = (hj_bell)HJ_BELL_INIT;
  a->fn = fn;
  a->release = done;
  a->arg = arg;
  if (hj_bell_open(&a->bell, e) || hj_thread_start(&a->thread, "hubjet-aside", run, a, e)) {
    release(a);
    return (int)e->code;
  }
  *out = a;
  return HJ_E_OK;
}

int hj_aside_poll(struct hj_aside *a, uint32_t ms) { return hj_bell_wait(&a->bell, ms); }

bool hj_aside_free(struct hj_aside *a, uint32_t patience_ms)
{
  uint64_t until = hj_clock_ms() + patience_ms;
  hj_thread thread = a->thread;
  int rc;
  atomic_store(&a->stop, 1);
  do {
    uint64_t now = hj_clock_ms();
    rc = hj_bell_wait(&a->bell, now < until ? (uint32_t)(until - now) : 0);
  } while (rc <= 0 && hj_clock_ms() < until); /* a signal ends a wait early */
  if (rc <= 0 && atomic_exchange(&a->state, LEFT) == RUNS) {
    hj_thread_leave(&thread);
    return false;
  }
  hj_thread_join(&thread);
  release(a);
  return true;
}

/* engine/aside.c - see aside.h */
#include "engine/aside.h"

#include "plat/plat.h"
#include "util/mem.h"
#include "util/banned.h"

struct hj_aside {
  hj_thread thread;
  hj_bell bell;
  hj_aside_fn *fn;
  void *arg;
  atomic_int stop;
};

static void run(void *arg)
{
  struct hj_aside *a = arg;
  a->fn(a->arg, &a->stop);
  hj_bell_ring(&a->bell);
}

int hj_aside_start(struct hj_aside **out, hj_aside_fn *fn, void *arg, struct hj_err *e)
{
  struct hj_aside *a = hj_mem_zero(1, sizeof *a, e);
  if (!a)
    return (int)e->code;
  a->bell = (hj_bell)HJ_BELL_INIT;
  a->fn = fn;
  a->arg = arg;
  if (hj_bell_open(&a->bell, e) || hj_thread_start(&a->thread, "hubjet-aside", run, a, e)) {
    hj_bell_close(&a->bell);
    hj_mem_free(a);
    return (int)e->code;
  }
  *out = a;
  return HJ_E_OK;
}

int hj_aside_poll(struct hj_aside *a, uint32_t ms) { return hj_bell_wait(&a->bell, ms); }

void hj_aside_free(struct hj_aside *a)
{
  if (!a)
    return;
  atomic_store(&a->stop, 1);
  hj_thread_join(&a->thread);
  hj_bell_close(&a->bell);
  hj_mem_free(a);
}

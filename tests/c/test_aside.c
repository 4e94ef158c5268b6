/* tests/c/test_aside.c - a call on a thread of its own: waited for, but not for ever. */
#include <sched.h>
#include <stdatomic.h>

#include "engine/aside.h"
#include "plat/plat.h"
#include "store_kit.h"
#include "util/mem.h"

struct call {
  hj_bell go, released;      /* fn returns when the first rings; release rings the second */
  bool obeys;
  atomic_int seen_stop, runs;
  atomic_int *releases;
};

static void work(void *arg, const atomic_int *stop)
{
  struct call *c = arg;
  atomic_store(&c->runs, 1);
  while (!hj_bell_wait(&c->go, 1))
    if (c->obeys && atomic_load(stop))
      break;
  atomic_store(&c->seen_stop, atomic_load(stop));
}

static void release(void *arg)
{
  struct call *c = arg;
  atomic_int *releases = c->releases;
  hj_bell_ring(&c->released);
  atomic_fetch_add(releases, 1);                   /* last: then the bell may be closed */
}

static void open_call(struct call *c, bool obeys, atomic_int *releases)
{
  struct hj_err e = HJ_ERR_INIT;
  *c = (struct call){ .go = HJ_BELL_INIT, .released = HJ_BELL_INIT, .obeys = obeys, .releases = releases };
  CHECK_OK(hj_bell_open(&c->go, &e), e);
  CHECK_OK(hj_bell_open(&c->released, &e), e);
}

static void close_call(struct call *c)
{
  hj_bell_close(&c->go);
  hj_bell_close(&c->released);
}

TEST(a_call_aside_that_returns_is_the_callers_again)
{
  struct hj_err e = HJ_ERR_INIT;
  atomic_int releases = 0;
  int64_t live = hj_mem_live();
  for (int obeys = 0; obeys < 2; obeys++) {        /* by itself; because it was told to stop */
    struct hj_aside *a = NULL;
    struct call c;
    open_call(&c, obeys, &releases);
    CHECK_OK(hj_aside_start(&a, work, release, &c, &e), e);
    CHECK_EQ(hj_aside_poll(a, 1), 0);
    if (!obeys) {
      hj_bell_ring(&c.go);
      CHECK_EQ(hj_aside_poll(a, 60000), 1);
    }
    CHECK(hj_aside_free(a, 60000));
    CHECK_EQ(atomic_load(&c.seen_stop), obeys);
    close_call(&c);
  }
  CHECK_EQ(atomic_load(&releases), 0);
  CHECK_EQ(hj_mem_live(), live);
}

/* As a read from a mount whose server is gone. */
TEST(a_call_aside_that_does_not_come_back_is_left_behind)
{
  struct hj_err e = HJ_ERR_INIT;
  atomic_int releases = 0;
  int64_t live = hj_mem_live();
  struct hj_aside *a = NULL;
  struct call c;
  open_call(&c, false, &releases);
  CHECK_OK(hj_aside_start(&a, work, release, &c, &e), e);
  while (!atomic_load(&c.runs))
    sched_yield();
  CHECK(!hj_aside_free(a, 5));
  CHECK_EQ(atomic_load(&releases), 0);
  hj_bell_ring(&c.go);                             /* the server is back */
  CHECK_EQ(hj_bell_wait(&c.released, 60000), 1);
  while (!atomic_load(&releases))
    sched_yield();
  CHECK_EQ(atomic_load(&releases), 1);
  while (hj_mem_live() != live)                    /* the last thing it does is to free itself */
    sched_yield();
  close_call(&c);
}

/* tests/c/test_workers.c - the queue of errands: first in, first out, save that waiting proofs go together. */
#include "engine/engine_int.h"
#include "engine/workers.h"
#include "store_kit.h"
#include "util/mem.h"

#define SIZE ((size_t)300000)
#define MOST 12

static uint8_t body[SIZE];

/* The first errand's answer stands at the gate until all others are queued, so that one worker finds them all waiting. */
struct scene {
  struct hj_workers *ws;
  struct hj_fetch f[MOST];
  hj_mutex lock;
  hj_cond changed;
  bool gate;
  unsigned back[MOST], together[MOST], n;
};

static void back(void *user, struct hj_work *const w[], unsigned n)
{
  struct scene *s = user;
  hj_mutex_lock(&s->lock);
  for (unsigned i = 0; i < n; i++) {
    s->back[s->n] = (unsigned)(w[i]->fetch - s->f);
    s->together[s->n++] = n;
  }
  hj_cond_broadcast(&s->changed);
  while (!s->gate)
    hj_cond_wait(&s->changed, &s->lock);
  hj_mutex_unlock(&s->lock);
}

static void open_scene(struct scene *s, unsigned workers)
{
  struct hj_err e = HJ_ERR_INIT;
  memset(s, 0, sizeof *s);
  fill_bytes(body, SIZE, 1);
  hj_mutex_init(&s->lock);
  hj_cond_init(&s->changed);
  CHECK_OK(hj_workers_new(&s->ws, workers, back, s, &e), e);
}

static struct hj_work *errand(struct scene *s, unsigned i, enum hj_chore chore)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_fetch *f = &s->f[i];
  f->index = i;
  f->lock = (struct hj_lock)HJ_LOCK_INIT;
  f->work.fetch = f;
  f->work.chore = chore;
  if (chore == HJ_CHORE_PROVE && !f->blob) {
    char final[64], key[16];
    (void)snprintf(final, sizeof final, "final%u", i);
    (void)snprintf(key, sizeof key, "k%u", i);
    struct hj_blob_want want = { .final = temp_path(final), .partial_dir = temp_path("side/partial"), .key = key, .validator = "",
                                 .size = SIZE, .mode = 0644 };
    CHECK_OK(hj_blob_open(&f->blob, &want, &e), e);
    CHECK_OK(hj_blob_put(f->blob, 0, body, SIZE, &e), e);
  }
  f->work.next = NULL;
  return &f->work;
}

static void send(struct scene *s, unsigned i, enum hj_chore chore) { hj_workers_put(s->ws, errand(s, i, chore)); }

static void wait_back(struct scene *s, unsigned n)
{
  hj_mutex_lock(&s->lock);
  while (s->n < n)
    hj_cond_wait(&s->changed, &s->lock);
  hj_mutex_unlock(&s->lock);
}

static void open_gate(struct scene *s)
{
  hj_mutex_lock(&s->lock);
  s->gate = true;
  hj_cond_broadcast(&s->changed);
  hj_mutex_unlock(&s->lock);
}

static void close_scene(struct scene *s)
{
  CHECK(hj_workers_free(s->ws, 60000));
  for (unsigned i = 0; i < MOST; i++)
    hj_blob_drop(s->f[i].blob, false);
  hj_cond_release(&s->changed);
  hj_mutex_release(&s->lock);
}

TEST(waiting_proofs_go_together_and_all_else_in_order)
{
  static const enum hj_chore sent[] = { HJ_CHORE_PROVE, HJ_CHORE_PROVE, HJ_CHORE_DROP, HJ_CHORE_PROVE, HJ_CHORE_PROVE, HJ_CHORE_DROP,
                                        HJ_CHORE_PROVE, HJ_CHORE_PROVE, HJ_CHORE_DROP, HJ_CHORE_PROVE };
  static const unsigned order[] = { 0, 1, 3, 4, 6, 2, 5, 7, 9, 8 };
  struct scene s;
  open_scene(&s, 1);
  send(&s, 0, sent[0]);
  wait_back(&s, 1);
  for (unsigned i = 1; i < 10; i++)
    send(&s, i, sent[i]);
  open_gate(&s);
  wait_back(&s, 10);
  for (unsigned i = 0; i < 10; i++) {
    context("the %u. that came back", i);
    CHECK_EQ(s.back[i], order[i]);
    CHECK_EQ(s.f[i].work.err.code, HJ_E_OK);
    CHECK_EQ(s.f[i].work.proven, sent[i] == HJ_CHORE_PROVE ? SIZE : 0);
  }
  context_end();
  send(&s, 10, HJ_CHORE_DROP);               /* the queue's end is where it should be after its last one was taken along */
  wait_back(&s, 11);
  close_scene(&s);
}

TEST(proofs_that_go_together_have_their_own_errors)
{
  struct scene s;
  open_scene(&s, 1);
  send(&s, 0, HJ_CHORE_DROP);
  wait_back(&s, 1);
  atomic_store(&s.f[2].stop, 1);
  for (unsigned i = 1; i <= 3; i++)
    send(&s, i, HJ_CHORE_PROVE);
  open_gate(&s);
  wait_back(&s, 4);
  for (unsigned i = 1; i <= 3; i++) {
    CHECK_EQ(s.f[i].work.err.code, i == 2 ? HJ_E_CANCELLED : HJ_E_OK);
    CHECK_EQ(s.f[i].work.proven, i == 2 ? 0 : SIZE);
  }
  close_scene(&s);
}

TEST(proofs_put_together_are_taken_together_however_many_workers_wait)
{
  struct scene s;
  open_scene(&s, 3);
  open_gate(&s);
  for (unsigned round = 0; round < 50; round++) {
    struct hj_work *first = NULL;
    for (unsigned i = 0; i < HJ_PROOFS_MAX; i++) {
      struct hj_work *w = errand(&s, i, HJ_CHORE_PROVE);
      w->next = first;
      first = w;
    }
    hj_workers_put(s.ws, first);
    wait_back(&s, HJ_PROOFS_MAX);
    for (unsigned i = 0; i < HJ_PROOFS_MAX; i++) {
      CHECK_EQ(s.back[i], HJ_PROOFS_MAX - 1 - i);
      CHECK_EQ(s.together[i], HJ_PROOFS_MAX);
    }
    s.n = 0;
  }
  close_scene(&s);
}

TEST(what_is_queued_is_done_before_the_workers_end)
{
  struct scene s;
  open_scene(&s, 3);
  open_gate(&s);
  for (unsigned i = 0; i < MOST; i++)
    send(&s, i, i % 4 == 3 ? HJ_CHORE_DROP : HJ_CHORE_PROVE);
  close_scene(&s);
  CHECK_EQ(s.n, MOST);
}

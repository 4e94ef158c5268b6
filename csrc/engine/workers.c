/* engine/workers.c - see workers.h */
#include "engine/workers.h"

#include "engine/engine_int.h"
#include "util/mem.h"
#include "util/banned.h"

#define WORKERS_MAX 8u
#define TOGETHER_MAX (HJ_SMALLS_MAX > HJ_PROOFS_MAX ? HJ_SMALLS_MAX : HJ_PROOFS_MAX)

struct hj_workers {
  hj_mutex lock;
  hj_cond filled, gone;
  struct hj_work *first, **end; /* end: where the next one is hung */
  bool stop;
  unsigned n, alive;
  hj_thread threads[WORKERS_MAX];
  hj_workers_back *back;
  void *user;
};

/* The first errand; a proof takes other proofs along that wait, a small file other small files, since several together cost
 * little more (store/blob.h). 0: the end. */
static unsigned take(struct hj_workers *ws, struct hj_work *taken[TOGETHER_MAX])
{
  unsigned n = 0, most = 1;
  hj_mutex_lock(&ws->lock);
  while (!ws->first && !ws->stop)
    hj_cond_wait(&ws->filled, &ws->lock);
  if (ws->first)
    most = ws->first->chore == HJ_CHORE_PROVE ? HJ_PROOFS_MAX : ws->first->chore == HJ_CHORE_SMALL ? HJ_SMALLS_MAX : 1;
  for (struct hj_work **at = &ws->first, *w; (w = *at) && n < most;) {
    if (n > 0 && w->chore != taken[0]->chore) {
      at = &w->next;
      continue;
    }
    *at = w->next;
    if (!w->next)
      ws->end = at;
    taken[n++] = w;
  }
  hj_mutex_unlock(&ws->lock);
  return n;
}

static void run(void *arg)
{
  struct hj_workers *ws = arg;
  struct hj_work *w[TOGETHER_MAX];
  unsigned n;
  while ((n = take(ws, w)) > 0) {
    hj_chores_run(w, n);
    ws->back(ws->user, w, n);
  }
  hj_mutex_lock(&ws->lock);
  ws->alive--;
  hj_cond_broadcast(&ws->gone);
  hj_mutex_unlock(&ws->lock);
}

int hj_workers_new(struct hj_workers **out, unsigned n, hj_workers_back *back, void *user, struct hj_err *e)
{
  struct hj_workers *ws = hj_mem_zero(1, sizeof *ws, e);
  if (!ws)
    return (int)e->code;
  hj_mutex_init(&ws->lock);
  hj_cond_init(&ws->filled);
  hj_cond_init(&ws->gone);
  ws->end = &ws->first;
  ws->back = back;
  ws->user = user;
  for (; ws->n < n && ws->n < WORKERS_MAX; ws->n++) {
    hj_mutex_lock(&ws->lock);
    ws->alive++;
    hj_mutex_unlock(&ws->lock);
    if (hj_thread_start(&ws->threads[ws->n], "hubjet-disk", run, ws, e)) {
      hj_mutex_lock(&ws->lock);
      ws->alive--;
      hj_mutex_unlock(&ws->lock);
      break;
    }
  }
  if (ws->n == 0) {
    (void)hj_workers_free(ws, 0);
    return (int)e->code;
  }
  hj_err_clear(e); /* one worker is enough to go on with */
  *out = ws;
  return HJ_E_OK;
}

void hj_workers_put(struct hj_workers *ws, struct hj_work *first)
{
  struct hj_work *last = first;
  hj_mutex_lock(&ws->lock);
  *ws->end = first;
  for (; last->next; last = last->next)
    hj_cond_signal(&ws->filled);
  ws->end = &last->next;
  hj_cond_signal(&ws->filled);
  hj_mutex_unlock(&ws->lock);
}

bool hj_workers_free(struct hj_workers *ws, uint32_t patience_ms)
{
  uint64_t until = hj_clock_ms() + patience_ms, now;
  bool all;
  hj_mutex_lock(&ws->lock);
  ws->stop = true;
  hj_cond_broadcast(&ws->filled);
  while (ws->alive && (now = hj_clock_ms()) < until)
    (void)hj_cond_wait_ms(&ws->gone, &ws->lock, (uint32_t)(until - now));
  all = ws->alive == 0;
  hj_mutex_unlock(&ws->lock);
  if (!all)
    return false;
  for (unsigned i = 0; i < ws->n; i++)
    hj_thread_join(&ws->threads[i]);
  hj_cond_release(&ws->filled);
  hj_cond_release(&ws->gone);
  hj_mutex_release(&ws->lock);
  hj_mem_free(ws);
  return true;
}

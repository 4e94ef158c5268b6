/* engine/engine.c - see engine.h. The network thread: takes jobs and errands that are back, turns the jobs, turns the loop. */
#include "engine/engine.h"

#include <string.h>
#include "engine/engine_int.h"
#include "engine/share.h"
#include "engine/window.h"
#include "engine/workers.h"
#include "transfer/curl_once.h"
#include "util/ledger.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/timeline.h"
#include "util/trace.h"
#include "util/banned.h"

#define TURN_MS 50u            /* the longest the loop sleeps while a job runs: timers have that grain */
#define DRAW_EVERY_US 50000u
#define WORKERS_STOP_MS 1000u

struct engine {
  hj_mutex lock;               /* arrivals, backs, stop, gone */
  hj_cond ended;
  struct hj_job *arrivals;
  struct hj_work *backs, *backs_last;
  bool stop, gone;
  hj_thread thread;
  struct hj_loop *loop;
  struct hj_workers *workers;
  struct hj_hosts hosts;
  struct hj_job *jobs;         /* the network thread's */
  struct hj_throttle throttle;
  uint64_t idle_since_ms;
  uint64_t received, drawn_us; /* the timeline: bytes of all jobs, when its numbers were last drawn */
};

static hj_mutex lock = HJ_MUTEX_INIT;   /* guards the three below */
static struct engine *engine;           /* NULL: none, or it is ending by itself */
static struct engine *retired;          /* ended by itself, to be joined */
static bool fork_noticed;
static _Atomic unsigned generation;
static char user_agent[48] = "hubjet";
static _Atomic uint64_t own_rate = HJ_NO_OVERRIDE;
static atomic_int own_polite = -1;

#ifdef HJ_FAULTS
static _Atomic uint32_t idle_for_test_ms;
void hj_engine_idle(uint32_t ms) { atomic_store(&idle_for_test_ms, ms); }
static uint32_t idle_ms(void) { return atomic_load(&idle_for_test_ms) ? atomic_load(&idle_for_test_ms) : HJ_ENGINE_IDLE_MS; }
#else
static uint32_t idle_ms(void) { return HJ_ENGINE_IDLE_MS; }
#endif

const char *hj_engine_agent(void) { return user_agent; }

/* Each interpreter that imports us says the same: written once, so that nobody writes while the network thread reads. */
void hj_engine_user_agent(const char *text)
{
  hj_mutex_lock(&lock);
  if (strcmp(user_agent, text) != 0)
    (void)hj_text_copy(user_agent, sizeof user_agent, text, strlen(text));
  hj_mutex_unlock(&lock);
}

void hj_engine_limit_rate(uint64_t rate)
{
  atomic_store(&own_rate, rate);
  hj_engine_nudge();
}

void hj_engine_polite(int polite)
{
  atomic_store(&own_polite, polite);
  hj_engine_nudge();
}

const char *hj_engine_versions(void) { return hj_curl_versions(); }

unsigned hj_engine_generation(void) { return atomic_load(&generation); }

/* ---- the network thread ------------------------------------------------------------------------------------------- */

/* On a worker: these errands are done. They arrive together: the first would otherwise be sent out again before the others are seen. */
static void errands_back(void *user, struct hj_work *const w[], unsigned n)
{
  struct engine *en = user;
  bool first;
  hj_mutex_lock(&en->lock);
  first = !en->backs; /* those behind it are taken together with it */
  for (unsigned i = 0; i < n; i++) {
    w[i]->next = NULL;
    if (en->backs_last)
      en->backs_last->next = w[i];
    else
      en->backs = w[i];
    en->backs_last = w[i];
  }
  hj_mutex_unlock(&en->lock);
  if (first)
    hj_loop_wake(en->loop);
}

static void take_arrivals(struct engine *en)
{
  struct hj_job *j;
  struct hj_work *w;
  hj_mutex_lock(&en->lock);
  j = en->arrivals;
  en->arrivals = NULL;
  w = en->backs;
  en->backs = en->backs_last = NULL;
  hj_mutex_unlock(&en->lock);
  while (j) {
    struct hj_job *next = j->next;
    j->loop = en->loop;
    j->workers = en->workers;
    j->hosts = &en->hosts;
    j->throttle = &en->throttle;
    j->next = en->jobs;
    en->jobs = j;
    j = next;
  }
  while (w) {
    struct hj_work *next = w->next;
    hj_fetch_worked(w->fetch, hj_clock_ms());
    w = next;
  }
}

/* The numbers of the timeline. last: a job ends, and with it perhaps the picture. */
static void draw(struct engine *en, bool last)
{
  uint64_t at_us, came = 0, proven = 0;
  unsigned active = 0;
  if (!hj_timeline_is_on()) {
    en->drawn_us = 0;
    return;
  }
  at_us = hj_clock_ns() / 1000;
  if (en->drawn_us && at_us - en->drawn_us < DRAW_EVERY_US && !last)
    return;
  for (struct hj_job *j = en->jobs; j; j = j->next) {
    uint64_t now = atomic_load(&j->from_net);
    came += now - j->drawn;
    j->drawn = now;
    proven += atomic_load(&j->proven);
    active += j->active;
  }
  en->received += came;
  if (en->drawn_us && at_us > en->drawn_us)
    hj_timeline_number("goodput, bytes per second", at_us, came * 1000000 / (at_us - en->drawn_us));
  hj_timeline_number("bytes received", at_us, en->received);
  hj_timeline_number("bytes proven", at_us, proven);
  hj_timeline_number("connections", at_us, active);
  hj_timeline_number("memory, bytes", at_us, hj_mem_live_bytes());
  en->drawn_us = at_us;
}

static void end_job(struct hj_job *j)
{
  atomic_store(&j->connections, 0);
  atomic_store(&j->state, 2);
  hj_bell_ring(&j->bell);
  hj_job_let_go(j);
}

/* Jobs at one hub share what each of them may have there; all jobs share memory. */
static void share_out(struct engine *en, struct hj_job *me)
{
  struct hj_share s = { .limit = me->limits.connections };
  if (me->polite && s.limit > HJ_POLITE_CONNECTIONS)
    s.limit = HJ_POLITE_CONNECTIONS;
  me->others_memory = 0;
  for (const struct hj_job *j = en->jobs; j; j = j->next) {
    if (j != me)
      me->others_memory += j->memory_used;
    if (j == me || !j->n || !me->n || hj_job_is_over(j) || !hj_url_same_origin(&j->fetches[0].own.first, &me->fetches[0].own.first))
      continue;
    s.others++;
    s.others_active += j->own;
    s.others_starved = s.others_starved || j->starved;
  }
  me->slots = hj_share(&s);
}

static void turn_jobs(struct engine *en)
{
  struct hj_job **at = &en->jobs;
  uint64_t now_ms = hj_clock_ms();
  while (*at) {
    struct hj_job *j = *at;
    share_out(en, j);
    hj_job_turn(j, now_ms);
    if (!hj_job_is_over(j)) {
      at = &j->next;
      continue;
    }
    draw(en, true);
    *at = j->next;
    end_job(j);
  }
}

/* libcurl's loop broke: nothing can go on, everybody is told. */
static void fail_all(struct engine *en, const struct hj_err *e)
{
  for (struct hj_job *j = en->jobs; j; j = j->next)
    for (size_t i = 0; i < j->n; i++)
      if (j->fetches[i].state != HJ_FETCH_OVER)
        hj_fetch_fail(&j->fetches[i], e, true);
}

/* true: nobody needs this engine any more, and nobody can find it any more. */
static bool may_end(struct engine *en)
{
  uint64_t now_ms = hj_clock_ms();
  bool end;
  if (en->jobs) {
    en->idle_since_ms = now_ms;
    return false;
  }
  hj_mutex_lock(&lock);
  hj_mutex_lock(&en->lock);
  end = !en->arrivals && (en->stop || now_ms - en->idle_since_ms >= idle_ms());
  if (end && engine == en) {
    engine = NULL;
    retired = en;
  }
  hj_mutex_unlock(&en->lock);
  hj_mutex_unlock(&lock);
  return end;
}

static bool told_to_stop(struct engine *en)
{
  bool stop;
  hj_mutex_lock(&en->lock);
  stop = en->stop;
  hj_mutex_unlock(&en->lock);
  return stop;
}

static uint32_t sleep_ms(const struct engine *en)
{
  uint64_t now_ms = hj_clock_ms(), ms = en->jobs ? TURN_MS : idle_ms() < 1000 ? idle_ms() : 1000;
  for (const struct hj_job *j = en->jobs; j; j = j->next)
    if (j->look_ms && j->look_ms < now_ms + ms)
      ms = j->look_ms > now_ms ? j->look_ms - now_ms : 0;
  return (uint32_t)ms;
}

static void run(void *arg)
{
  struct engine *en = arg;
  for (;;) {
    struct hj_err e = HJ_ERR_INIT;
    take_arrivals(en);
    if (told_to_stop(en))
      for (struct hj_job *j = en->jobs; j; j = j->next)
        atomic_store(&j->cancelled, 1);
    hj_throttle_turn(&en->throttle, en->jobs, atomic_load(&own_rate), atomic_load(&own_polite));
    hj_window_turn(&en->hosts, en->jobs, hj_clock_ms());
    turn_jobs(en);
    if (en->jobs)
      draw(en, false);
    if (may_end(en))
      break;
    if (hj_loop_turn(en->loop, hj_throttle_wait_ms(&en->throttle, sleep_ms(en)), &e)) {
      fail_all(en, &e);
      hj_clock_pause_ms(TURN_MS); /* it did not sleep, and may break again at once: seen where a limit on descriptors fell below those in use */
    }
  }
  HJ_TRACE(HJ_T_NET, 0, "the network thread ends");
  if (hj_workers_free(en->workers, WORKERS_STOP_MS))
    en->workers = NULL;
  hj_loop_close(en->loop);
  hj_throttle_end(&en->throttle);
  hj_mutex_lock(&en->lock);
  en->gone = true;
  hj_cond_broadcast(&en->ended);
  hj_mutex_unlock(&en->lock);
}

/* ---- beginning and end -------------------------------------------------------------------------------------------- */

/* In the child after fork: the threads are not there, their locks may be held by nobody. Forget them. */
static void after_fork(void)
{
  hj_mutex_init(&lock);
  hj_curl_forked();
  hj_ledger_forked();
  hj_timeline_forked();
  engine = retired = NULL;
  atomic_fetch_add(&generation, 1);
}

static unsigned worker_count(void)
{
  unsigned n = hj_proc_cpus();
  return n < 2 ? 2 : n > 4 ? 4 : n; /* at least two: while one waits for the disk, the other digests */
}

static void free_engine(struct engine *en)
{
  if (!en)
    return;
  hj_thread_join(&en->thread);
  hj_cond_release(&en->ended);
  hj_mutex_release(&en->lock);
  hj_mem_free(en);
}

static struct engine *new_engine(struct hj_err *e)
{
  struct engine *en = hj_mem_zero(1, sizeof *en, e);
  if (!en)
    return NULL;
  hj_mutex_init(&en->lock);
  hj_cond_init(&en->ended);
  en->idle_since_ms = hj_clock_ms();
  if (hj_loop_open(&en->loop, user_agent, e) || hj_workers_new(&en->workers, worker_count(), errands_back, en, e) ||
      hj_thread_start(&en->thread, "hubjet-net", run, en, e))
    goto fail;
  return en;
fail:
  if (en->workers)
    (void)hj_workers_free(en->workers, WORKERS_STOP_MS);
  hj_loop_close(en->loop);
  free_engine(en);
  return NULL;
}

int hj_engine_ready(struct hj_err *e)
{
  hj_mutex_lock(&lock);
  fork_noticed = fork_noticed || !hj_proc_on_fork(after_fork, e);
  hj_mutex_unlock(&lock);
  return e->code ? (int)e->code : hj_curl_once(e);
}

int hj_engine_take(struct hj_job *j, struct hj_err *e)
{
  struct engine *old = NULL;
  hj_mutex_lock(&lock);
  if (!fork_noticed && hj_proc_on_fork(after_fork, e))
    goto out;
  fork_noticed = true;
  old = retired;
  retired = NULL;
  if (!engine)
    engine = new_engine(e);
  if (!engine)
    goto out;
  hj_mutex_lock(&engine->lock);
  j->next = engine->arrivals;
  engine->arrivals = j;
  hj_mutex_unlock(&engine->lock);
  hj_loop_wake(engine->loop);
out:
  hj_mutex_unlock(&lock);
  free_engine(old);
  return (int)e->code;
}

void hj_engine_nudge(void)
{
  hj_mutex_lock(&lock);
  if (engine)
    hj_loop_wake(engine->loop);
  hj_mutex_unlock(&lock);
}

void hj_engine_stop(uint32_t patience_ms)
{
  uint64_t until = hj_clock_ms() + patience_ms, now;
  struct engine *en, *old;
  bool gone;
  hj_mutex_lock(&lock);
  en = engine;
  old = retired;
  if (en) { /* before it is taken away: one that is not to be found any more may end by itself, and its loop with it */
    hj_mutex_lock(&en->lock);
    en->stop = true;
    hj_loop_wake(en->loop);
    hj_mutex_unlock(&en->lock);
  }
  engine = retired = NULL;
  hj_mutex_unlock(&lock);
  free_engine(old);
  if (!en)
    return;
  hj_mutex_lock(&en->lock);
  while (!en->gone && (now = hj_clock_ms()) < until)
    (void)hj_cond_wait_ms(&en->ended, &en->lock, (uint32_t)(until - now));
  gone = en->gone;
  hj_mutex_unlock(&en->lock);
  if (gone)
    free_engine(en); /* else it hangs in a disk that does not answer: what it uses stays */
}

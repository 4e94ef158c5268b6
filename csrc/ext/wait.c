/* ext/wait.c - see wait.h */
#include "ext/wait.h"

#include "engine/engine.h"
#include "ext/raise.h"
#include "util/banned.h"

/* A signal ends the poll at once where it reaches the waiting thread; where another thread gets it, this is the delay. */
#define SLICE_MS 50u
#define LONGEST_S 1000000000.0  /* 31 years */
#define ASIDE_MS 200u            /* what a call that was interrupted may take to see it */

int ext_wait_job(struct hj_job *j, double seconds)
{
  uint64_t began = hj_job_clock_ms(), most = seconds < LONGEST_S ? (uint64_t)(seconds * 1000.0) : (uint64_t)LONGEST_S * 1000;
  for (;;) {
    uint64_t gone = hj_job_clock_ms() - began, left = gone < most ? most - gone : 0;
    int rc;
    Py_BEGIN_ALLOW_THREADS
    rc = hj_job_poll(j, left < SLICE_MS ? (uint32_t)left : SLICE_MS);
    Py_END_ALLOW_THREADS
    if (PyErr_CheckSignals() < 0) {
      hj_job_cancel(j);
      return -1;
    }
    if (rc > 0)
      return 1;
    if (rc == 0 && hj_job_clock_ms() - began >= most) /* by the clock: with a timer that signals all the time no slice lasts */
      return 0;
  }
}

int ext_wait_aside(struct ext_state *s, hj_aside_fn *fn, hj_aside_release *release, void *arg)
{
  return ext_wait_aside_told(s, fn, release, arg, NULL, NULL);
}

int ext_wait_aside_told(struct ext_state *s, hj_aside_fn *fn, hj_aside_release *release, void *arg, int (*tick)(void *user), void *user)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_aside *a = NULL;
  bool back;
  int rc = 0;
  if (hj_aside_start(&a, fn, release, arg, &e)) {
    if (release)
      release(arg);
    ext_raise(s, &e);
    return -1;
  }
  while (rc <= 0) {
    Py_BEGIN_ALLOW_THREADS
    rc = hj_aside_poll(a, SLICE_MS);
    Py_END_ALLOW_THREADS
    if (PyErr_CheckSignals() < 0 || (tick && tick(user) < 0)) {
      rc = -1;
      break;
    }
  }
  Py_BEGIN_ALLOW_THREADS
  back = hj_aside_free(a, rc < 0 && release ? ASIDE_MS : UINT32_MAX);
  if (back && rc < 0 && release)
    release(arg);
  Py_END_ALLOW_THREADS
  return rc < 0 ? -1 : 0;
}

void ext_wait_call(void (*fn)(void *arg), void *arg)
{
  Py_BEGIN_ALLOW_THREADS
  fn(arg);
  Py_END_ALLOW_THREADS
}

/* The engine that ended by itself is joined first; its thread may be in the middle of that. What is set up once is set up while the GIL is
 * held, for then nobody forks: a child that was forked in the middle of curl_global_init waits for libcurl's lock for ever (seen). */
int ext_wait_start(struct hj_job *j, struct hj_err *e)
{
  int rc;
  if (hj_engine_ready(e))
    return (int)e->code;
  Py_BEGIN_ALLOW_THREADS
  rc = hj_job_start(j, e);
  Py_END_ALLOW_THREADS
  return rc;
}

void ext_wait_end(struct hj_job *j, uint32_t patience_ms)
{
  Py_BEGIN_ALLOW_THREADS
  hj_job_end(j, patience_ms);
  Py_END_ALLOW_THREADS
}

void ext_wait_free(struct hj_job *j, uint32_t patience_ms)
{
  Py_BEGIN_ALLOW_THREADS
  hj_job_free(j, patience_ms);
  Py_END_ALLOW_THREADS
}

void ext_wait_stop(uint32_t patience_ms)
{
  Py_BEGIN_ALLOW_THREADS
  hj_engine_stop(patience_ms);
  Py_END_ALLOW_THREADS
}

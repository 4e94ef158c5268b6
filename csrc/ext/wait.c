/* ext/wait.c - see wait.h */
#include "ext/wait.h"

#include "engine/engine.h"
#include "ext/raise.h"
#include "util/banned.h"

/* A signal ends the poll at once where it reaches the waiting thread; where another thread gets it, this is the delay. */
#define SLICE_MS 50u

int ext_wait_job(struct hj_job *j, double seconds)
{
  double left_ms = seconds * 1000.0;
  for (;;) {
    uint32_t slice = left_ms < SLICE_MS ? (uint32_t)(left_ms > 0 ? left_ms : 0) : SLICE_MS;
    int rc;
    Py_BEGIN_ALLOW_THREADS
    rc = hj_job_poll(j, slice);
    Py_END_ALLOW_THREADS
    if (PyErr_CheckSignals() < 0) {
      hj_job_cancel(j);
      return -1;
    }
    if (rc > 0)
      return 1;
    left_ms -= slice;
    if (rc == 0 && left_ms <= 0)
      return 0;
  }
}

int ext_wait_aside(struct ext_state *s, hj_aside_fn *fn, void *arg)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_aside *a = NULL;
  int rc = 0;
  if (hj_aside_start(&a, fn, arg, &e)) {
    ext_raise(s, &e);
    return -1;
  }
  while (rc <= 0) {
    Py_BEGIN_ALLOW_THREADS
    rc = hj_aside_poll(a, SLICE_MS);
    Py_END_ALLOW_THREADS
    if (PyErr_CheckSignals() < 0) {
      rc = -1;
      break;
    }
  }
  Py_BEGIN_ALLOW_THREADS
  hj_aside_free(a);
  Py_END_ALLOW_THREADS
  return rc < 0 ? -1 : 0;
}

void ext_wait_call(void (*fn)(void *arg), void *arg)
{
  Py_BEGIN_ALLOW_THREADS
  fn(arg);
  Py_END_ALLOW_THREADS
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

/* plat/plat_posix_thread.c - threads and locks, for Linux and macOS. Timed waits and bells are in plat_linux_thread.c. */
#ifndef _WIN32
#include "plat/thread.h"

#include <signal.h>
#include <stdio.h>

#include "plat/fault.h"
#include "plat/plat.h"
#include "plat/posix_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

/* What libcurl with OpenSSL was seen to use is below 100 KiB; sanitizers multiply frames, and glibc takes thread-local
 * storage of all loaded libraries out of this as well. Only pages that are touched cost memory. */
#define THREAD_STACK (1u << 20)

struct start { void (*run)(void *); void *arg; char name[16]; };

static void *begin(void *user)
{
  struct start s = *(struct start *)user;
  hj_mem_free(user);
  hj_os_thread_name(s.name);
  hj_trace_thread(s.name);
  s.run(s.arg);
  return NULL;
}

/* All but those that a fault of the thread itself raises: blocked, they would kill the process before Python's
 * faulthandler could tell where. */
static void signals_of_callers(sigset_t *set)
{
  static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS };
  (void)sigfillset(set);
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
    (void)sigdelset(set, own[i]);
}

static int create(pthread_t *id, struct start *s)
{
  pthread_attr_t attr;
  sigset_t block, before;
  int sys = hj_fault(HJ_OP_THREAD);
  if (!sys)
    sys = pthread_attr_init(&attr);
  if (sys)
    return sys;
  (void)pthread_attr_setstacksize(&attr, THREAD_STACK); /* refused: then the system's own size, which is larger */
  signals_of_callers(&block);
  (void)pthread_sigmask(SIG_SETMASK, &block, &before);  /* inherited, so there is no moment in which a signal could land there */
  sys = pthread_create(id, &attr, begin, s);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  (void)pthread_attr_destroy(&attr);
  return sys;
}

int hj_thread_start(hj_thread *t, const char *name, void (*run)(void *), void *arg, struct hj_err *e)
{
  t->started = false;
  hj_plat_init();
  struct start *s = hj_mem_new(sizeof *s, e);
  if (!s)
    return (int)e->code;
  s->run = run;
  s->arg = arg;
  (void)snprintf(s->name, sizeof s->name, "%s", name);
  int sys = create(&t->id, s);
  if (sys) {
    hj_mem_free(s);
    bool fresh = e->code == HJ_E_OK;
    (void)hj_fail_sys(e, sys, "could not start the thread %s", name);
    if (fresh)
      e->code = HJ_E_NOMEM; /* EAGAIN: a limit on threads or memory, not the disk */
    return (int)e->code;
  }
  t->started = true;
  return HJ_E_OK;
}

void hj_thread_leave(hj_thread *t)
{
  if (t->started)
    (void)pthread_detach(t->id);
  t->started = false;
}

void hj_thread_join(hj_thread *t)
{
  if (t->started)
    (void)pthread_join(t->id, NULL);
  t->started = false;
}

/* These fail only when used wrongly; the thread sanitizer finds that, not a caller. */
void hj_mutex_init(hj_mutex *m) { (void)pthread_mutex_init(m, NULL); }
void hj_mutex_release(hj_mutex *m) { (void)pthread_mutex_destroy(m); }
void hj_mutex_lock(hj_mutex *m) { (void)pthread_mutex_lock(m); }
void hj_mutex_unlock(hj_mutex *m) { (void)pthread_mutex_unlock(m); }
void hj_cond_release(hj_cond *c) { (void)pthread_cond_destroy(c); }
void hj_cond_wait(hj_cond *c, hj_mutex *m) { (void)pthread_cond_wait(c, m); }
void hj_cond_signal(hj_cond *c) { (void)pthread_cond_signal(c); }
void hj_cond_broadcast(hj_cond *c) { (void)pthread_cond_broadcast(c); }
#endif

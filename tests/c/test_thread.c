/* tests/c/test_thread.c - threads, locks, conditions, bells. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "harness.h"
#include "plat/fault.h"
#include "plat/plat.h"
#include "sweep.h"

struct facts { char name[16]; sigset_t blocked; size_t stack; bool ran; };

static void tell(void *user)
{
  struct facts *f = user;
  pthread_attr_t attr;
  void *base;
  (void)pthread_getname_np(pthread_self(), f->name, sizeof f->name);
  (void)pthread_sigmask(SIG_SETMASK, NULL, &f->blocked);
  if (pthread_getattr_np(pthread_self(), &attr) == 0) {
    (void)pthread_attr_getstack(&attr, &base, &f->stack);
    (void)pthread_attr_destroy(&attr);
  }
  f->ran = true;
}

TEST(a_thread_has_a_name_a_stack_and_no_signals)
{
  static const int blocked[] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1, SIGUSR2, SIGPIPE, SIGWINCH, SIGPROF };
  static const int open[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
  struct hj_err e = HJ_ERR_INIT;
  struct facts f = { .ran = false };
  sigset_t before, after;
  hj_thread t;
  (void)pthread_sigmask(SIG_SETMASK, NULL, &before);
  CHECK_OK(hj_thread_start(&t, "a-name-that-is-too-long", tell, &f, &e), e);
  hj_thread_join(&t);
  CHECK(f.ran);
  CHECK_STR(f.name, "a-name-that-is-");
  CHECK_GE(f.stack, 1 << 20);
  CHECK_LE(f.stack, 2 << 20);
  for (size_t i = 0; i < sizeof blocked / sizeof blocked[0]; i++)
    CHECK(sigismember(&f.blocked, blocked[i]));
  for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
    CHECK(!sigismember(&f.blocked, open[i]));
  (void)pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int s = 1; s < 32; s++)
    CHECK_EQ(sigismember(&before, s), sigismember(&after, s));
}

TEST(joining_what_never_started_is_harmless)
{
  struct hj_err e = HJ_ERR_INIT;
  struct facts f = { .ran = false };
  hj_thread t = { .started = false };
  hj_thread_join(&t);
  hj_fault_at(1, EAGAIN);
  CHECK_EQ(hj_thread_start(&t, "never", tell, &f, &e), HJ_E_NOMEM);
  CHECK_EQ(e.sys, EAGAIN);
  CHECK_HAS(e.msg, "never");
  hj_fault_at(0, 0);
  CHECK(!t.started);
  hj_thread_join(&t);
  CHECK(!f.ran);
}

static int start_two(void *user, struct hj_err *e)
{
  struct facts f = { .ran = false }, g = { .ran = false };
  hj_thread a = { .started = false }, b = { .started = false };
  hj_bell bell = HJ_BELL_INIT;
  (void)user;
  if (!hj_thread_start(&a, "a", tell, &f, e) && !hj_bell_open(&bell, e))
    (void)hj_thread_start(&b, "b", tell, &g, e);
  hj_thread_join(&a);
  hj_thread_join(&b);
  hj_bell_close(&bell);
  return (int)e->code;
}

TEST(starting_threads_reports_its_failures)
{
  CHECK_EQ(sweep_memory("threads", start_two, NULL), 2);
  CHECK_EQ(sweep_platform("threads", start_two, NULL), 3);
}

struct shared { hj_mutex m; hj_cond c; int count, turns; bool ready; };

static void count_up(void *user)
{
  struct shared *s = user;
  for (int i = 0; i < 20000; i++) {
    hj_mutex_lock(&s->m);
    s->count++;
    hj_mutex_unlock(&s->m);
  }
}

TEST(a_mutex_lets_one_in)
{
  struct hj_err e = HJ_ERR_INIT;
  struct shared s = { .count = 0 };
  hj_thread t[4];
  hj_mutex_init(&s.m);
  for (int i = 0; i < 4; i++)
    CHECK_OK(hj_thread_start(&t[i], "counter", count_up, &s, &e), e);
  for (int i = 0; i < 4; i++)
    hj_thread_join(&t[i]);
  CHECK_EQ(s.count, 80000);
  hj_mutex_release(&s.m);
}

static void answer(void *user)
{
  struct shared *s = user;
  hj_mutex_lock(&s->m);
  while (!s->ready)
    hj_cond_wait(&s->c, &s->m);
  s->count++;
  hj_cond_broadcast(&s->c);
  hj_mutex_unlock(&s->m);
}

TEST(a_condition_wakes_all_who_wait)
{
  struct hj_err e = HJ_ERR_INIT;
  struct shared s = { .count = 0 };
  hj_thread t[3];
  hj_mutex_init(&s.m);
  hj_cond_init(&s.c);
  for (int i = 0; i < 3; i++)
    CHECK_OK(hj_thread_start(&t[i], "waiter", answer, &s, &e), e);
  hj_mutex_lock(&s.m);
  s.ready = true;
  hj_cond_broadcast(&s.c);
  uint64_t until = hj_clock_ms() + 20000;
  while (s.count < 3 && hj_clock_ms() < until)
    (void)hj_cond_wait_ms(&s.c, &s.m, 1000);
  CHECK_EQ(s.count, 3);
  hj_mutex_unlock(&s.m);
  for (int i = 0; i < 3; i++)
    hj_thread_join(&t[i]);
  hj_cond_release(&s.c);
  hj_mutex_release(&s.m);
}

static void answer_once(void *user)
{
  struct shared *s = user;
  hj_mutex_lock(&s->m);
  s->ready = true;
  hj_cond_signal(&s->c);
  hj_mutex_unlock(&s->m);
}

TEST(a_signalled_condition_wakes_one_who_waits)
{
  struct hj_err e = HJ_ERR_INIT;
  struct shared s = { .count = 0 };
  hj_thread t;
  hj_mutex_init(&s.m);
  hj_cond_init(&s.c);
  hj_mutex_lock(&s.m);
  CHECK_OK(hj_thread_start(&t, "signaller", answer_once, &s, &e), e);
  while (!s.ready)
    CHECK(hj_cond_wait_ms(&s.c, &s.m, 30000));
  hj_mutex_unlock(&s.m);
  hj_thread_join(&t);
  hj_cond_release(&s.c);
  hj_mutex_release(&s.m);
}

TEST(a_timed_wait_ends_and_not_too_early)
{
  static const uint32_t waits[] = { 0, 1, 50, 999 };
  struct shared s = { .count = 0 };
  hj_mutex_init(&s.m);
  hj_cond_init(&s.c);
  hj_mutex_lock(&s.m);
  for (size_t i = 0; i < 4; i++) {
    uint64_t before = hj_clock_ns();
    while (hj_cond_wait_ms(&s.c, &s.m, waits[i]))
      ;   /* woken without a reason: allowed */
    CHECK_GE(hj_clock_ns() - before, waits[i] * 1000000ull);
    CHECK_LT(hj_clock_ns() - before, waits[i] * 1000000ull + 20000000000ull);
  }
  hj_mutex_unlock(&s.m);
  hj_cond_release(&s.c);
  hj_mutex_release(&s.m);
}

TEST(a_bell_stays_rung)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_bell b = HJ_BELL_INIT;
  hj_bell_close(&b);
  CHECK_OK(hj_bell_open(&b, &e), e);
  CHECK_EQ(hj_bell_wait(&b, 10), 0);
  hj_bell_ring(&b);
  hj_bell_ring(&b);
  CHECK_EQ(hj_bell_wait(&b, 0), 1);
  CHECK_EQ(hj_bell_wait(&b, UINT32_MAX), 1);
  struct pollfd p = { .fd = b.rd, .events = POLLIN };   /* others may wait on it together with their own */
  CHECK_EQ(poll(&p, 1, 0), 1);
  hj_bell_close(&b);
  CHECK_EQ(b.rd, -1);
  hj_bell_close(&b);
}

TEST(ringing_leaves_errno_alone)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_bell b = HJ_BELL_INIT, closed = HJ_BELL_INIT;
  CHECK_OK(hj_bell_open(&b, &e), e);
  errno = 4711;
  hj_bell_ring(&closed);
  hj_bell_ring(&b);
  CHECK_EQ(errno, 4711);
  hj_bell_close(&b);
}

static void ring_soon(void *user)
{
  (void)usleep(20000);
  hj_bell_ring(user);
}

TEST(a_bell_wakes_who_waits)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_bell b = HJ_BELL_INIT;
  hj_thread t;
  CHECK_OK(hj_bell_open(&b, &e), e);
  uint64_t before = hj_clock_ms();
  CHECK_OK(hj_thread_start(&t, "ringer", ring_soon, &b, &e), e);
  CHECK_EQ(hj_bell_wait(&b, 30000), 1);
  CHECK_LT(hj_clock_ms() - before, 15000);
  hj_thread_join(&t);
  hj_bell_close(&b);
}

static void do_nothing(int sig) { (void)sig; }

static void interrupt_soon(void *user)
{
  (void)usleep(20000);
  (void)pthread_kill(*(pthread_t *)user, SIGUSR1);
}

TEST(a_signal_ends_a_wait_at_a_bell)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_bell b = HJ_BELL_INIT;
  hj_thread t;
  pthread_t me = pthread_self();
  struct sigaction act = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };   /* poll() ends even so */
  CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
  CHECK_OK(hj_bell_open(&b, &e), e);
  CHECK_OK(hj_thread_start(&t, "interrupter", interrupt_soon, &me, &e), e);
  CHECK_EQ(hj_bell_wait(&b, 30000), -1);
  hj_thread_join(&t);
  hj_bell_close(&b);
}

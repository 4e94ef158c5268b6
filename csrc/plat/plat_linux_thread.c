/* plat/plat_linux_thread.c - timed waits, bells and thread names: what Linux does its own way. */
#ifdef __linux__
#include "plat/thread.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "plat/fault.h"
#include "plat/posix_int.h"

#include "util/banned.h"

void hj_os_thread_name(const char *name)
{
  (void)pthread_setname_np(pthread_self(), name); /* benign: at most 15 bytes, the caller cut it */
}

void hj_cond_init(hj_cond *c)
{
  pthread_condattr_t attr;
  (void)pthread_condattr_init(&attr);
  (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  (void)pthread_cond_init(c, &attr);
  (void)pthread_condattr_destroy(&attr);
}

bool hj_cond_wait_ms(hj_cond *c, hj_mutex *m, uint32_t ms)
{
  struct timespec until = { 0, 0 };
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += (time_t)(ms / 1000);
  until.tv_nsec += (long)(ms % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  return pthread_cond_timedwait(c, m, &until) != ETIMEDOUT;
}

int hj_bell_open(hj_bell *b, struct hj_err *e)
{
  int fd = -1, sys = hj_fault(HJ_OP_BELL);
  *b = (hj_bell)HJ_BELL_INIT;
  if (!sys)
    HJ_RETRY(sys, fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (sys)
    return hj_fail_sys(e, sys, "could not make a wake-up");
  b->rd = b->wr = fd; /* one descriptor is both ends; macOS has a pipe here */
  return HJ_E_OK;
}

void hj_bell_close(hj_bell *b)
{
  if (b->rd >= 0)
    (void)close(b->rd);
  *b = (hj_bell)HJ_BELL_INIT;
}

void hj_bell_ring(hj_bell *b)
{
  int before = errno; /* may be called from a signal handler, whose errno is somebody else's */
  const uint64_t one = 1;
  ssize_t n;
  do
    n = write(b->wr, &one, sizeof one);
  while (n < 0 && errno == EINTR);
  errno = before;     /* EAGAIN: it has rung 2^64 times, so it is rung */
}

int hj_bell_wait(hj_bell *b, uint32_t ms)
{
  struct pollfd p = { .fd = b->rd, .events = POLLIN };
  int n = poll(&p, 1, ms < INT_MAX ? (int)ms : INT_MAX);
  if (n < 0)
    return errno == EINTR ? -1 : 0;
  return n > 0;
}
#endif

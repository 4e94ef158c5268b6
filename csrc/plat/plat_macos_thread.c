/* plat/plat_macos_thread.c - timed waits, bells and thread names: what macOS does its own way. Compiled by `make cross`; never run yet. */
#ifdef __APPLE__
#include "plat/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "plat/fault.h"
#include "plat/posix_int.h"

#include "util/banned.h"

void hj_os_thread_name(const char *name) { (void)pthread_setname_np(name); /* benign: of the calling thread only */ }

void hj_cond_init(hj_cond *c) { (void)pthread_cond_init(c, NULL); /* no clock to choose: the timed wait below is relative */ }

bool hj_cond_wait_ms(hj_cond *c, hj_mutex *m, uint32_t ms)
{
  struct timespec span = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };
  return pthread_cond_timedwait_relative_np(c, m, &span) != ETIMEDOUT;
}

/* poll() does not take kqueues on all versions, so: a pipe, both ends non-blocking and closed on exec. There is no pipe2(). */
int hj_bell_open(hj_bell *b, struct hj_err *e)
{
  int ends[2] = { -1, -1 }, sys = hj_fault(HJ_OP_BELL);
  *b = (hj_bell)HJ_BELL_INIT;
  if (!sys)
    HJ_RETRY(sys, pipe(ends));
  for (int i = 0; !sys && i < 2; i++) {
    HJ_RETRY(sys, fcntl(ends[i], F_SETFD, FD_CLOEXEC));
    if (!sys)
      HJ_RETRY(sys, fcntl(ends[i], F_SETFL, O_NONBLOCK));
  }
  b->rd = ends[0];
  b->wr = ends[1];
  if (!sys)
    return HJ_E_OK;
  hj_bell_close(b);
  return hj_fail_sys(e, sys, "could not make a wake-up");
}

void hj_bell_close(hj_bell *b)
{
  if (b->rd >= 0)
    (void)close(b->rd);
  if (b->wr >= 0)
    (void)close(b->wr);
  *b = (hj_bell)HJ_BELL_INIT;
}

void hj_bell_ring(hj_bell *b)
{
  int before = errno; /* may be called from a signal handler, whose errno is somebody else's */
  ssize_t n;
  do
    n = write(b->wr, "", 1);
  while (n < 0 && errno == EINTR);
  errno = before;     /* EAGAIN: the pipe is full of rings */
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

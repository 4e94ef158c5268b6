/* plat/plat_posix.c - start-up and messages, for Linux and macOS. */
#ifndef _WIN32
#include "plat/plat.h"

#include <pthread.h>
#include <time.h>

#include "plat/posix_int.h"
#include "util/trace.h"

#include "util/banned.h"

static void set_up(void)
{
  hj_trace_clock(hj_clock_ms);
  (void)pthread_atfork(NULL, NULL, hj_trace_forked); /* benign: fails only without memory, and then only traces suffer */
}

void hj_plat_init(void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, set_up);
}

static uint64_t ns_of(clockid_t which)
{
  struct timespec t = { 0, 0 };
  (void)clock_gettime(which, &t); /* these two clocks always exist */
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t hj_clock_ns(void) { return ns_of(CLOCK_MONOTONIC); }
uint64_t hj_clock_ms(void) { return hj_clock_ns() / 1000000u; }
int64_t hj_clock_wall_ns(void) { return (int64_t)ns_of(CLOCK_REALTIME); }

void hj_clock_pause_ms(uint32_t ms)
{
  struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };
  (void)nanosleep(&t, NULL);
}

int hj_fail_path_at(struct hj_err *e, const char *file, int line, int sys, const char *what, const char *path)
{
  const char *dots, *tail = hj_path_tail(path, &dots);
  bool fresh = e->code == HJ_E_OK;
  (void)hj_fail_sys_at(e, file, line, sys, "%s %s%s", what, dots, tail);
  if (fresh && sys == EINVAL)
    e->code = HJ_E_NAME;
  return (int)e->code;
}
#endif

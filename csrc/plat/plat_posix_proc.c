/* plat/plat_posix_proc.c - this process, as all POSIX systems tell it. */
#ifndef _WIN32
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
#include "plat/fault.h"
#include "plat/plat.h"
#include "plat/posix_int.h"
#include "util/banned.h"

uint32_t hj_proc_id(void)
{
  return (uint32_t)getpid();
}

unsigned hj_posix_umask(void)
{
  mode_t now = umask(077); /* for an instant other threads make files too private, never too open */
  (void)umask(now);
  return (unsigned)now & 0777u;
}

int hj_proc_on_fork(void (*fn)(void), struct hj_err *e)
{
  hj_plat_init();
  int sys = hj_fault(HJ_OP_THREAD);
  if (!sys)
    sys = pthread_atfork(NULL, NULL, fn);
  return sys ? hj_fail_sys(e, sys, "could not ask to be told of a fork") : HJ_E_OK;
}
#endif

/* plat/fault.c - see fault.h. Empty in product builds. */
#include "plat/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "util/banned.h"

#ifdef HJ_FAULTS

static _Atomic int64_t fault_in;   /* calls until the one that fails; <= 0: none will */
static atomic_int answer;
static atomic_int fired;
static atomic_int fired_op;
static atomic_int fired_sys;
static _Thread_local int benign;
static atomic_int always[HJ_OP_COUNT];
static uint8_t *_Atomic watched;
static size_t watched_cap;
static _Atomic size_t watched_n;

/* ESTALE: an NFS server that forgot the file; ENOTCONN: a FUSE daemon that died. EINTR is not among them: it is repeated inside plat, so
 * only a real one tests that (tests/torture/odd_disk.c). */
static const int fitting[HJ_OP_COUNT][10] = {
  [HJ_OP_OPEN] = { EIO, ENOSPC, EROFS, EDQUOT, EMFILE, ENFILE, EACCES, ESTALE, ENOTCONN },
  [HJ_OP_WRITE] = { EIO, ENOSPC, EDQUOT, ESTALE, ENOTCONN },
  [HJ_OP_READ] = { EIO, ESTALE, ENOTCONN },
  [HJ_OP_RESERVE] = { ENOSPC, EDQUOT, EIO, EOPNOTSUPP, EFBIG },
  [HJ_OP_SYNC] = { EIO, ENOSPC, EDQUOT, EROFS, ESTALE, EOPNOTSUPP },
  [HJ_OP_STAT] = { EIO, EACCES, ESTALE, ENOTCONN },
  [HJ_OP_RENAME] = { EIO, ENOSPC, EROFS, EDQUOT, EACCES, ESTALE, EOPNOTSUPP },
  [HJ_OP_REMOVE] = { EIO, EROFS, EACCES, ESTALE },
  [HJ_OP_LINK] = { EIO, ENOSPC, EROFS, EDQUOT, EACCES, ESTALE, EPERM, EOPNOTSUPP },
  [HJ_OP_MKDIR] = { EIO, ENOSPC, EROFS, EDQUOT, EACCES, ESTALE },
  [HJ_OP_LIST] = { EIO, EACCES, EMFILE, ENFILE, ESTALE, ENOTCONN },
  [HJ_OP_MODE] = { EIO, EPERM, EROFS, EOPNOTSUPP },
  [HJ_OP_LOCK] = { EIO, ENOLCK, EOPNOTSUPP, ESTALE },
  [HJ_OP_FREE] = { EIO, EACCES, ESTALE },
  [HJ_OP_THREAD] = { EAGAIN, ENOMEM },
  [HJ_OP_RANDOM] = { EIO, ENOSYS },
  [HJ_OP_BELL] = { EMFILE, ENFILE },
};

int hj_fault_fitting(enum hj_op op, unsigned k)
{
  return k < sizeof fitting[0] / sizeof fitting[0][0] ? fitting[op][k] : 0;
}

static int answer_to(enum hj_op op, int sys)
{
  unsigned n = 0;
  if (sys < HJ_FAULT_FIT)
    return sys;
  while (hj_fault_fitting(op, n))
    n++;
  return n ? hj_fault_fitting(op, (unsigned)(sys - HJ_FAULT_FIT) % n) : EIO;
}

int hj_fault(enum hj_op op)
{
  uint8_t *ops = atomic_load_explicit(&watched, memory_order_acquire);
  if (ops) {
    size_t n = atomic_fetch_add(&watched_n, 1);
    if (n < watched_cap)
      ops[n] = (uint8_t)op;
  }
  if (atomic_load_explicit(&fault_in, memory_order_relaxed) <= 0 || atomic_fetch_sub(&fault_in, 1) != 1)
    return atomic_load_explicit(&always[op], memory_order_relaxed);
  int sys = atomic_load(&answer);
  if (sys < 0)
    (void)kill(getpid(), SIGKILL);
  sys = answer_to(op, sys);
  atomic_store(&fired_sys, sys);
  atomic_store(&fired_op, (int)op);
  atomic_store(&fired, benign ? 2 : 1);
  return sys;
}

void hj_fault_at(int64_t n, int sys)
{
  atomic_store(&fault_in, 0);
  atomic_store(&fired, 0);
  atomic_store(&answer, sys);
  atomic_store(&fault_in, n);
}

void hj_fault_always(enum hj_op op, int sys) { atomic_store(&always[op], sys); }
void hj_fault_watch(uint8_t *ops, size_t cap)
{
  atomic_store(&watched, NULL);
  if (!ops)
    return;
  atomic_store(&watched_n, 0);
  watched_cap = cap;
  atomic_store(&watched, ops);
}

size_t hj_fault_watched(void) { return atomic_load(&watched_n); }
int hj_fault_fired(void) { return atomic_load(&fired); }
int hj_fault_sys(void) { return atomic_load(&fired_sys); }
enum hj_op hj_fault_op(void) { return (enum hj_op)atomic_load(&fired_op); }
void hj_benign_enter(void) { benign++; }
void hj_benign_leave(void) { benign--; }

#endif

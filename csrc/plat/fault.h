/* plat/fault.h - test builds (HJ_FAULTS) only: the n-th platform call answers a chosen errno, or kills the process.
 *
 * Use      in plat_*.c: int sys = hj_fault(HJ_OP_SYNC); if (!sys && fsync(fd)) sys = errno;
 * Promise  in product builds hj_fault is the constant 0. Calls between HJ_BENIGN_BEGIN and END are counted and may be
 *          made to fail, but hj_fault_fired() then answers 2: it tells the test that nobody has to notice.
 */
#ifndef HJ_FAULT_H
#define HJ_FAULT_H

#include <stddef.h>
#include <stdint.h>

#define HJ_OP_MAP(X) X(OPEN) X(WRITE) X(READ) X(RESERVE) X(SYNC) X(STAT) X(RENAME) X(REMOVE) X(LINK) X(MKDIR) X(LIST) \
  X(MODE) X(LOCK) X(FREE) X(THREAD) X(RANDOM) X(BELL)
enum hj_op {
#define HJ_X(n) HJ_OP_##n,
  HJ_OP_MAP(HJ_X)
#undef HJ_X
  HJ_OP_COUNT
};

#ifdef HJ_FAULTS
int hj_fault(enum hj_op op);
void hj_fault_at(int64_t n, int sys);          /* the n-th call from now answers sys; sys < 0: SIGKILL to ourselves; n = 0: off */
/* The errnos that a call of this kind may really answer: the k-th; 0: there are no more. hj_fault_at(n, HJ_FAULT_FIT + k): the k-th that
 * fits whatever call is met (the first again behind the last). */
int hj_fault_fitting(enum hj_op op, unsigned k);
#define HJ_FAULT_FIT 0x10000
void hj_fault_always(enum hj_op op, int sys);  /* every call of this kind answers sys, as on a file system that lacks it; 0: off */
void hj_fault_watch(uint8_t *ops, size_t cap);  /* notes the enum hj_op of each call from now on; NULL: no more */
size_t hj_fault_watched(void);                 /* how many there were, also beyond cap */
int hj_fault_fired(void);                      /* 0 no, 1 yes, 2 yes inside a benign stretch */
enum hj_op hj_fault_op(void);                  /* which operation it was */
int hj_fault_sys(void);                        /* and what it answered */
void hj_benign_enter(void);                    /* per thread, nests */
void hj_benign_leave(void);
#define HJ_BENIGN_BEGIN() hj_benign_enter()
#define HJ_BENIGN_END() hj_benign_leave()
#else
#define hj_fault(op) 0
#define HJ_BENIGN_BEGIN() ((void)0)
#define HJ_BENIGN_END() ((void)0)
#endif

#endif

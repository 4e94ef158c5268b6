/* engine/aside.h - a call that may block, on a thread of its own, so that its caller stays interruptible.
 *
 * Use      hj_aside_start(&a, fn, arg, e); while (!(rc = hj_aside_poll(a, ms))) ...; hj_aside_free(a);
 * Threads  fn runs on the new thread, gets arg and a stop flag, and must look at the flag.
 * Promise  free sets the flag and waits for fn.
 */
#ifndef HJ_ASIDE_H
#define HJ_ASIDE_H

#include <stdatomic.h>
#include "util/err.h"

struct hj_aside;
typedef void hj_aside_fn(void *arg, const atomic_int *stop);

int hj_aside_start(struct hj_aside **out, hj_aside_fn *fn, void *arg, struct hj_err *e);
int hj_aside_poll(struct hj_aside *a, uint32_t ms);      /* 1: fn has returned; 0: time is up; -1: a signal came */
void hj_aside_free(struct hj_aside *a);                  /* takes NULL */

#endif

/* engine/aside.h - a call that may block, on a thread of its own, so that its caller stays interruptible.
 *
 * Use      hj_aside_start(&a, fn, release, arg, e); while (!(rc = hj_aside_poll(a, ms))) ...; hj_aside_free(a, patience_ms);
 * Threads  fn runs on the new thread, gets arg and a stop flag, and must look at the flag.
 * Owns     arg and all that fn reads is on the heap, and the caller's as long as free has not answered false.
 * Promise  free sets the flag and waits for fn, but not for a dead mount: false, fn still runs. Then it is left behind with its thread,
 *          and release(arg) is called there when it comes back, if ever.
 */
#ifndef HJ_ASIDE_H
#define HJ_ASIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include "util/err.h"

struct hj_aside;
typedef void hj_aside_fn(void *arg, const atomic_int *stop);
typedef void hj_aside_release(void *arg);

int hj_aside_start(struct hj_aside **out, hj_aside_fn *fn, hj_aside_release *release, void *arg, struct hj_err *e);
int hj_aside_poll(struct hj_aside *a, uint32_t ms);      /* 1: fn has returned; 0: time is up; -1: a signal came */
bool hj_aside_free(struct hj_aside *a, uint32_t patience_ms);

#endif

/* ext/wait.h - the only place that gives up the GIL. Short slices, then Python's signal handlers. */
#ifndef HJ_EXT_WAIT_H
#define HJ_EXT_WAIT_H

#include "engine/aside.h"
#include "engine/job.h"
#include "ext/state.h"

/* 1: the job ended; 0: time is up; -1: a signal handler raised, the job was told to stop. */
int ext_wait_job(struct hj_job *j, double seconds);
/* Runs fn on a thread of its own and waits for it. 0: it returned, and arg is the caller's again. -1: an exception is set, and arg is
 * taken: a signal handler raised, fn was told to stop, and if it has not returned within 200 ms (a dead mount), it is left behind.
 * release NULL: arg stays the caller's, and fn, which has a limit of time of its own, is waited for in any case. Else
 * arg and what is in it are on our heap; release is called without the GIL, perhaps much later, and perhaps on another thread. */
int ext_wait_aside(struct ext_state *s, hj_aside_fn *fn, hj_aside_release *release, void *arg);
/* The same, and about every 50 ms tick(user) with the GIL, on this thread; it answers -1 with an exception to end it all. */
int ext_wait_aside_told(struct ext_state *s, hj_aside_fn *fn, hj_aside_release *release, void *arg, int (*tick)(void *user), void *user);
/* Runs fn on this thread, and others run meanwhile: for what asks the disk, which may be a slow one. */
void ext_wait_call(void (*fn)(void *arg), void *arg);
int ext_wait_start(struct hj_job *j, struct hj_err *e);
void ext_wait_end(struct hj_job *j, uint32_t patience_ms);
void ext_wait_free(struct hj_job *j, uint32_t patience_ms);
void ext_wait_stop(uint32_t patience_ms);      /* of the engine */

#endif

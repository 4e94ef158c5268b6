/* ext/wait.h - the only place that gives up the GIL. Short slices, then Python's signal handlers. */
#ifndef HJ_EXT_WAIT_H
#define HJ_EXT_WAIT_H

#include "engine/aside.h"
#include "engine/job.h"
#include "ext/state.h"

/* 1: the job ended; 0: time is up; -1: a signal handler raised, the job was told to stop. */
int ext_wait_job(struct hj_job *j, double seconds);
/* Runs fn on a thread of its own and waits for it. 0: it returned; -1: a signal handler raised (fn was stopped and has returned). */
int ext_wait_aside(struct ext_state *s, hj_aside_fn *fn, void *arg);
/* Runs fn on this thread, and others run meanwhile: for what asks the disk, which may be a slow one. */
void ext_wait_call(void (*fn)(void *arg), void *arg);
void ext_wait_end(struct hj_job *j, uint32_t patience_ms);
void ext_wait_free(struct hj_job *j, uint32_t patience_ms);
void ext_wait_stop(uint32_t patience_ms);      /* of the engine */

#endif

/* engine/engine.h - the threads of this process: one for the network, a few for disk and digests. Started by the first job, ended when
 * idle.
 *
 * Lock order: engine > job > queue. Never two of one kind; none is held over I/O, a callback or Python.
 * After fork   the child has no threads: the engine it inherited is forgotten, its first job starts a new one.
 */
#ifndef HJ_ENGINE_H
#define HJ_ENGINE_H

#include "util/err.h"

#define HJ_ENGINE_IDLE_MS 20000u   /* the network thread keeps its connections that long for the next job */

/* Cancels every job, ends the threads, at most patience_ms. A later job starts them again. */
/* What is done once in a process: libcurl, and being told of forks. Idempotent; a job that starts does it, too. Where the caller can keep
 * others from forking meanwhile, it should be called there: libcurl's own lock would stay locked in the child. */
int hj_engine_ready(struct hj_err *e);
void hj_engine_stop(uint32_t patience_ms);
/* What hj sends as User-Agent; called once before the first job. */
const char *hj_engine_agent(void);
void hj_engine_user_agent(const char *text);
/* Bytes per second for all jobs of this process, now and later, in place of what each of them brought; 0: no limit; UINT64_MAX: each its
 * own again. Any thread. */
void hj_engine_limit_rate(uint64_t rate);
/* The same for politeness: 1, 0, or -1: each job its own again. Any thread. */
void hj_engine_polite(int polite);
const char *hj_engine_versions(void);      /* of libcurl and what it was built with */

#ifdef HJ_FAULTS
void hj_engine_idle(uint32_t ms);          /* tests: another HJ_ENGINE_IDLE_MS; 0 = the usual one */
void hj_engine_lag(uint64_t most);         /* tests: so many bytes may wait for their digest; 0 = as engine/lag.h says */
#endif

#endif

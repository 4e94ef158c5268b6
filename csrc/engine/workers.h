/* engine/workers.h - a few threads that run errands which may block (engine/chores.c). First in, first out, save that
 * waiting proofs go together (up to HJ_PROOFS_MAX), and waiting small files (up to HJ_SMALLS_MAX).
 *
 * Threads  put: any. back() is called on the worker, without any lock, once for those that went together.
 */
#ifndef HJ_WORKERS_H
#define HJ_WORKERS_H

#include <stdbool.h>
#include "util/err.h"

struct hj_work;
struct hj_workers;

typedef void hj_workers_back(void *user, struct hj_work *const w[], unsigned n);

int hj_workers_new(struct hj_workers **out, unsigned n, hj_workers_back *back, void *user, struct hj_err *e);
/* One errand, or several that are linked by `next` (the last one's is NULL): no worker sees some of them before the others. */
void hj_workers_put(struct hj_workers *ws, struct hj_work *first);
/* Ends the threads when the queue is empty. Waits for those that answer within patience_ms; false: some did not (a dead mount), and
 * everything they use is left alone. */
bool hj_workers_free(struct hj_workers *ws, uint32_t patience_ms);

#endif

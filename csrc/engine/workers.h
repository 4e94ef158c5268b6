/* engine/workers.h - a few threads that run errands which may block (engine/chores.c). First in, first out, save that
 * waiting proofs go together (up to HJ_PROOFS_MAX).
 *
 * Threads  put: any. back() is called on the worker, without any lock, once per errand.
 */
#ifndef HJ_WORKERS_H
#define HJ_WORKERS_H

#include <stdbool.h>
#include "util/err.h"

struct hj_work;
struct hj_workers;

int hj_workers_new(struct hj_workers **out, unsigned n, void (*back)(void *user, struct hj_work *w), void *user, struct hj_err *e);
void hj_workers_put(struct hj_workers *ws, struct hj_work *w);
/* Ends the threads when the queue is empty. Waits for those that answer within patience_ms; false: some did not (a dead mount), and
 * everything they use is left alone. */
bool hj_workers_free(struct hj_workers *ws, uint32_t patience_ms);

#endif

/* transfer/loop.h - one libcurl multi handle: all exchanges of a thread, their connections, a wake-up.
 *
 * Use      hj_loop_open; then forever hj_loop_turn(loop, ms); hj_loop_close.
 * Threads  one thread; only hj_loop_wake may be called from others.
 * Not here the thread itself (engine/engine.h).
 */
#ifndef HJ_LOOP_H
#define HJ_LOOP_H

#include <stdint.h>
#include "transfer/lanes.h"
#include "util/err.h"

struct hj_loop;

int hj_loop_open(struct hj_loop **out, const char *user_agent, struct hj_err *e);
int hj_loop_turn(struct hj_loop *l, uint32_t wait_ms, struct hj_err *e);    /* callbacks of requests come from here */
void hj_loop_wake(struct hj_loop *l);                                       /* any thread: the turn that waits returns */
struct hj_lane *hj_loop_lane(struct hj_loop *l, const struct hj_url *url);   /* may be NULL; valid until the next one is asked for */
uint64_t hj_loop_waited_ns(const struct hj_loop *l);                        /* slept in turns, in all: the rest is the thread's own work */
unsigned hj_loop_busy(const struct hj_loop *l);                             /* exchanges under way */
void hj_loop_close(struct hj_loop *l);                                      /* stops what is left, without callbacks; takes NULL */

#endif

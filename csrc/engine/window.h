/* engine/window.h - the receive windows of polite jobs: looks at their connections, asks engine/polite.h host by host how much may be on its way,
 * and tells the kernel. Connections of one host share that evenly.
 *
 * Threads  the network thread.
 * Promise  without a polite job in this process, ever: one look at each job a turn, nothing else. With limit_rate, too, both hold. A connection
 *          that was polite and is used again by a job that is not gets its window back.
 * Not here where the round trip is not known no window is set; the few connections (job.c) are what is left of it. Behind a proxy the
 *          kernel knows the way to the proxy only.
 */
#ifndef HJ_WINDOW_H
#define HJ_WINDOW_H

#include <stdint.h>

struct hj_hosts;
struct hj_job;
struct hj_part;

void hj_window_turn(struct hj_hosts *hosts, struct hj_job *jobs, uint64_t now_ms);
/* Tells the host what came since it was last told; at the latest before the exchange is gone. Answers how much. */
uint64_t hj_window_count(struct hj_part *p);

#endif

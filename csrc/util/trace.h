/* util/trace.h - lines for the one who debugs. One load when off; no secrets by construction of its callers.
 *
 * Use      HJ_TRACE(HJ_T_PART, id, "%s -> %s", a, b);
 * Threads  any; lines go into a bounded ring under a lock of its own. A full ring drops its oldest lines and counts them.
 * A line   <ms> <thread> <part> <id> <text>; one line, control characters as '?', cut at 255 bytes.
 * Not here where the lines end (ext/wait.c drains them into Python's logging; HUBJET_TRACE_FILE writes at once).
 */
#ifndef HJ_TRACE_H
#define HJ_TRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "util/attr.h"

#define HJ_TRACE_PARTS(X) X(NET, "net") X(HTTP, "http") X(PART, "part") X(SCHED, "sched") X(SINK, "sink") \
  X(DIGEST, "digest") X(STORE, "store") X(LOCK, "lock") X(ADOPT, "adopt") X(EXT, "ext") X(ERR, "err")

enum hj_trace_part {
#define HJ_X(name, text) HJ_T_##name,
  HJ_TRACE_PARTS(HJ_X)
#undef HJ_X
  HJ_T_COUNT
};

extern _Atomic uint32_t hj_trace_mask;

#define HJ_TRACE(part, id, ...)                                                              \
  do {                                                                                       \
    if (atomic_load_explicit(&hj_trace_mask, memory_order_relaxed) & (1u << (part)))         \
      hj_trace_line((part), (id), __VA_ARGS__);                                              \
  } while (0)

void hj_trace_line(enum hj_trace_part part, uint64_t id, const char *fmt, ...) HJ_PRINTF(3, 4);
/* "net,part", "all", "all,-net", "" = off. false (mask unchanged) if a name is unknown. */
bool hj_trace_set(const char *grammar);
/* Takes the oldest line into out[cap]; false if the ring is empty. A line about dropped lines comes first if some were. */
bool hj_trace_next(enum hj_trace_part *part, char *out, int cap);
/* A clock for the lines, set once by plat (milliseconds); without one lines carry 0. */
void hj_trace_clock(uint64_t (*now_ms)(void));
/* How the calling thread is called in its lines (15 bytes are kept); without it "t1", "t2" …; plat sets it. */
void hj_trace_thread(const char *name);
/* In the child after fork, by plat: the lock may have been held by a thread that does not exist here. */
void hj_trace_forked(void);
/* Also append every line to this file at once (for hangs and crashes); NULL = no more. false if it cannot be opened. */
bool hj_trace_file(const char *path);

#endif

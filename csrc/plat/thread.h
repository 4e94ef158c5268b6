/* plat/thread.h - threads, locks, conditions, and a wake-up that poll() can see.
 *
 * Promise  threads start with signals blocked (they are the callers'; only those a fault of the thread itself raises are
 *          open, so that a crash handler sees them), have 1 MiB of stack, and carry a name a debugger shows (15 bytes of it).
 */
#ifndef HJ_PLAT_THREAD_H
#define HJ_PLAT_THREAD_H

#ifndef _WIN32
#include <pthread.h>
#endif
#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"

#ifndef _WIN32
typedef struct hj_thread { pthread_t id; bool started; } hj_thread;
typedef pthread_mutex_t hj_mutex;
typedef pthread_cond_t hj_cond;
#define HJ_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#else /* the system's header has thousands of names that are not ours to spread */
typedef struct hj_thread { void *id; bool started; } hj_thread;
typedef struct hj_mutex { void *lock; } hj_mutex;  /* an SRWLOCK */
typedef struct hj_cond { void *line; } hj_cond;    /* a CONDITION_VARIABLE */
#define HJ_MUTEX_INIT { 0 }
#endif

int hj_thread_start(hj_thread *t, const char *name, void (*run)(void *), void *arg, struct hj_err *e);
void hj_thread_join(hj_thread *t);                 /* takes one that never started */
void hj_thread_leave(hj_thread *t);                /* it ends by itself, and nobody will ask */
void hj_mutex_init(hj_mutex *m);
void hj_mutex_release(hj_mutex *m);
void hj_mutex_lock(hj_mutex *m);
void hj_mutex_unlock(hj_mutex *m);
void hj_cond_init(hj_cond *c);                     /* waits by the monotonic clock */
void hj_cond_release(hj_cond *c);
void hj_cond_wait(hj_cond *c, hj_mutex *m);
bool hj_cond_wait_ms(hj_cond *c, hj_mutex *m, uint32_t ms);  /* false: time is up */
void hj_cond_signal(hj_cond *c);
void hj_cond_broadcast(hj_cond *c);

/* A level-triggered bell. Waiting returns early when a signal reaches the waiting thread, so that Ctrl-C is prompt. */
typedef struct hj_bell { int rd, wr; } hj_bell;
#define HJ_BELL_INIT { -1, -1 }
int hj_bell_open(hj_bell *b, struct hj_err *e);
void hj_bell_close(hj_bell *b);
void hj_bell_ring(hj_bell *b);                     /* any thread, async-signal-safe */
/* 1: rung (stays rung), 0: time is up, -1: a signal came */
int hj_bell_wait(hj_bell *b, uint32_t ms);

#endif

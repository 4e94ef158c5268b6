/* engine/sched.h - how many connections. Pure: the clock and the byte counts are arguments.
 *
 *   RISING    a level's rate is known and paid for: twice as many; four times, as long as each brings what one alone brought
 *   FALLING   the first level was enough: is half of it, too?
 *   HOLDING   what the last rise left; now and then PROBING half as many more, kept only if they bring 5 %, and only where no queue
 *             was seen for a while
 *
 * A level's rate is known when all its connections flow and two windows in a row agree (a slow start is over), or after
 * HJ_PATIENCE_MS. When a rise does not pay, the line is full, and what one connection brings on a line that is not full says how many
 * it takes: a quarter more than that are kept, since too many cost little and too few cost what is missing. If nobody knows what one
 * brings, levels below are tried, unless the round trip says that no queue has grown. A level is left by not replacing connections
 * that end; no healthy one is cut.
 *
 * Facts    (simulated in tests/c/test_sched.c and test_ramp.c, measured in tests/bench) 8 MB/s a connection, 200 MB/s in all, 20 ms: full
 *          in 0.4 s, started with one. A line that one stream fills: the level falls to one or two within some seconds.
 */
#ifndef HJ_SCHED_H
#define HJ_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#define HJ_WINDOW_MS 25u        /* of measuring, while rising: a round trip, at least this; twice this if it is not known */
#define HJ_LONG_WINDOW_MS 250u  /* while holding, falling, probing: there is time, and noise costs more */
#define HJ_PATIENCE_MS 600u     /* then a level is judged although it still rises, or although not all its connections flow */
#define HJ_PROBE_MS 3000u

#define HJ_SCHED_PHASES(X) X(RISING, "rising") X(FALLING, "falling") X(HOLDING, "holding") X(PROBING, "probing")
#define HJ_SCHED_QUEUES(X) X(UNKNOWN, "queue not known") X(SHORT, "no queue") X(GROWN, "a queue has grown")

enum hj_sched_phase {
#define HJ_X(name, text) HJ_SCHED_##name,
  HJ_SCHED_PHASES(HJ_X)
#undef HJ_X
};
enum hj_sched_queue {
#define HJ_X(name, text) HJ_QUEUE_##name,
  HJ_SCHED_QUEUES(HJ_X)
#undef HJ_X
};

struct hj_sched {
  enum hj_sched_phase phase;
  unsigned want, max;
  unsigned base_want;            /* the level that is known to pay */
  uint64_t base_rate;            /* bytes per second at it; 0 = not known yet */
  uint64_t lone_rate;            /* the most that one connection of a level below a full line brought; 0 = not known */
  uint64_t level_ms;             /* since when the level is wanted */
  uint64_t window_ms, window_bytes, last_rate;
  unsigned windows;              /* full ones at this level */
  bool watched;                  /* the window is of one connection alone, before the first level is there */
  bool backed_off;
  bool busy;
  uint64_t probe_ms;
  uint64_t grown_ms;             /* when a queue was last seen */
  uint32_t fall_every_ms;        /* while the queue stays grown */
  uint32_t rtt_ms;
  enum hj_sched_queue queue;
};

void hj_sched_init(struct hj_sched *s, unsigned first, unsigned max, uint64_t now_ms);
/* Called as often as one likes. `bytes`: received since the job began. `active`: connections now. `flowing`: of those, how many have
 * had a byte. `hungry`: there is work that a further connection could take. Answers the level wanted. */
unsigned hj_sched_turn(struct hj_sched *s, uint64_t now_ms, uint64_t bytes, unsigned active, unsigned flowing, bool hungry);
/* What is known of the way: its round trip when nothing queues (0 = not known), and whether a queue has grown on it. */
void hj_sched_path(struct hj_sched *s, uint32_t rtt_ms, enum hj_sched_queue queue);
/* The thread that reads hardly sleeps: it is the bottleneck, and a further connection would only cost it cache. Until this ends no level
 * is judged for a rise, and none is probed. */
void hj_sched_busy(struct hj_sched *s, bool busy);
/* Before the first turn that counts: a level that paid a while ago, and what one connection brought then. It is held, and probed. */
void hj_sched_resume(struct hj_sched *s, unsigned level, uint64_t lone_rate, uint64_t now_ms);
const char *hj_sched_phase_name(enum hj_sched_phase phase);
const char *hj_sched_queue_name(enum hj_sched_queue queue);
/* A server said 429 or 503, or connections break: halve. Many at once are one event. */
void hj_sched_back_off(struct hj_sched *s, uint64_t now_ms);

#endif

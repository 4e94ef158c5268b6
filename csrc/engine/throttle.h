/* engine/throttle.h - the limit of rate as it holds now: of this call, of the process, of the user; and who waits for it.
 *
 *   what limits   the job's own limit_rate, or what hj_engine_limit_rate put in its place for the whole process; and the user's, in
 *                 <run_dir>/limit (`hubjet limit`). The smallest one counts, also among the processes that share.
 *   polite        the same three places, the third is <run_dir>/polite; yes counts. What it means is engine/window.h's
 *   what shares   jobs with a limit share this process's bucket; processes with one share it through <run_dir>/rate (store/crowd.h)
 *   who waits     a transfer that finds the bucket closed is paused, first come, first served, and is resumed here. It is neither silent
 *                 nor slow meanwhile (watch.c), and nothing is learned of the line (sched.c).
 *
 * Threads  the network thread.
 * Promise  without any limit: one look for the user's file every HJ_LIMIT_LOOK_MS while jobs run, nothing else.
 */
#ifndef HJ_THROTTLE_H
#define HJ_THROTTLE_H

#include "engine/rate.h"
#include "store/crowd.h"

#define HJ_LIMIT_LOOK_MS 250u
#define HJ_NO_OVERRIDE UINT64_MAX

struct hj_job;
struct hj_part;

struct hj_throttle {
  struct hj_bucket bucket;
  struct hj_crowd crowd;
  char *run_dir;
  uint64_t limit;               /* of all that share; 0: none */
  uint64_t users;               /* what `hubjet limit` says; 0: nothing */
  bool users_polite;            /* so does `hubjet limit --polite` */
  uint64_t claim, others;       /* of this process; of the others in sum */
  uint64_t looked_ms, joined_ms;
  uint64_t waits, looked_waits; /* how often a transfer was paused; at the last look */
  uint64_t taken, looked_taken; /* bytes */
  uint64_t appetite;            /* what this process could use, as it says to the others */
  uint64_t ticket;
  unsigned waiting;             /* transfers that are paused */
  bool full;                    /* at the last look what was allowed had been used */
  bool alone;                   /* the run folder cannot be used */
};

/* own, own_polite: the process's; HJ_NO_OVERRIDE, -1: each job's. */
void hj_throttle_turn(struct hj_throttle *t, struct hj_job *jobs, uint64_t own, int own_polite);
/* Bytes have come for p. false: not now, it is to be paused; else they are counted. */
bool hj_throttle_admit(struct hj_throttle *t, struct hj_part *p, size_t n);
bool hj_throttle_is_open(struct hj_throttle *t, const struct hj_job *j);           /* may j begin something? */
void hj_throttle_drop(struct hj_part *p);                                          /* its exchange ends: it does not wait any more */
uint32_t hj_throttle_wait_ms(struct hj_throttle *t, uint32_t at_most);             /* until the next turn */
void hj_throttle_end(struct hj_throttle *t);

#endif

/* store/crowd.h - the processes of one user that do the same at once, and three numbers that each of them says to the others.
 *
 *   <dir>/<host>.<pid>.<start>.<n>     one small file each; written in place, read by all
 *
 * Use      hj_crowd_join(&c, dir, e); then now and then hj_crowd_say, hj_crowd_look; hj_crowd_leave(&c).
 * Threads  one per crowd.
 * Promise  no lock. Who was killed is seen by pid and start time and removed by whoever looks next; who says nothing for
 *          HJ_CROWD_STALE_S (stopped, or on a host that we cannot see into) does not count.
 * Errors   where the folder cannot be made or written: the caller is alone then.
 */
#ifndef HJ_CROWD_H
#define HJ_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

#define HJ_CROWD_MAX 64      /* others that are looked at; more would get a 65th each */
#define HJ_CROWD_STALE_S 4

struct hj_crowd { char *path, *dir; };                 /* {0}: not joined */
struct hj_crowd_words { uint64_t claim, appetite, limit; };

int hj_crowd_join(struct hj_crowd *c, const char *dir, struct hj_err *e);     /* the folder is made, for this user only */
int hj_crowd_say(struct hj_crowd *c, const struct hj_crowd_words *w, struct hj_err *e);
int hj_crowd_look(struct hj_crowd *c, struct hj_crowd_words out[HJ_CROWD_MAX], size_t *n, struct hj_err *e);   /* the others */
void hj_crowd_leave(struct hj_crowd *c);                                      /* takes one that did not join */
void hj_crowd_forget(struct hj_crowd *c);                                     /* the same, but the file is another's (after fork) */

#endif

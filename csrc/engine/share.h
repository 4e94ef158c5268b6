/* engine/share.h - what the jobs of one process leave each other of a host. Pure.
 *
 * Facts    a limit of connections that counts per job is none: eight threads that call snapshot_download would open eight times as many.
 */
#ifndef HJ_SHARE_H
#define HJ_SHARE_H

#include <stdbool.h>

struct hj_share {
  unsigned limit;           /* connections this job may have, >= 1 */
  unsigned others;          /* further jobs at the same host */
  unsigned others_active;   /* connections those have now */
  bool others_starved;      /* one of those wants more than it may have */
};

/* How many connections this job may have now. What others leave is its own; where they want more, each has its part of the limit, and
 * gets there as ranges end: no connection is cut. At least 1: every job moves. */
unsigned hj_share(const struct hj_share *s);

#endif

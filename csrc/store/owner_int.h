/* store/owner_int.h - names that say whose they are: "<host>.<pid>.<start>.<n>". Private to store/.
 *
 * Promise  no two live processes make the same name; after a kill anybody on the same host can see that its owner is gone.
 */
#ifndef HJ_OWNER_INT_H
#define HJ_OWNER_INT_H

#include <stdbool.h>

#define HJ_OWNER_MAX 96 /* host 31, pid 10, start 20, n 20, three dots, NUL */

enum hj_owner_life {
  HJ_OWNER_NOBODY,   /* not such a name */
  HJ_OWNER_LIVE,     /* a process that runs on this host */
  HJ_OWNER_DEAD,     /* of this host, and gone; also of this very process, before it became another program (exec) */
  HJ_OWNER_FORMER,   /* of this host before it, or this container, was started again; or of a neighbour with the same name */
  HJ_OWNER_UNKNOWN   /* another host, or a process whose start nobody knows: only time can tell */
};

void hj_owner_name(char out[HJ_OWNER_MAX]);          /* another one at each call */
enum hj_owner_life hj_owner_look(const char *name);
bool hj_owner_is_stopped(const char *name);          /* LIVE, but it does nothing: Ctrl-Z */

#endif

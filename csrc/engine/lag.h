/* engine/lag.h - is the proof so far behind that the bytes would leave memory before they are digested? Pure.
 *
 * Facts    what has landed is read back from the page cache (store/blob.h), which costs 0.05 CPU-s/GiB; from the disk it would be a second
 *          pass. The cache holds about what is available of memory, and others use it too: a quarter may wait for its digest. That is
 *          far away (4 GiB of 16) unless the line is faster than SHA-256: 2 GB/s a core with instructions for it, 0.5 without.
 */
#ifndef HJ_LAG_H
#define HJ_LAG_H

#include <stdbool.h>
#include <stdint.h>

#define HJ_LAG_LEAST ((uint64_t)64 << 20)   /* so much may always wait; below it nobody needs to ask the system */

/* `lag`: bytes that have landed and could be digested. `available`: of memory, 0 = not known. `holding`: the last answer; it changes back
 * at half. true: no further range is asked for; those under way go on. */
bool hj_lag_holds(uint64_t lag, uint64_t available, bool holding);

#endif

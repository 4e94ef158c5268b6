/* plat/plat.h - what an operating system must offer. One contract, one file per OS; no #ifdef of an OS outside plat/.
 *
 * Paths are UTF-8 on every OS (on POSIX: whatever bytes os.fsencode gave), NUL-ended, absolute.
 * Every function with `e` answers 0 or a code, and fills e->sys in the line after the call. Error meanings common to all:
 * HJ_E_NONE nothing there, HJ_E_EXISTS taken, HJ_E_NOSPACE (ENOSPC, EDQUOT), HJ_E_READONLY, HJ_E_DENIED (EACCES, EPERM,
 * and what this file system does not offer: ENOSYS, ENOTSUP), HJ_E_NAME (ENAMETOOLONG, EILSEQ, EINVAL on a name),
 * HJ_E_NOMEM, HJ_E_IO the rest.
 */
#ifndef HJ_PLAT_H
#define HJ_PLAT_H

#include "plat/clock.h"
#include "plat/dir.h"
#include "plat/file.h"
#include "plat/proc.h"
#include "plat/thread.h"

/* Gives the traces their clock and their fork notice. Any time, any thread, as often as one likes; starting a thread and
 * hj_proc_on_fork do it, too. */
void hj_plat_init(void);

#endif

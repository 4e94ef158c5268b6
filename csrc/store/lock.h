/* store/lock.h - the stock client's lock, honoured both ways; among ourselves claims decide (store/rival.h).
 *
 * Use      hj_lock_try(&l, path, e): 0 = ours; HJ_E_BUSY = somebody has it, ask again later; others: go on without.
 * Promise  interoperates with huggingface_hub (flock on .locks/<repo>/<etag>.lock, mode 0664, file kept, O_NOFOLLOW, a file
 *          unlinked meanwhile is not a lock). Never waits. A signed lock carries "<pid> <host>" of its holder for messages until it is
 *          dropped; then it is empty again, as the stock client leaves it. Dropping frees it also when a child forked meanwhile lives on.
 */
#ifndef HJ_LOCK_H
#define HJ_LOCK_H

#include "plat/file.h"

struct hj_lock { hj_file file; bool held, named; };   /* named: our name is in it */
#define HJ_LOCK_INIT { HJ_FILE_INIT, false, false }

int hj_lock_try(struct hj_lock *l, const char *path, struct hj_err *e);
void hj_lock_sign(struct hj_lock *l);      /* for locks that are held long; nothing if the file has another program's text in it */
void hj_lock_drop(struct hj_lock *l);      /* takes one that is not held */

#endif

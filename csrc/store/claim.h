/* store/claim.h - an unfinished file is one folder, and belongs to who renamed it.
 *
 *   <partial_dir>/<key>/                        idle
 *   <partial_dir>/<key>.<host>.<pid>.<start>.<n>/   claimed
 *
 * Use      hj_claim_take(&c, dir, key, e); ... data and journal lie in c->path ...; hj_claim_keep(c) | hj_claim_drop(c)
 * Threads  one thread per claim; any number of processes.
 * Promise  rename decides: of two takers one wins, on every file system, also where flock lies. The loser gets a fresh folder
 *          of its own and may not touch the winner's (whether it should use it, store/rival.h says). A claim whose process is gone (same host) or, of another host, whose
 *          journal has not grown for HJ_CLAIM_STALE_S (of this host's former run: HJ_CLAIM_FORMER_S), may be taken again (the one with the most bytes). Nothing is removed
 *          before it was claimed in the same way.
 * Errors   a folder that cannot be taken over is left alone and a fresh one is made; the error is the fresh one's.
 */
#ifndef HJ_CLAIM_H
#define HJ_CLAIM_H

#include "plat/plat.h"

#define HJ_CLAIM_STALE_S 900
#define HJ_CLAIM_FORMER_S 20     /* of a host of our name: before a reboot or a container's new start as a rule; a living one writes every second */

struct hj_claim {
  char *partial_dir, *key;
  char *path;      /* the folder, ours */
  char *data, *journal;
  bool found;      /* an old partial was there (what it is worth, its reader must see) */
  bool doubtful;   /* its owner, on another host, may still live and write: copy what fits, never publish this very file
                      (the file "doubt" in the folder says so to later takers) */
};

/* fresh: does not look for old ones. */
int hj_claim_take(struct hj_claim **out, const char *partial_dir, const char *key, bool fresh, struct hj_err *e);
/* Back to idle for the next taker; if an idle one is there already the larger stays; without journalled bytes it is dropped.
 * Takes NULL. */
void hj_claim_keep(struct hj_claim *c);
/* Removes it; also partial_dir and its .hubjet parent when they are left empty. Takes NULL. */
void hj_claim_drop(struct hj_claim *c);
void hj_claim_trust(struct hj_claim *c);    /* no more in doubt: its files are new ones */
void hj_claim_forget(struct hj_claim *c);   /* frees the struct only (after fork). Takes NULL */

/* Bytes a resume of `key` would find (sum of journal records; not proven), 0 if none. */
int hj_claim_look(const char *partial_dir, const char *key, uint64_t *bytes, struct hj_err *e);
/* Removes what is idle or dead of `key` (it is in the store now); what is in living hands stays. */
int hj_claim_clear(const char *partial_dir, const char *key, struct hj_err *e);
/* Removes idle and dead claims (and .hubjet/tmp files) not touched for older_s. *removed counts them. Strangers' files stay. */
int hj_claim_sweep(const char *side_dir, uint64_t older_s, uint64_t *removed, struct hj_err *e);

#endif

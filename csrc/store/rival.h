/* store/rival.h - who else works on the same unfinished file: processes that ask at once fetch it once, also where flock lies.
 *
 * Use      hj_rival_look before taking (cheap: a listing), and after taking hj_rival_contest, whose loser gives its claim back.
 * Threads  any; any number of processes. contest may wait for HJ_RIVAL_PATIENCE_MS.
 * Why      there is no single name to fight for: the one of a dead winner could not be taken over without a moment in which two
 *          have it. Instead each announces itself (its claim) and looks afterwards. Of two that took, the later one sees the
 *          earlier one, so never do both find themselves alone.
 * Promise  saves work only. Somebody who cannot be seen (an NFS that shows old listings), who is on another host and has not
 *          written for HJ_RIVAL_BEAT_S, who was of this host's former run and has not for HJ_CLAIM_FORMER_S (then its partial may be had), who was stopped (Ctrl-Z) HJ_RIVAL_BEAT_S ago, or is silent for HJ_CLAIM_STALE_S although its process lives, is no rival.
 */
#ifndef HJ_RIVAL_H
#define HJ_RIVAL_H

#include "store/claim.h"

#define HJ_RIVAL_BEAT_S 10
#define HJ_RIVAL_PATIENCE_MS 50u

struct hj_rival {
  uint64_t inode, device;        /* of its data file as last seen: it will be the finished file. Zero: never seen */
  uint64_t bytes, journal_end;   /* what its journal says it has; how far that was read */
};

/* HJ_E_BUSY: there is one. *r is changed only if its file could be seen. */
int hj_rival_look(const char *partial_dir, const char *key, struct hj_rival *r, struct hj_err *e);
/* HJ_E_BUSY: c is not the only claim of its key, and is to be given back. */
int hj_rival_contest(const struct hj_claim *c, struct hj_rival *r, struct hj_err *e);

#endif

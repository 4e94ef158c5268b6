/* engine/ladder.h - a range brought nothing: how is it asked for next? Pure.
 *
 *   other connection -> other address family -> without a range -> other source -> from the beginning
 *
 * Use      hj_ladder(&fall) after each try that failed; engine/retry.h says whether and when.
 * Promise  a rung costs no byte that was received: the range goes on at its next byte, whoever is asked. A rung that cannot help (the
 *          server has answered, so its address is good) is left out. Nothing is climbed where another source brings bytes right
 *          now: the range goes there, and the silent one is tried again by a later one.
 *
 * Facts    libcurl races the families while it connects; a path that connects and then loses large packets (IPv6 in tunnels) is only
 *          seen by silence. Middle boxes were seen that answer Range with silence and the whole file at once.
 */
#ifndef HJ_LADDER_H
#define HJ_LADDER_H

#include <stdbool.h>
#include "util/err.h"

#define HJ_RUNGS(X)                                                                     \
  X(SAME, "other connection") /* the same question over another connection */           \
  X(FAMILY, "other family")   /* IPv4 instead of IPv6, or the other way */              \
  X(PLAIN, "no range")        /* one plain stream */                                    \
  X(SOURCE, "other source")   /* another endpoint or mirror */                          \
  X(END, "end")               /* nobody is left who could be asked */

enum hj_rung {
#define HJ_X(name, text) HJ_RUNG_##name,
  HJ_RUNGS(HJ_X)
#undef HJ_X
};
const char *hj_rung_name(enum hj_rung r);

struct hj_fall {
  enum hj_code code;
  enum hj_rung rung;        /* on which the try stood */
  unsigned barren;          /* tries in a row without a byte, this one included */
  bool may_family;          /* its address family is known, and the host has a name that may have both */
  bool may_plain;           /* it asked for a range, no range of this source has brought a byte, and nobody tries it just now */
  bool other;               /* there is another source */
  bool other_flows;         /* and it brings bytes right now */
  bool mirror;              /* this one is a mirror: what it cannot do, the others can */
};
struct hj_step {
  enum hj_rung rung;
  bool drop;                /* this source is of no use for this file */
};

/* Our disk, our caller, our memory: no server can help. */
bool hj_code_is_ours(enum hj_code code);
struct hj_step hj_ladder(const struct hj_fall *f);

#endif

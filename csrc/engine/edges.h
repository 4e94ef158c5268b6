/* engine/edges.h - the addresses of one host: a server that gives a connection 8 MB/s may stand next to one that gives 68. Pure.
 *
 * Use      hj_edges_saw         an exchange over a connection of its own ended (or its head is here: bytes 0, ms 0)
 *          hj_edges_failed      it went silent
 *          hj_edges_avoid       before a new connection: the addresses it should not go to
 *          hj_edges_alone       there was no other one
 * Threads  network thread only; lives in struct hj_host.
 *
 * Facts    libcurl goes to the first address that answers, every time: what else there is nobody finds out. So one connection is told to leave
 *          out what is known; where there is nothing else that fails before anything is sent, and is not tried again for a while. One
 *          slow connection among good ones says nothing of its address: rates are smoothed.
 */
#ifndef HJ_EDGES_H
#define HJ_EDGES_H

#include <stdbool.h>
#include <stdint.h>
#include "transfer/request.h"

#define HJ_EDGES_MAX 4u               /* more are left to chance */
#define HJ_EDGE_SLOW 4u               /* so many times slower than the best: avoided */
#define HJ_EDGE_AVOID_MS 60000u       /* so long; then it may show that it has recovered */
#define HJ_EDGE_SAMPLE_MS 250u        /* a shorter exchange says nothing of a rate */
#define HJ_EDGE_LOOK_MS 300000u       /* a host without a further address is asked for one again after this long */
#define HJ_EDGE_TRY_MS 2000u          /* a look that has not been answered is repeated */

struct hj_edge {
  char address[HJ_ADDRESS_MAX];
  uint64_t rate, rate_at_ms;          /* bytes per second of one connection; 0 = not known */
  uint64_t avoid_until_ms;
};

struct hj_edges {
  struct hj_edge p[HJ_EDGES_MAX];
  unsigned n;
  uint64_t look_at_ms;                /* no look for a further address before */
};

/* address: as text; "" is nobody. ms: since the first byte of the answer. */
void hj_edges_saw(struct hj_edges *e, const char *address, uint64_t bytes, uint64_t ms, uint64_t now_ms);
void hj_edges_failed(struct hj_edges *e, const char *address, uint64_t now_ms);
/* What the next connection leaves out: the slow ones if there is a better one, or all that are known, to find a further one. */
void hj_edges_avoid(struct hj_edges *e, uint64_t now_ms, struct hj_avoid *out);
/* A connection that left something out came nowhere. */
void hj_edges_alone(struct hj_edges *e, uint64_t now_ms);
/* It is avoided, and there is another one. */
bool hj_edges_is_slow(const struct hj_edges *e, const char *address, uint64_t now_ms);

#endif

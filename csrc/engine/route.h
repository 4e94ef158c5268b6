/* engine/route.h - one host that brings large files of one job: how many connections to it, and how fast they are.
 *
 * Use      f->route = hj_route_guess(j, f, now_ms) when the file begins; hj_route_settle(f, origin, now_ms) when it is known where its bytes
 *          come from.
 * Owns     its own controller: what two hosts bring says nothing of either. What they share is the job's connections (job.c).
 * Threads  network thread only.
 *
 * Facts    Who is asked is not who answers: a hub redirects to one CDN or another. Until its first answer a file is counted with
 *          the host that was found last behind the same hub. After it, it stays where it is, even if a later range is sent
 *          elsewhere: a controller says what one place brings, and half a file is seldom worth a new one.
 */
#ifndef HJ_ROUTE_H
#define HJ_ROUTE_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/sched.h"

#define HJ_ORIGIN_MAX 272    /* a scheme, 253 bytes of a name, a port */
#define HJ_ROUTES_MAX 8u     /* of one job; further hosts are counted with the one that was guessed */

struct hj_fetch;
struct hj_job;

struct hj_route {
  char asked[HJ_ORIGIN_MAX], origin[HJ_ORIGIN_MAX];   /* who was asked; who brings the bytes, "" = not known yet */
  struct hj_sched sched;
  bool settled_in;                /* what is remembered of that host was asked for */
  uint64_t bytes;                 /* received */
  uint64_t connection_rate;       /* bytes per second of one of its connections, as last measured; 0 = not yet */
  uint64_t sampled_ms;            /* when the way was last looked at */
  uint32_t trip_ms;               /* 0 = not known */
  unsigned proven_connections;    /* made for ranges and not lost again; some may be idle */
  unsigned level;                 /* connections for ranges that were wanted at the last turn */
  /* at the last count (job.c) */
  unsigned parts;
  struct hj_fetch *neediest;      /* of its files that want a further range the one with the fewest; NULL = none does */
};

struct hj_route *hj_route_guess(struct hj_job *j, const struct hj_fetch *f, uint64_t now_ms);
void hj_route_settle(struct hj_fetch *f, const char *origin, uint64_t now_ms);
/* That host has enough of us: fewer connections to it, or to where it sends us. */
void hj_route_back_off(struct hj_job *j, const char *origin, uint64_t now_ms);

#endif

/* engine/hosts.h - what this process has learned of the hosts it talked to: how far away they are, whether a queue has grown on the way,
 * how many connections paid. Pure: the clock is an argument. Lives with the engine; network thread only.
 *
 * Use      struct hj_host *h = hj_hosts_of(hosts, "https://host", now_ms); valid until the next call of it.
 *          hj_host_trip_ms    the way there and back when nothing queues; 0 = not known. For timeouts and sizes
 *          hj_host_swell_ms   how much longer it is now; 0 = not, or not known
 *          hj_host_queue      the same as a verdict, for sched
 *          hj_host_level      the level at which the last download from there ended up; 0 = none, or too long ago
 *
 * Facts    Two clocks: the kernel's round trip (plat/sock.h) is the way's alone, but behind a proxy it is the proxy's; question to answer
 *          includes the server's thinking. The trip is the least answer ever seen, the swelling comes from the kernel only.
 */
#ifndef HJ_HOSTS_H
#define HJ_HOSTS_H

#include <stdbool.h>
#include <stdint.h>
#include "engine/polite.h"
#include "engine/edges.h"
#include "engine/sched.h"

#define HJ_HOSTS_MAX 32u              /* the longest unseen goes: a job talks to two or three */
#define HJ_HOST_FRESH_MS 1000u        /* a sample of the round trip is worth this long */
#define HJ_HOST_LEVEL_MS 300000u      /* a level is remembered this long: lines change from evening to night, not within minutes */
#define HJ_HOST_SWELL_MS 15u          /* a queue has grown if the round trip is longer by this, and by half of itself */

struct hj_host {
  char origin[200];
  uint64_t seen_ms;
  uint32_t answer_us;       /* least time from question to answer */
  uint32_t rtt_us;          /* the kernel's, as of late: the median of the connections, the lesser of two samples in a row */
  uint32_t sampled_us;      /* the last sample; 0 = none */
  uint32_t rtt_min_us;      /* the kernel's, the least ever */
  uint64_t rtt_at_ms;       /* when rtt_us was taken */
  unsigned level;
  uint64_t lone_rate, level_at_ms;
  struct hj_polite polite;  /* what may be on its way from there (engine/window.h) */
  uint64_t came;            /* bytes of polite jobs, for that */
  struct hj_edges edges;    /* its addresses */
};

struct hj_hosts {
  struct hj_host p[HJ_HOSTS_MAX];
  unsigned n;
  bool bounded;             /* the windows of some connections have been set; idle ones keep that */
  uint64_t bounded_ms;      /* when they were last looked at */
};

struct hj_host *hj_hosts_of(struct hj_hosts *hosts, const char *origin, uint64_t now_ms);
void hj_host_answered(struct hj_host *h, uint32_t answer_us);
/* trips of several connections at one time, in microseconds (0s are skipped); sorts them. */
void hj_host_sample(struct hj_host *h, uint32_t *now_us, unsigned n, uint32_t least_us, uint64_t now_ms);
void hj_host_remember(struct hj_host *h, unsigned level, uint64_t lone_rate, uint64_t now_ms);
uint32_t hj_host_trip_ms(const struct hj_host *h);
uint32_t hj_host_swell_ms(const struct hj_host *h, uint64_t now_ms);
enum hj_sched_queue hj_host_queue(const struct hj_host *h, uint64_t now_ms);
unsigned hj_host_level(const struct hj_host *h, uint64_t now_ms);

#endif

/* engine/hosts.h - what this process has learned of the hosts it talked to: how far away they are, whether a queue has grown on the way,
 * how many connections paid. Pure: the clock is an argument. Lives with the engine; network thread only.
 *
 * Use      struct hj_host *h = hj_hosts_of(hosts, "https://host", now_ms); valid until the next call of it.
 *          hj_host_trip_ms    the way there and back when nothing queues; 0 = not known. For timeouts and sizes
 *          hj_host_swell_ms   how much longer it is now; 0 = not, or not known
 *          hj_host_queue      the same as a verdict, for sched
 *          hj_host_was_met    it has answered within minutes: what fails now may heal
 *          hj_host_family     4 or 6: the address family to use, since the other one connects and then is silent; 0 = any
 *          hj_host_is_plain   ranges bring nothing there, a plain stream does
 *          hj_host_is_down    its last tries brought nothing: others are asked first
 *          hj_host_has_lied   it sent wrong bytes: others are asked instead
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
#include "engine/quota.h"
#include "engine/sched.h"

#define HJ_HOSTS_MAX 32u              /* the longest unseen goes: a job talks to two or three */
#define HJ_HOST_FRESH_MS 1000u        /* a sample of the round trip is worth this long */
#define HJ_HOST_LEVEL_MS 300000u      /* a level is remembered this long: lines change from evening to night, not within minutes */
#define HJ_HOST_SWELL_MS 15u          /* a queue has grown if the round trip is longer by this, and by half of itself */

#define HJ_HOST_MET_MS 300000u
#define HJ_HOST_FAULT_MS 600000u      /* a broken path stays broken for a while; then it is tried again */
#define HJ_HOST_DOWN_MS 30000u
#define HJ_HOST_LIE_MS 3600000u

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
  unsigned family;          /* the one that works */
  uint64_t family_at_ms, met_ms, plain_at_ms, down_at_ms, lied_at_ms;   /* 0: never */
  struct hj_quota quota;    /* of its questions for files */
};

struct hj_hosts {
  struct hj_host p[HJ_HOSTS_MAX];
  unsigned n;
  bool bounded;             /* the windows of some connections have been set; idle ones keep that */
  uint64_t bounded_ms;      /* when they were last looked at */
};

struct hj_host *hj_hosts_of(struct hj_hosts *hosts, const char *origin, uint64_t now_ms);
const struct hj_host *hj_hosts_find(const struct hj_hosts *hosts, const char *origin);     /* NULL: nothing is known of it */
void hj_host_answered(struct hj_host *h, uint32_t answer_us);
/* What failed there, and what did instead. Each is forgotten after its time. h of the questions may be NULL. */
void hj_host_meet(struct hj_host *h, uint64_t now_ms);                                      /* a head came */
void hj_host_family_works(struct hj_host *h, unsigned family, uint64_t now_ms);
void hj_host_plain_works(struct hj_host *h, uint64_t now_ms);
void hj_host_is_silent(struct hj_host *h, uint64_t now_ms);
void hj_host_lied(struct hj_host *h, uint64_t now_ms);
bool hj_host_was_met(const struct hj_host *h, uint64_t now_ms);
unsigned hj_host_family(const struct hj_host *h, uint64_t now_ms);
bool hj_host_is_plain(const struct hj_host *h, uint64_t now_ms);
bool hj_host_is_down(const struct hj_host *h, uint64_t now_ms);
bool hj_host_has_lied(const struct hj_host *h, uint64_t now_ms);
/* trips of several connections at one time, in microseconds (0s are skipped); sorts them. */
void hj_host_sample(struct hj_host *h, uint32_t *now_us, unsigned n, uint32_t least_us, uint64_t now_ms);
void hj_host_remember(struct hj_host *h, unsigned level, uint64_t lone_rate, uint64_t now_ms);
uint32_t hj_host_trip_ms(const struct hj_host *h);
uint32_t hj_host_swell_ms(const struct hj_host *h, uint64_t now_ms);
enum hj_sched_queue hj_host_queue(const struct hj_host *h, uint64_t now_ms);
unsigned hj_host_level(const struct hj_host *h, uint64_t now_ms);

#endif

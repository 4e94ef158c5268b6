/* transfer/lanes.h - many small answers over few connections: what is known of each origin, and how many may be asked at once.
 *
 *   A lane is a connection that carries many questions at a time (HTTP/2). An origin gets HJ_LANES_USUAL of them,
 *   HJ_LANES_MAX where those are not enough; whether it can, its
 *   first answer tells. Until its first connection stands it is asked no more than there would be lanes; then it is tried, since
 *   libcurl knows by the handshake whether that one can be shared, and whoever it would make another one for is refused; if it cannot, each question needs a connection
 *   of its own, and the caller's limit of connections holds.
 * Use      hj_lanes_find; hj_lane_has_room before a question; hj_lane_ask when it goes out, hj_lane_over when it is over. Between them
 *          opened (may it?), ready, closed for each connection that libcurl makes for it, answered for its head.
 * Owns     the table; hosts stay where they are until release. A full table forgets hosts that have neither question nor connection.
 * Threads  the loop's.
 * Facts    libcurl fills one connection before it looks at the next one; when all are full it opens one more for each question, PIPEWAIT
 *          or not (7.88: a connection in its TLS handshake counts neither as usable nor as pending; 300 were opened within 10 ms, seen
 *          2026-11-23). So who opens one is decided here, and whom it was not given is refused: nothing is sent then. How many
 *          questions a server takes on one connection libcurl does not tell; a refusal says that it was fewer than thought.
 */
#ifndef HJ_LANES_H
#define HJ_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include "util/url.h"

#define HJ_LANES_USUAL 4u        /* 1,000 files at 40 ms, one answer each: one lane 0.52 s, two 0.36, four 0.29 (engine bench) */
#define HJ_LANES_MAX 8u          /* two answers each, the second asked for after the first: with four, three rounds of 400 one after another */
#define HJ_LANE_STREAMS 128u     /* nginx, CloudFront and other fronts of AWS; who allows fewer says so before anything is sent */
#define HJ_LANE_STREAMS_SURE 100u /* what servers should allow at least (RFC 9113, 6.5.2): the first step down */
#define HJ_LANE_BUSY 8u          /* questions on each lane before a further one is opened */
#define HJ_LANE_CALM 512u         /* answers after which a lowered number is doubled: a connection that broke off looks like a full one */
#define HJ_LANE_CALM_MAX (1u << 20) /* four times as many after each raise that was refused: some servers allow fewer for good */
#define HJ_LANE_HOSTS_MAX 64u
#define HJ_LANE_SOCKETS_MAX 32u  /* two for each lane while address families race; more (HTTP/1.1) are not followed */

enum hj_lane_sort { HJ_LANE_UNKNOWN, HJ_LANE_SINGLE, HJ_LANE_MANY };
enum hj_lane_way { HJ_LANE_JOIN, HJ_LANE_OPEN };   /* on any connection there is; on a new one */

struct hj_lane {
  char origin[128];
  enum hj_lane_sort sort;
  unsigned out;             /* questions under way */
  unsigned opening;         /* of those: how many will open a connection, and have not yet */
  unsigned streams;         /* questions at once on one lane; lowered when the server turns out to allow fewer, tried again later */
  unsigned held;            /* what it was before it was raised again; 0: it was not */
  unsigned calm, wait;      /* answers since the last change; how many of them earn a raise */
  unsigned n;               /* connections */
  bool silent;              /* one of them brings nothing: nobody joins, until all who wait there have left it and it is closed */
  bool refused;             /* UNKNOWN: it was tried, and libcurl wanted a further connection: the answer is waited for */
  struct { int fd; bool ready; } sockets[HJ_LANE_SOCKETS_MAX];
};

struct hj_lanes { struct hj_lane *hosts[HJ_LANE_HOSTS_MAX]; unsigned n; };

void hj_lanes_release(struct hj_lanes *l);
/* NULL: no room in the table, or an origin that is too long: such a question gets a connection of its own. */
struct hj_lane *hj_lanes_find(struct hj_lanes *l, const struct hj_url *url);
/* Lanes worth opening before so many questions. */
unsigned hj_lanes_for(size_t questions);
bool hj_lane_has_room(const struct hj_lane *h, unsigned most);       /* most: lanes the caller may open, 1 to HJ_LANES_MAX */
enum hj_lane_way hj_lane_ask(struct hj_lane *h, unsigned most);
/* One more connection before it is needed: may it be? Then as ask, told to open. */
bool hj_lane_may_knock(const struct hj_lane *h, unsigned most);
void hj_lane_knock(struct hj_lane *h);
void hj_lane_over(struct hj_lane *h, bool opening);                  /* opening: it was told to open one, and did not */
/* libcurl opens a connection for a question; `first`: it is the first for this one. false: refuse it, and ask again when there is room. */
bool hj_lane_opened(struct hj_lane *h, int fd, bool told, bool first);
/* A question got no byte for too long. libcurl would put the next ones on that very connection as long as somebody waits there. */
void hj_lane_fell_silent(struct hj_lane *h);
void hj_lane_ready(struct hj_lane *h, int fd);
void hj_lane_closed(struct hj_lane *h, int fd);
void hj_lane_answered(struct hj_lane *h, bool many, bool made);      /* the answer's protocol; made: over a connection of its own making */

#endif

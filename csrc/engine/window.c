/* engine/window.c - see window.h */
#include "engine/window.h"

#include <string.h>
#include "engine/engine_int.h"
#include "plat/sock.h"
#include "util/trace.h"
#include "util/banned.h"

#define LOOK_MS 10u   /* a new connection takes what Linux grants until it is seen here: 64 KiB */

/* What is seen of a host in one look. */
struct sight { unsigned own, sharing; uint64_t came, limit; uint32_t trip_us, segment; };

uint64_t hj_window_count(struct hj_part *p)
{
  uint64_t n = p->exchanged - p->counted;
  struct hj_job *j = p->fetch->job;
  p->counted = p->exchanged;
  if (n && j->polite)
    hj_hosts_of(j->hosts, p->url.origin, hj_clock_ms())->came += n;
  return n;
}

typedef void visit(struct hj_part *p, struct hj_host *h, struct sight *s);

static void each(struct hj_hosts *hosts, struct hj_job *jobs, uint64_t now_ms, struct sight *sights, visit *f)
{
  for (struct hj_job *j = jobs; j; j = j->next)
    for (int light = 0; light < 2; light++)
      for (struct hj_fetch *at = light ? j->light.first : j->under_way.first; at; at = at->next)
        for (struct hj_part *p = at->parts; p; p = p->next)
          if (p->request) {
            struct hj_host *h = hj_hosts_of(hosts, p->url.origin, now_ms);
            f(p, h, &sights[h - hosts->p]);
          }
}

/* The trip of the connection that brought most since the last look: the others' may be of a while ago. */
static void look(struct hj_part *p, struct hj_host *h, struct sight *s)
{
  const struct hj_job *j = p->fetch->job;
  uint64_t came = hj_window_count(p);
  (void)h;
  if (!j->polite)
    return;
  s->own += p->own;
  s->sharing += !p->own;
  if (j->limited)
    s->limit = j->throttle->bucket.rate;
  if (came > s->came) {
    struct hj_pulse pulse = hj_request_pulse(p->request);
    s->came = came;
    s->trip_us = pulse.trip_us;
    s->segment = pulse.segment;
  }
}

static unsigned connections(const struct sight *s) { return s->own + (s->sharing < HJ_POLITE_CONNECTIONS ? s->sharing : HJ_POLITE_CONNECTIONS); }

static void tell(struct hj_part *p, struct hj_host *h, struct sight *s)
{
  const struct hj_job *j = p->fetch->job;
  uint32_t window = HJ_SOCK_ANY;
  if (j->polite) {
    if (!h->polite.window)
      return;
    window = (uint32_t)(h->polite.window / connections(s));
    if (h->polite.peak && p->fetch->route)
      p->fetch->route->connection_rate = h->polite.peak / connections(s); /* for the length of ranges */
  } else if (p->window == window || !h->polite.window) {
    return;
  }
  if (!hj_request_window(p->request, window)) /* again and again: see hj_sock_window */
    return;
  p->window = window;
  if (!j->polite)
    HJ_TRACE(HJ_T_SCHED, p->id, "its window is free again");
}

static void turn_hosts(struct hj_hosts *hosts, const struct sight *sights, uint64_t now_ms)
{
  for (unsigned i = 0; i < hosts->n; i++) {
    struct hj_polite *p = &hosts->p[i].polite;
    const struct sight *s = &sights[i];
    struct hj_polite_facts facts = { .now_ms = now_ms, .came = hosts->p[i].came, .trip_us = s->trip_us, .segment = s->segment, .connections = connections(s), .limit = s->limit };
    uint64_t before = p->turned_ms;
    if (!connections(s))
      continue;
    (void)hj_polite_turn(p, &facts);
    if (p->turned_ms != before)
      HJ_TRACE(HJ_T_SCHED, i, "polite%s: %llu bytes over %u connections, trip %u us, least %u, %llu bytes/s", p->starting ? ", starting" : p->resume ? ", draining" : "",
               (unsigned long long)p->window, connections(s), p->trip_us, hj_polite_base_us(p), (unsigned long long)p->rate);
  }
}

void hj_window_turn(struct hj_hosts *hosts, struct hj_job *jobs, uint64_t now_ms)
{
  struct sight sights[HJ_HOSTS_MAX];
  for (const struct hj_job *j = jobs; j && !hosts->bounded; j = j->next)
    hosts->bounded = j->polite;
  if (!hosts->bounded || !jobs || now_ms - hosts->bounded_ms < LOOK_MS)
    return;
  hosts->bounded_ms = now_ms;
  memset(sights, 0, sizeof sights);
  each(hosts, jobs, now_ms, sights, look);
  turn_hosts(hosts, sights, now_ms);
  each(hosts, jobs, now_ms, sights, tell);
}

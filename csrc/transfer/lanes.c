/* transfer/lanes.c - see lanes.h */
#include "transfer/lanes.h"

#include <string.h>
#include "util/mem.h"
#include "util/text.h"
#include "util/trace.h"
#include "util/banned.h"

void hj_lanes_release(struct hj_lanes *l)
{
  while (l->n)
    hj_mem_free(l->hosts[--l->n]);
}

static struct hj_lane *place_for_new(struct hj_lanes *l)
{
  struct hj_err scratch = HJ_ERR_INIT; /* benign: without a place it goes over a connection of its own */
  if (l->n < HJ_LANE_HOSTS_MAX) {
    struct hj_lane *h = hj_mem_zero(1, sizeof *h, &scratch);
    if (h)
      l->hosts[l->n++] = h;
    return h;
  }
  for (unsigned i = 0; i < l->n; i++)
    if (l->hosts[i]->out == 0 && l->hosts[i]->n == 0)
      return l->hosts[i];
  return NULL;
}

struct hj_lane *hj_lanes_find(struct hj_lanes *l, const struct hj_url *url)
{
  struct hj_lane *h;
  for (unsigned i = 0; i < l->n; i++)
    if (!strcmp(l->hosts[i]->origin, url->origin))
      return l->hosts[i];
  if (strlen(url->origin) >= sizeof h->origin || !(h = place_for_new(l)))
    return NULL;
  memset(h, 0, sizeof *h);
  (void)hj_text_copy(h->origin, sizeof h->origin, url->origin, strlen(url->origin));
  h->sort = url->https ? HJ_LANE_UNKNOWN : HJ_LANE_SINGLE; /* HTTP/2 is agreed on under TLS only */
  h->streams = HJ_LANE_STREAMS;
  h->wait = HJ_LANE_CALM;
  return h;
}

static unsigned ready(const struct hj_lane *h)
{
  unsigned n = 0;
  for (unsigned i = 0; i < h->n; i++)
    n += h->sockets[i].ready;
  return n;
}

unsigned hj_lanes_for(size_t questions)
{
  size_t n = questions / HJ_LANE_STREAMS + (questions % HJ_LANE_STREAMS != 0);
  return n < HJ_LANES_USUAL ? HJ_LANES_USUAL : n < HJ_LANES_MAX ? (unsigned)n : HJ_LANES_MAX;
}

static bool wants_lane(const struct hj_lane *h, unsigned most)
{
  unsigned lanes = h->n + h->opening;
  return lanes < most && h->out >= lanes * (h->sort == HJ_LANE_MANY ? HJ_LANE_BUSY : 1);
}

bool hj_lane_has_room(const struct hj_lane *h, unsigned most)
{
  if (h->silent)
    return false;
  if (h->sort == HJ_LANE_SINGLE || wants_lane(h, most))
    return true;
  if (h->sort == HJ_LANE_UNKNOWN && (h->refused || !ready(h)))
    return h->out < most;
  return h->out < ready(h) * h->streams;
}

enum hj_lane_way hj_lane_ask(struct hj_lane *h, unsigned most)
{
  bool open = h->sort != HJ_LANE_SINGLE && wants_lane(h, most);
  h->out++;
  h->opening += open;
  return open ? HJ_LANE_OPEN : HJ_LANE_JOIN;
}

bool hj_lane_may_knock(const struct hj_lane *h, unsigned most) { return h->sort == HJ_LANE_MANY && h->n + h->opening < most; }

void hj_lane_knock(struct hj_lane *h)
{
  h->out++;
  h->opening++;
}

void hj_lane_over(struct hj_lane *h, bool opening)
{
  h->out -= h->out > 0;
  h->opening -= opening && h->opening > 0;
  h->silent = h->silent && h->out > 0;
}

void hj_lane_fell_silent(struct hj_lane *h) { h->silent = h->sort == HJ_LANE_MANY; }

/* All lanes are full, libcurl says, with fewer questions than were thought to fit. */
static void lower(struct hj_lane *h)
{
  if (h->held) {
    h->streams = h->held;
    h->wait = h->wait < HJ_LANE_CALM_MAX / 4 ? h->wait * 4 : HJ_LANE_CALM_MAX;
  } else {
    h->streams = h->streams > HJ_LANE_STREAMS_SURE ? HJ_LANE_STREAMS_SURE : h->streams / 2;
  }
  h->held = h->calm = 0;
  HJ_TRACE(HJ_T_NET, 0, "%s takes fewer questions at once than was thought: now %u on each connection", h->origin, h->streams);
}

static void lift(struct hj_lane *h)
{
  h->held = h->streams;
  h->streams = h->streams < HJ_LANE_STREAMS / 2 ? h->streams * 2 : HJ_LANE_STREAMS;
  h->calm = 0;
}

bool hj_lane_opened(struct hj_lane *h, int fd, bool told, bool first)
{
  if (!told && h->sort == HJ_LANE_MANY) {
    if (h->streams > 1 && h->out <= ready(h) * h->streams) /* else they were closed meanwhile */
      lower(h);
    return false;
  }
  if (!told && h->sort == HJ_LANE_UNKNOWN && ready(h)) {
    h->refused = true;
    return false;
  }
  if (told && first)
    h->opening -= h->opening > 0;
  if (h->n < HJ_LANE_SOCKETS_MAX) {
    h->sockets[h->n].fd = fd;
    h->sockets[h->n++].ready = false;
  }
  return true;
}

void hj_lane_ready(struct hj_lane *h, int fd)
{
  for (unsigned i = 0; i < h->n; i++)
    h->sockets[i].ready = h->sockets[i].ready || h->sockets[i].fd == fd;
}

void hj_lane_closed(struct hj_lane *h, int fd)
{
  for (unsigned i = 0; i < h->n; i++)
    if (h->sockets[i].fd == fd)
      h->sockets[i--] = h->sockets[--h->n];
}

/* A question that found an idle connection made for ranges (HTTP/1.1) says nothing about what the server can do. */
void hj_lane_answered(struct hj_lane *h, bool many, bool made)
{
  if (many) {
    h->sort = HJ_LANE_MANY;
    if (h->streams < HJ_LANE_STREAMS && ++h->calm >= h->wait)
      lift(h);
  } else if (made) {
    h->sort = HJ_LANE_SINGLE;
  }
}

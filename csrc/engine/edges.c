/* engine/edges.c - see edges.h */
#include "engine/edges.h"

#include <string.h>
#include "util/text.h"
#include "util/banned.h"

static struct hj_edge *edge_of(struct hj_edges *e, const char *address)
{
  for (unsigned i = 0; i < e->n; i++)
    if (!strcmp(e->p[i].address, address))
      return &e->p[i];
  return NULL;
}

static bool is_avoided(const struct hj_edge *edge, uint64_t now_ms) { return edge->avoid_until_ms > now_ms; }

static unsigned count_good(const struct hj_edges *e, uint64_t now_ms)
{
  unsigned n = 0;
  for (unsigned i = 0; i < e->n; i++)
    n += !is_avoided(&e->p[i], now_ms);
  return n;
}

static void judge(struct hj_edges *e, uint64_t now_ms)
{
  uint64_t best = 0;
  for (unsigned i = 0; i < e->n; i++)
    if (e->p[i].rate > best && now_ms - e->p[i].rate_at_ms <= HJ_EDGE_AVOID_MS)
      best = e->p[i].rate;
  for (unsigned i = 0; i < e->n; i++)
    if (e->p[i].rate && e->p[i].rate <= best / HJ_EDGE_SLOW && !is_avoided(&e->p[i], now_ms)) {
      e->p[i].avoid_until_ms = now_ms + HJ_EDGE_AVOID_MS;
      e->p[i].rate = 0; /* afterwards it begins anew */
    }
}

void hj_edges_saw(struct hj_edges *e, const char *address, uint64_t bytes, uint64_t ms, uint64_t now_ms)
{
  struct hj_edge *edge = edge_of(e, address);
  uint64_t rate;
  if (!edge) {
    if (!*address || e->n == HJ_EDGES_MAX)
      return;
    edge = &e->p[e->n++];
    memset(edge, 0, sizeof *edge);
    (void)hj_text_copy(edge->address, sizeof edge->address, address, strlen(address));
    e->look_at_ms = now_ms;
  }
  if (ms < HJ_EDGE_SAMPLE_MS)
    return;
  rate = bytes * 1000 / ms + 1;
  edge->rate = edge->rate ? edge->rate - edge->rate / 4 + rate / 4 : rate;
  edge->rate_at_ms = now_ms;
  judge(e, now_ms);
}

void hj_edges_failed(struct hj_edges *e, const char *address, uint64_t now_ms)
{
  struct hj_edge *edge = edge_of(e, address);
  if (edge)
    edge->avoid_until_ms = now_ms + HJ_EDGE_AVOID_MS;
}

void hj_edges_avoid(struct hj_edges *e, uint64_t now_ms, struct hj_avoid *out)
{
  unsigned good = count_good(e, now_ms);
  bool looks = e->n > 0 && e->n < HJ_EDGES_MAX && now_ms >= e->look_at_ms;
  out->n = 0;
  out->fresh = looks;
  if (looks)
    e->look_at_ms = now_ms + HJ_EDGE_TRY_MS;
  else if (!good)
    return;
  for (unsigned i = 0; i < e->n; i++)
    if (looks || is_avoided(&e->p[i], now_ms))
      memcpy(out->p[out->n++], e->p[i].address, sizeof out->p[0]);
}

void hj_edges_alone(struct hj_edges *e, uint64_t now_ms)
{
  e->look_at_ms = now_ms + HJ_EDGE_LOOK_MS;
  if (count_good(e, now_ms) == 0)
    for (unsigned i = 0; i < e->n; i++)
      e->p[i].avoid_until_ms = 0;
}

bool hj_edges_is_slow(const struct hj_edges *e, const char *address, uint64_t now_ms)
{
  for (unsigned i = 0; i < e->n; i++)
    if (!strcmp(e->p[i].address, address))
      return is_avoided(&e->p[i], now_ms) && count_good(e, now_ms) > 0;
  return false;
}

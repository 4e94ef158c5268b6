/* engine/supply.c - see supply.h */
#include "engine/supply.h"

#include <string.h>
#include "util/text.h"
#include "util/banned.h"

#define MEASURE_LEAST ((uint64_t)64 << 10) /* less is the round trip's rate */

static uint64_t rate_of(const struct hj_offer *o, uint64_t best) { return o->rate ? o->rate : best; }

int hj_supply_pick(const struct hj_offer *o, unsigned n)
{
  uint64_t best_rate = 1;
  int best = -1;
  for (unsigned i = 0; i < n; i++)
    if (o[i].usable && o[i].rate > best_rate)
      best_rate = o[i].rate;
  for (unsigned i = 0; i < n; i++) {
    const struct hj_offer *b = best < 0 ? NULL : &o[best];
    if (!o[i].usable || (b && o[i].failing && !b->failing))
      continue;
    if (!b || (b->failing && !o[i].failing) ||
        (double)rate_of(&o[i], best_rate) * (b->parts + 1) > (double)rate_of(b, best_rate) * (o[i].parts + 1))
      best = (int)i;
  }
  return best;
}

void hj_supply_measure(struct hj_supply *s, uint64_t bytes, uint64_t ms)
{
  uint64_t now;
  if (bytes < MEASURE_LEAST || bytes > UINT64_MAX / 1000)
    return;
  now = bytes * 1000 / (ms ? ms : 1);
  s->rate = s->rate ? s->rate - s->rate / 4 + now / 4 : now;
}

void hj_supply_drop(struct hj_supply *s, const char *why)
{
  if (!s->gone)
    hj_text_show(why, strlen(why), s->why, sizeof s->why);
  s->gone = true;
}

bool hj_supply_lied(const struct hj_supply *s, const struct hj_ranges *differed)
{
  for (size_t i = 0; i < s->doubted.n; i++)
    for (size_t k = 0; k < differed->n; k++)
      if (s->doubted.p[i].at < differed->p[k].end && differed->p[k].at < s->doubted.p[i].end)
        return true;
  return false;
}

void hj_supply_release(struct hj_supply *s)
{
  hj_url_release(&s->first);
  hj_source_release(&s->source);
  hj_ranges_release(&s->brought);
  hj_ranges_release(&s->doubted);
  memset(s, 0, sizeof *s);
}

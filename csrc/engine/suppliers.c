/* engine/suppliers.c - the sources of one file: who is asked for its next range, who flows, who lied. Network thread only. */
#include <string.h>
#include "engine/engine_int.h"
#include "util/trace.h"
#include "util/banned.h"

struct hj_supply *hj_fetch_supply(struct hj_fetch *f, unsigned k) { return k ? &f->mirrors[k - 1] : &f->own; }

static const struct hj_supply *look(const struct hj_fetch *f, unsigned k) { return k ? &f->mirrors[k - 1] : &f->own; }

bool hj_fetch_may_mirror(const struct hj_fetch *f)
{
  const struct hj_want *w = f->want;
  bool nameless = w->dest == HJ_DEST_STORE && w->link_path && !w->commit && !f->commit[0];
  return f->supplies_n > 1 && f->promise.algo != HJ_ALGO_NONE && f->size != HJ_SIZE_UNKNOWN && w->dest != HJ_DEST_MEMORY && !w->post &&
         !w->meta_only && !nameless;
}

static unsigned parts_of(const struct hj_fetch *f, unsigned k)
{
  unsigned n = 0;
  for (const struct hj_part *p = f->parts; p; p = p->next)
    n += p->supply == k && p->state != HJ_PART_OVER;
  return n;
}

/* How the next range goes there may just be being found out. */
static bool takes_one(const struct hj_supply *s, unsigned parts)
{
  return s->source.state != HJ_SOURCE_PROBING && (s->source.state != HJ_SOURCE_UNKNOWN || parts == 0);
}

/* Its window of questions is used up, and a question is what the next range would take. */
static bool out_of_quota(const struct hj_supply *s, const struct hj_host *h, uint64_t now_ms)
{
  struct hj_quota q;
  if (!h || !h->quota.limited || s->source.state == HJ_SOURCE_REUSABLE)
    return false;
  q = h->quota; /* asking moves its window on, and who only looks must not */
  return hj_quota_ask(&q, now_ms) > 0;
}

int hj_fetch_pick(const struct hj_fetch *f, int except, bool idle, uint64_t now_ms)
{
  struct hj_offer o[1 + HJ_MIRRORS_MAX];
  unsigned n = hj_fetch_may_mirror(f) ? f->supplies_n : 1;
  bool healthy = false;
  if (n == 1)
    return except != 0 && (!idle || takes_one(&f->own, f->parts_n)) ? 0 : -1;
  for (unsigned k = 0; k < n; k++) {
    const struct hj_supply *s = look(f, k);
    const struct hj_host *h = hj_hosts_find(f->job->hosts, s->first.origin);
    unsigned parts = parts_of(f, k);
    bool asked = !s->gone && (int)k != except && (f->only < 0 || f->only == (int)k || f->only == except);
    o[k] = (struct hj_offer){ .usable = asked && (!idle || takes_one(s, parts)),
                              .failing = hj_host_is_down(h, now_ms) || hj_host_has_lied(h, now_ms) || out_of_quota(s, h, now_ms),
                              .rate = s->rate, .parts = parts };
    healthy = healthy || (asked && !o[k].failing);
  }
  for (unsigned k = 0; k < n; k++) /* who can take one only later is better than who was silent or lied */
    o[k].usable = o[k].usable && !(healthy && o[k].failing);
  return hj_supply_pick(o, n);
}

bool hj_fetch_flows_elsewhere(const struct hj_fetch *f, unsigned supply, uint64_t now_ms)
{
  for (const struct hj_part *p = f->parts; p; p = p->next)
    if (p->supply != supply && p->state == HJ_PART_FLOWING && p->pos > p->began_pos && now_ms - p->last_byte_ms < f->job->limits.stall_ms)
      return true;
  return false;
}

void hj_fetch_expel(struct hj_fetch *f, unsigned supply, const char *why, uint64_t now_ms)
{
  struct hj_supply *s = hj_fetch_supply(f, supply);
  hj_supply_drop(s, why);
  hj_host_lied(hj_hosts_of(f->job->hosts, s->first.origin, now_ms), now_ms);
  HJ_TRACE(HJ_T_DIGEST, f->index, "%s is not asked any more: %s", s->first.origin, s->why);
}

/* ---- who sent wrong bytes ----------------------------------------------------------------------------------------- */

/* The next one that is believed before the others: in the order of the list. */
static int next_judge(const struct hj_fetch *f)
{
  for (unsigned k = (unsigned)(f->only + 1); k < f->supplies_n; k++)
    if (!look(f, k)->gone)
      return (int)k;
  return -1;
}

static int take_back(struct hj_fetch *f, const struct hj_supply *judge, struct hj_err *e)
{
  uint64_t doubted = 0;
  for (unsigned k = 0; k < f->supplies_n; k++) {
    struct hj_supply *s = hj_fetch_supply(f, k);
    hj_ranges_release(&s->doubted);
    hj_ranges_init(&s->doubted);
    s->differed = false;
    if (s == judge)
      continue;
    s->doubted = s->brought;
    hj_ranges_init(&s->brought);
  }
  if (hj_blob_doubt(f->blob, &judge->brought, &doubted, e))
    return (int)e->code;
  hj_ranges_release(&f->taken);
  hj_ranges_init(&f->taken);
  for (size_t i = 0; i < judge->brought.n; i++)
    if (hj_ranges_add(&f->taken, judge->brought.p[i].at, judge->brought.p[i].end, e))
      return (int)e->code;
  atomic_fetch_sub(&f->job->proven, f->size); /* it is proven once more, from the first byte */
  return HJ_E_OK;
}

/* A small body came from one of them, whole: it lied. */
static bool accuse_one(struct hj_fetch *f, uint64_t now_ms)
{
  if (!hj_fetch_may_mirror(f) || hj_fetch_pick(f, (int)f->body_from, false, now_ms) < 0)
    return false;
  hj_fetch_expel(f, f->body_from, "its bytes do not match the digest", now_ms);
  f->not_before_ms = now_ms;
  hj_fetch_again(f);
  return true;
}

/* One of them is asked for all that it has not brought itself. Is the whole right then, those are to blame whose bytes were others;
 * is it not, he is, and the next one is asked. So it ends after as many times as there are sources. */
bool hj_fetch_accuse(struct hj_fetch *f, const struct hj_err *why, uint64_t now_ms)
{
  struct hj_err e = HJ_ERR_INIT;
  int to;
  if (f->in_memory)
    return accuse_one(f, now_ms);
  if (!hj_fetch_may_mirror(f) || !f->blob)
    return false;
  for (unsigned k = 0; k < f->supplies_n; k++)
    if (!look(f, k)->gone && hj_ranges_has(&look(f, k)->brought, 0, f->size)) /* he brought it all, and it is wrong */
      hj_fetch_expel(f, k, "its bytes do not match the digest", now_ms);
  to = next_judge(f);
  if (to < 0)
    return false;
  f->only = to;
  HJ_TRACE(HJ_T_DIGEST, f->index, "the whole is wrong: what others brought is fetched from %s instead (%s)", look(f, (unsigned)to)->first.origin, why->msg);
  f->job->moved_ms = now_ms;
  hj_fetch_enter(f, HJ_FETCH_FLOWING);
  if (take_back(f, look(f, (unsigned)to), &e))
    hj_fetch_fail(f, &e, true);
  else if (f->single || f->want->no_ranges)
    hj_fetch_add_stream(f, now_ms);
  return true;
}

void hj_fetch_weigh(struct hj_fetch *f)
{
  if (f->only < 0)
    return;
  for (unsigned k = 0; k < f->supplies_n; k++)
    hj_fetch_supply(f, k)->differed = hj_supply_lied(look(f, k), hj_blob_differed(f->blob));
}

void hj_fetch_acquit(struct hj_fetch *f, uint64_t now_ms)
{
  for (unsigned k = 0; k < f->supplies_n; k++)
    if (look(f, k)->differed && !look(f, k)->gone)
      hj_fetch_expel(f, k, "its bytes were others than those that are proven", now_ms);
}

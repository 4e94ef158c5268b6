/* util/ranges.c - see ranges.h. A sorted array: sets here have few pieces, and a search in it is a handful of steps. */
#include "util/ranges.h"

#include <string.h>

#include "util/mem.h"

#include "util/banned.h"

void hj_ranges_init(struct hj_ranges *s)
{
  *s = (struct hj_ranges){ 0 };
}

void hj_ranges_release(struct hj_ranges *s)
{
  hj_mem_free(s->p);
  hj_ranges_init(s);
}

/* Index of the first piece whose end is >= at (touch) or > at (!touch); s->n if there is none. */
static size_t first_ending(const struct hj_ranges *s, uint64_t at, bool touch)
{
  size_t low = 0, high = s->n;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (s->p[mid].end < at || (!touch && s->p[mid].end == at))
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

static int make_room(struct hj_ranges *s, struct hj_err *e)
{
  if (s->n < s->cap)
    return HJ_E_OK;
  if (s->n >= HJ_RANGES_MAX)
    return hj_fail(e, HJ_E_TOOBIG, "more than %u separate pieces of one file", HJ_RANGES_MAX);
  size_t cap = s->cap ? s->cap * 2 : 8;
  struct hj_span *p = hj_mem_grow(s->p, cap * sizeof *p, e);
  if (!p)
    return (int)e->code;
  s->p = p;
  s->cap = cap;
  return HJ_E_OK;
}

/* Replaces pieces [from, to) by one. With from == to it is put in between; room was made. */
static void replace(struct hj_ranges *s, size_t from, size_t to, struct hj_span with)
{
  memmove(s->p + from + 1, s->p + to, (s->n - to) * sizeof *s->p);
  s->p[from] = with;
  s->n = s->n + 1 - (to - from);
}

int hj_ranges_add(struct hj_ranges *s, uint64_t at, uint64_t end, struct hj_err *e)
{
  if (at >= end)
    return HJ_E_OK;
  size_t from = first_ending(s, at, true), to = from;
  struct hj_span sum = { at, end };
  for (; to < s->n && s->p[to].at <= end; to++) {
    if (s->p[to].at < sum.at)
      sum.at = s->p[to].at;
    if (s->p[to].end > sum.end)
      sum.end = s->p[to].end;
  }
  if (from == to && make_room(s, e))
    return (int)e->code;
  replace(s, from, to, sum);
  return HJ_E_OK;
}

int hj_ranges_cut(struct hj_ranges *s, uint64_t at, uint64_t end, struct hj_err *e)
{
  if (at >= end)
    return HJ_E_OK;
  size_t i = first_ending(s, at, false);
  if (i < s->n && s->p[i].at < at && s->p[i].end > end) {  /* a hole in the middle of one piece: the only case that grows */
    if (make_room(s, e))
      return (int)e->code;
    struct hj_span left = { s->p[i].at, at };
    s->p[i].at = end;
    replace(s, i, i, left);
    return HJ_E_OK;
  }
  if (i < s->n && s->p[i].at < at)
    s->p[i++].end = at;
  size_t keep = i;
  while (keep < s->n && s->p[keep].end <= end)
    keep++;
  if (keep < s->n && s->p[keep].at < end)
    s->p[keep].at = end;
  if (keep > i)
    memmove(s->p + i, s->p + keep, (s->n - keep) * sizeof *s->p);
  s->n -= keep - i;
  return HJ_E_OK;
}

bool hj_ranges_has(const struct hj_ranges *s, uint64_t at, uint64_t end)
{
  if (at >= end)
    return true;
  size_t i = first_ending(s, at, false);
  return i < s->n && s->p[i].at <= at && s->p[i].end >= end;
}

uint64_t hj_ranges_sum(const struct hj_ranges *s)
{
  uint64_t sum = 0;
  for (size_t i = 0; i < s->n; i++)
    sum += s->p[i].end - s->p[i].at;
  return sum;
}

uint64_t hj_ranges_reach(const struct hj_ranges *s, uint64_t from)
{
  size_t i = first_ending(s, from, false);
  return i < s->n && s->p[i].at <= from ? s->p[i].end : from;
}

bool hj_ranges_gap(const struct hj_ranges *s, uint64_t from, uint64_t limit, struct hj_span *out)
{
  uint64_t at = hj_ranges_reach(s, from);
  if (at >= limit)
    return false;
  size_t next = first_ending(s, at, false);
  uint64_t end = next < s->n ? s->p[next].at : limit;
  *out = (struct hj_span){ at, end < limit ? end : limit };
  return true;
}

/* engine/source.c - see source.h */
#include "engine/source.h"

#include <string.h>
#include "util/text.h"
#include "util/banned.h"

#define LIFETIME_LEAST_S 10 /* less is a clock that is wrong, ours or theirs: then the refusal tells */

const char *hj_source_name(enum hj_source_state s)
{
  static const char *const names[] = { "unknown", "direct", "fresh", "probing", "reusable", "bound" };
  return (unsigned)s < sizeof names / sizeof names[0] ? names[s] : "?";
}

/* "20261123T081500Z" -> seconds since the epoch. */
static bool amazon_date(const char *p, int64_t *out)
{
  static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
  uint64_t n[6];
  static const int width[] = { 4, 2, 2, 2, 2, 2 };
  if (strlen(p) != 16 || p[8] != 'T' || p[15] != 'Z')
    return false;
  for (int i = 0; i < 6; i++) {
    if (!hj_text_u64(p, (size_t)width[i], &n[i]))
      return false;
    p += width[i] + (i == 2);
  }
  if (n[0] < 1970 || n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 31 || n[3] > 23 || n[4] > 59 || n[5] > 60)
    return false;
  int64_t y = (int64_t)n[0] - 1, leap = (n[0] % 4 == 0 && n[0] % 100 != 0) || n[0] % 400 == 0;
  int64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162 + before[n[1] - 1] + (leap && n[1] > 2) + (int64_t)n[2] - 1;
  *out = ((days * 24 + (int64_t)n[3]) * 60 + (int64_t)n[4]) * 60 + (int64_t)n[5];
  return true;
}

uint64_t hj_source_lifetime_s(const struct hj_url *url, int64_t wall_s)
{
  char text[40];
  uint64_t n;
  int64_t until;
  if (hj_url_query_value(url, "X-Amz-Expires", text, sizeof text) && hj_text_u64(text, strlen(text), &n) && n <= 7 * 86400 &&
      hj_url_query_value(url, "X-Amz-Date", text, sizeof text) && amazon_date(text, &until))
    until += (int64_t)n;
  else if (hj_url_query_value(url, "Expires", text, sizeof text) && hj_text_u64(text, strlen(text), &n) && n < (uint64_t)1 << 40)
    until = (int64_t)n;
  else
    return 0;
  return until - wall_s > LIFETIME_LEAST_S ? (uint64_t)(until - wall_s) : 0;
}

/* Minted anew a minute before its end; a short-lived one when three quarters of its time are over. */
static uint64_t stale_after_ms(uint64_t lifetime_s)
{
  return (lifetime_s > 240 ? lifetime_s - 60 : lifetime_s * 3 / 4) * 1000;
}

enum hj_way hj_source_way(struct hj_source *s, uint64_t now_ms)
{
  if ((s->state == HJ_SOURCE_REUSABLE || s->state == HJ_SOURCE_FRESH) && s->stale_ms && now_ms >= s->stale_ms)
    s->state = HJ_SOURCE_UNKNOWN;
  switch (s->state) {
  case HJ_SOURCE_FRESH:
    s->state = HJ_SOURCE_PROBING;
    return HJ_WAY_DIRECT_URL;
  case HJ_SOURCE_REUSABLE:
    return HJ_WAY_DIRECT_URL;
  case HJ_SOURCE_PROBING:
    return HJ_WAY_WAIT;
  default:
    return HJ_WAY_FIRST;
  }
}

int hj_source_redirected(struct hj_source *s, const struct hj_url *to, uint64_t lifetime_s, uint64_t now_ms, struct hj_err *e)
{
  if (s->state == HJ_SOURCE_PROBING || s->state == HJ_SOURCE_REUSABLE)
    return HJ_E_OK; /* the one we have is being used; a second one changes nothing */
  if (hj_url_copy(&s->url, to, e))
    return (int)e->code;
  s->minted++;
  s->stale_ms = lifetime_s ? now_ms + stale_after_ms(lifetime_s) : 0;
  if (s->state == HJ_SOURCE_UNKNOWN) /* minted anew in good time: no second probe; after a refusal: one */
    s->state = s->was_reusable && s->refusals == 0 ? HJ_SOURCE_REUSABLE : HJ_SOURCE_FRESH;
  return HJ_E_OK;
}

void hj_source_answered(struct hj_source *s, bool first_way, bool redirected, bool refused)
{
  if (first_way) {
    if (!refused && !redirected && s->state == HJ_SOURCE_UNKNOWN)
      s->state = HJ_SOURCE_DIRECT;
    return;
  }
  if (!refused) {
    s->was_reusable = true;
    s->refusals = 0;
    if (s->state == HJ_SOURCE_PROBING)
      s->state = HJ_SOURCE_REUSABLE;
  } else if (s->state == HJ_SOURCE_REUSABLE || (s->state == HJ_SOURCE_PROBING && s->was_reusable && s->refusals < HJ_SOURCE_REFUSALS_MAX)) {
    s->refusals++;
    s->state = HJ_SOURCE_UNKNOWN; /* it worked before: its time is up */
  } else if (s->state == HJ_SOURCE_PROBING) {
    s->state = HJ_SOURCE_BOUND;
  }
}

void hj_source_probe_lost(struct hj_source *s)
{
  if (s->state == HJ_SOURCE_PROBING)
    s->state = HJ_SOURCE_FRESH;
}

void hj_source_release(struct hj_source *s)
{
  hj_url_release(&s->url);
  memset(s, 0, sizeof *s);
}

/* engine/source.c - see source.h */
#include "engine/source.h"

#include <string.h>
#include "util/banned.h"

const char *hj_source_name(enum hj_source_state s)
{
  static const char *const names[] = { "unknown", "direct", "fresh", "probing", "reusable", "bound" };
  return (unsigned)s < sizeof names / sizeof names[0] ? names[s] : "?";
}

enum hj_way hj_source_way(struct hj_source *s)
{
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

int hj_source_redirected(struct hj_source *s, const struct hj_url *to, struct hj_err *e)
{
  if (s->state == HJ_SOURCE_PROBING || s->state == HJ_SOURCE_REUSABLE)
    return HJ_E_OK; /* the one we have is being used; a second one changes nothing */
  if (hj_url_copy(&s->url, to, e))
    return (int)e->code;
  s->minted++;
  if (s->state == HJ_SOURCE_UNKNOWN)
    s->state = HJ_SOURCE_FRESH;
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

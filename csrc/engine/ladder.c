/* engine/ladder.c - see ladder.h */
#include "engine/ladder.h"

#include "util/banned.h"

const char *hj_rung_name(enum hj_rung r)
{
  static const char *const names[] = {
#define HJ_X(name, text) text,
    HJ_RUNGS(HJ_X)
#undef HJ_X
  };
  return (unsigned)r < sizeof names / sizeof names[0] ? names[r] : "?";
}

/* Silence and breaks: the way may be to blame. */
static bool is_of_the_way(enum hj_code code)
{
  return code == HJ_E_RESET || code == HJ_E_TIMEOUT || code == HJ_E_STALLED;
}

static bool no_connection(enum hj_code code) { return code == HJ_E_RESOLVE || code == HJ_E_CONNECT; }

/* A passing trouble of the server's: it may be over soon. */
static bool is_of_the_server(enum hj_code code) { return code == HJ_E_HTTP_LIMITED || code == HJ_E_HTTP_SERVER; }

bool hj_code_is_ours(enum hj_code code)
{
  switch (code) {
  case HJ_E_NOMEM:
  case HJ_E_CANCELLED:
  case HJ_E_BADARG:
  case HJ_E_NOSPACE:
  case HJ_E_READONLY:
  case HJ_E_DENIED:
  case HJ_E_NAME:
  case HJ_E_IO:
  case HJ_E_BUSY:
  case HJ_E_OFFLINE:
  case HJ_E_FORKED:
  case HJ_E_BUG:
    return true;
  default:
    return false;
  }
}

/* The first endpoint's answer is an answer: who is denied a file there should not be given it by a mirror. */
static bool is_an_answer(enum hj_code code)
{
  return code == HJ_E_HTTP_AUTH || code == HJ_E_HTTP_DENIED || code == HJ_E_HTTP_MISSING || code == HJ_E_HTTP_CLIENT || code == HJ_E_CHANGED;
}

static enum hj_rung climb(const struct hj_fall *f)
{
  if (f->rung < HJ_RUNG_FAMILY && f->may_family)
    return HJ_RUNG_FAMILY;
  if (f->rung < HJ_RUNG_PLAIN && f->may_plain)
    return HJ_RUNG_PLAIN;
  return f->other ? HJ_RUNG_SOURCE : HJ_RUNG_SAME;
}

struct hj_step hj_ladder(const struct hj_fall *f)
{
  struct hj_step s = { HJ_RUNG_SAME, false };
  if (hj_code_is_ours(f->code)) {
    s.rung = HJ_RUNG_END;
  } else if (is_of_the_way(f->code)) {
    if (f->barren > 0 && f->other_flows)
      s.rung = HJ_RUNG_SOURCE;
    else if (f->barren > 1)
      s.rung = climb(f);
  } else if (no_connection(f->code)) {
    s.rung = f->rung == HJ_RUNG_FAMILY ? climb(f) : f->other ? HJ_RUNG_SOURCE : HJ_RUNG_SAME; /* the name may have no such address */
  } else if (is_of_the_server(f->code)) {
    s.rung = f->other ? HJ_RUNG_SOURCE : HJ_RUNG_SAME;
  } else if (f->mirror || (f->other && !is_an_answer(f->code))) {
    s.drop = f->mirror || !hj_code_again(f->code) || f->barren > 1;
    s.rung = f->other ? s.drop || f->barren > 1 ? HJ_RUNG_SOURCE : HJ_RUNG_SAME : HJ_RUNG_END;
  } else if (!hj_code_again(f->code)) {
    s.rung = HJ_RUNG_END;
  }
  return s;
}

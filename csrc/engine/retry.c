/* engine/retry.c - see retry.h */
#include "engine/retry.h"

#include "util/banned.h"

#define PORTAL_TRIES 2u /* a stray page passes; a login page stays until somebody logs in */
#define WISH_SPREAD_MS 250u /* many clients were given the same second */

static bool time_heals(const struct hj_retry_facts *f)
{
  switch (f->err->code) {
  case HJ_E_RESOLVE:
  case HJ_E_CONNECT:
    return f->met;
  case HJ_E_RESET:
    return f->met && !f->answered;
  case HJ_E_TIMEOUT:
  case HJ_E_STALLED:
  case HJ_E_HTTP_LIMITED:
    return true;
  case HJ_E_HTTP_SERVER: /* a gateway's word on its server. A 500 is the server's own, and as a rule says it again */
    return f->err->http == 502 || f->err->http == 503 || f->err->http == 504;
  default:
    return false;
  }
}

static bool is_enough(const struct hj_retry_facts *f)
{
  if (f->tries <= 1)
    return f->barren >= 1;
  if (f->err->code == HJ_E_PORTAL)
    return f->alike >= PORTAL_TRIES;
  return (f->wasted || !time_heals(f)) && f->alike >= f->tries;
}

static uint32_t top_ms(const struct hj_retry_facts *f)
{
  uint32_t top = f->barren == 0 ? 0 : f->barren < 7 ? HJ_RETRY_BASE_MS << (f->barren - 1) : HJ_RETRY_CAP_MS;
  return top < HJ_RETRY_CAP_MS ? top : HJ_RETRY_CAP_MS;
}

/* A server that names a time later than our patience is believed at once: waiting for nothing helps nobody. */
static struct hj_verdict obey(const struct hj_retry_facts *f)
{
  struct hj_verdict v = { false, false, 0 };
  uint64_t wish_ms = (uint64_t)f->err->retry_ms, left_ms = f->give_up_ms - f->idle_ms;
  v.excused = f->err->code == HJ_E_HTTP_LIMITED && f->barren <= HJ_RETRY_WINDOWS && wish_ms <= HJ_RETRY_WINDOW_MS;
  v.again = v.excused || wish_ms <= left_ms;
  if (v.again)
    v.after_ms = (uint32_t)wish_ms + f->dice % (top_ms(f) > WISH_SPREAD_MS ? top_ms(f) : WISH_SPREAD_MS); /* a wish of 0 is no leave to hammer */
  return v;
}

struct hj_verdict hj_retry(const struct hj_retry_facts *f)
{
  struct hj_verdict v = { false, false, 0 };
  if (!hj_code_again(f->err->code) || is_enough(f) || f->idle_ms >= f->give_up_ms)
    return v;
  if (f->err->retry_ms >= 0)
    return obey(f);
  v.again = true;
  if (f->barren == 0)
    return v; /* it brought something: go on at once */
  v.after_ms = f->dice % (top_ms(f) + 1);
  return v;
}

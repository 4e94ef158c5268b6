/* transfer/origin.c - see origin.h */
#include "transfer/origin.h"

#include "util/banned.h"

bool hj_origin_may_see_secret(const struct hj_url *owner, const struct hj_url *to)
{
  return hj_url_same_origin(owner, to) && (to->https || hj_url_host_is_private(to));
}

int hj_origin_check_redirect(const struct hj_url *from, const struct hj_url *to, int hops, bool from_inside, bool allow_downgrade,
                             struct hj_err *e)
{
  if (hops > HJ_HOPS_MAX)
    return hj_fail(e, HJ_E_REDIRECT, "more than %d redirects, the last one to %s", HJ_HOPS_MAX, to->origin);
  if (from->https && !to->https && !allow_downgrade)
    return hj_fail(e, HJ_E_REDIRECT, "%s redirects from https to plain http (%s), which anybody on the way could read and change",
                   from->origin, to->origin);
  if (hj_url_host_is_inside(to) && !from_inside && !hj_url_host_is_inside(from))
    return hj_fail(e, HJ_E_REDIRECT, "%s redirects into a private network (%s)", from->origin, to->origin);
  return HJ_E_OK;
}

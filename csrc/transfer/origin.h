/* transfer/origin.h - who may see what, and which redirects are followed. Pure.
 *
 * Facts    a secret belongs to one origin: scheme, host and port (RFC 6454). Peers leaked tokens to the CDN on a 302 and to
 *          another port of the same host.
 */
#ifndef HJ_ORIGIN_H
#define HJ_ORIGIN_H

#include "util/url.h"

#define HJ_HOPS_MAX 10

/* May `auth`, made for `owner`, be sent to `to`? Same origin, and https or a private host (tests, clusters). */
bool hj_origin_may_see_secret(const struct hj_url *owner, const struct hj_url *to);
/* HJ_E_REDIRECT with the reason if a redirect from -> to is not followed: https to http (unless allowed), a public host (not
 * `from_inside`: its address is not in a private network) that points into a private network, too many hops. Names that resolve into one
 * are found when they are connected to (request.h, `outside`). */
int hj_origin_check_redirect(const struct hj_url *from, const struct hj_url *to, int hops, bool from_inside, bool allow_downgrade,
                             struct hj_err *e);

#endif

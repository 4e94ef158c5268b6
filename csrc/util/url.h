/* util/url.h - an absolute http(s) URL, taken apart; what may be printed is decided here, once. Pure.
 *
 * Use      struct hj_url u = {0}; hj_url_parse(&u, text, n, e); ... hj_url_release(&u);
 * Promise  `full` goes to libcurl and nowhere else. `shown` is origin and path: no user, query, fragment; messages,
 *          traces, ledger and journals read only that (or `origin`). `origin` is scheme://host:port, lower case, the
 *          port always said.
 * Errors   HJ_E_BADARG: not http(s), no host, a control character or blank, a port outside 1..65535, user info
 *          (user:password@ is refused: secrets do not belong into URLs), longer than HJ_URL_MAX.
 */
#ifndef HJ_URL_H
#define HJ_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/buf.h"

#define HJ_URL_MAX (16u << 10) /* signed CDN URLs were seen at 1-2 KiB; servers refuse lines above 8-16 KiB */

struct hj_url {
  char *full;       /* as given, fragment removed */
  char *shown;      /* origin + path */
  char *origin;     /* "https://host:443" */
  char *path;       /* "/a/b", never empty, still percent-encoded */
  const char *query; /* inside full, after '?', or NULL */
  bool https;
};

int hj_url_parse(struct hj_url *u, const char *text, size_t n, struct hj_err *e);
/* A Location header seen at `base`: absolute, scheme-relative, path-absolute or relative (RFC 3986 section 5.2, dot segments removed). */
int hj_url_join(struct hj_url *out, const struct hj_url *base, const char *location, size_t n, struct hj_err *e);
int hj_url_copy(struct hj_url *out, const struct hj_url *in, struct hj_err *e);
void hj_url_release(struct hj_url *u);                       /* takes a zeroed struct */
bool hj_url_same_origin(const struct hj_url *a, const struct hj_url *b);
/* true for loopback, link-local, RFC 1918 and fc00::/7 literals, "localhost" and *.localhost: names are not resolved. */
bool hj_url_host_is_private(const struct hj_url *u);
/* The same, and whatever else is not in the public network: "this" network, carrier NAT, multicast, and IPv4 in IPv6's clothes. Names
 * are not resolved here; `hj_ip_is_inside` is for the address that one turned out to have, "127.0.0.1" or "fe80::1%eth0". */
bool hj_url_host_is_inside(const struct hj_url *u);
bool hj_ip_is_inside(const char *text);
/* The host alone, without port and brackets; *n is its length. Inside `origin`. */
const char *hj_url_host(const struct hj_url *u, size_t *n);
/* "10.0.0.1" -> 4 bytes, "::1" (no brackets) -> 16 bytes; answers how many, 0: it is no address. */
size_t hj_address_read(const char *p, size_t n, uint8_t out[16]);
/* The value of `name` in the query, percent-decoded into out[cap]; false if absent or too long. */
bool hj_url_query_value(const struct hj_url *u, const char *name, char *out, size_t cap);

#endif

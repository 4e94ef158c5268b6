/* transfer/proxy.h - which way a request goes: through which proxy, or straight. Pure.
 *
 * Facts    libcurl's own no_proxy knows no ports in any version and no networks before 7.86, and other programs of the same user read
 *          more out of that variable: so the verdict is ours and libcurl is told one proxy, or none.
 * Promise  what is shown of a proxy never holds its user or password.
 */
#ifndef HJ_PROXY_H
#define HJ_PROXY_H

#include "transfer/request.h"

/* Does `list` (no_proxy) say that this URL's host is reached without a proxy? Entries are parted by commas or blanks: "*" everything;
 * "example.com", ".example.com", "*.example.com" the domain and all below it; "10.0.0.0/8", "fd00::/8" addresses in a network;
 * "10.1.2.3", "[::1]"; each but "*" may end in ":port". Names are not resolved. Entries that make no sense match nothing. */
bool hj_proxy_bypassed(const char *list, const struct hj_url *url);
/* The proxy for this URL, NULL: straight. */
const char *hj_proxy_for(const struct hj_net *net, const struct hj_url *url);
/* "socks5h://host:1080": scheme, host and port. */
void hj_proxy_shown(const char *proxy, char *out, size_t cap);
/* Is TLS spoken to the proxy itself, so that a certificate may be its own? */
bool hj_proxy_is_https(const char *proxy);
/* Does this computer look the name up for a proxy that may be given either kind of address? Then it gets an IPv4 one: libcurl takes the
 * first that is found and tries no other, many such proxies have no IPv6, and PySocks (requests, pip) never gives them one. */
bool hj_proxy_wants_ipv4(const char *proxy, const struct hj_url *url);

#endif

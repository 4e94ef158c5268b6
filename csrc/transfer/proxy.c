/* transfer/proxy.c - see proxy.h */
#include "transfer/proxy.h"

#include <string.h>
#include "util/text.h"
#include "util/banned.h"

struct piece { const char *p; size_t n; };

static bool is_gap(char c) { return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* host[:port] -> host without brackets and final dot; false: a port was said and is none. port 0: none was said. */
static bool split_port(struct piece *host, uint64_t *port)
{
  const char *colon = NULL;
  size_t colons = 0;
  *port = 0;
  for (size_t i = 0; i < host->n; i++)
    if (host->p[i] == ':') {
      colon = host->p + i;
      colons++;
    }
  if (host->n && host->p[0] == '[') {
    const char *end = memchr(host->p, ']', host->n);
    if (!end)
      return false;
    if (end + 1 < host->p + host->n && (end[1] != ':' || !hj_text_u64(end + 2, (size_t)(host->p + host->n - end - 2), port)))
      return false;
    *host = (struct piece){ host->p + 1, (size_t)(end - host->p - 1) };
  } else if (colons == 1) { /* more of them: an IPv6 address without brackets */
    if (!hj_text_u64(colon + 1, (size_t)(host->p + host->n - colon - 1), port))
      return false;
    host->n = (size_t)(colon - host->p);
  }
  if (host->n && host->p[host->n - 1] == '.')
    host->n--;
  return *port <= 65535;
}

static bool in_network(const uint8_t a[16], size_t a_n, const uint8_t net[16], size_t net_n, uint64_t bits)
{
  if (a_n != net_n || bits > net_n * 8)
    return false;
  for (size_t i = 0; i < net_n && bits; i++) {
    unsigned here = bits < 8 ? (unsigned)bits : 8;
    uint8_t mask = (uint8_t)(0xff << (8 - here));
    if ((a[i] ^ net[i]) & mask)
      return false;
    bits -= here;
  }
  return true;
}

static bool same_name(struct piece a, struct piece b)
{
  for (size_t i = 0; i < a.n && i < b.n; i++)
    if (hj_text_lower(a.p[i]) != hj_text_lower(b.p[i]))
      return false;
  return a.n == b.n;
}

static bool entry_holds(struct piece entry, struct piece host, uint64_t port)
{
  uint8_t a[16], net[16];
  const char *slash;
  size_t a_n, net_n;
  uint64_t its_port, bits;
  if (entry.n == 1 && entry.p[0] == '*')
    return true;
  slash = memchr(entry.p, '/', entry.n);
  if (slash) {
    if (!hj_text_u64(slash + 1, (size_t)(entry.p + entry.n - slash - 1), &bits))
      return false;
    entry.n = (size_t)(slash - entry.p);
  }
  if (!split_port(&entry, &its_port) || (its_port && its_port != port))
    return false;
  a_n = hj_address_read(host.p, host.n, a);
  net_n = hj_address_read(entry.p, entry.n, net);
  if (slash || net_n)
    return a_n && net_n && in_network(a, a_n, net, net_n, slash ? bits : net_n * 8);
  if (entry.n > 1 && entry.p[0] == '*' && entry.p[1] == '.')
    entry = (struct piece){ entry.p + 1, entry.n - 1 };
  while (entry.n && entry.p[0] == '.')
    entry = (struct piece){ entry.p + 1, entry.n - 1 };
  if (!entry.n || entry.n > host.n)
    return false;
  if (entry.n < host.n && (a_n || host.p[host.n - entry.n - 1] != '.'))
    return false;
  return same_name(entry, (struct piece){ host.p + host.n - entry.n, entry.n });
}

bool hj_proxy_bypassed(const char *list, const struct hj_url *url)
{
  const char *origin = strstr(url->origin, "://");
  struct piece host;
  uint64_t port;
  if (!list || !origin)
    return false;
  host = (struct piece){ origin + 3, strlen(origin + 3) };
  if (!split_port(&host, &port))
    return false;
  while (*list) {
    struct piece entry = { list, 0 };
    while (entry.p[entry.n] && !is_gap(entry.p[entry.n]))
      entry.n++;
    if (entry.n && entry_holds(entry, host, port))
      return true;
    list += entry.n + (entry.p[entry.n] != 0);
  }
  return false;
}

const char *hj_proxy_for(const struct hj_net *net, const struct hj_url *url)
{
  const char *proxy = url->https ? net->proxy_https : net->proxy_http;
  return proxy && *proxy && !hj_proxy_bypassed(net->no_proxy, url) ? proxy : NULL;
}

void hj_proxy_shown(const char *proxy, char *out, size_t cap)
{
  const char *host = strstr(proxy, "://"), *at;
  size_t scheme = host ? (size_t)(host + 3 - proxy) : 0, n;
  host = host ? host + 3 : proxy;
  at = strrchr(host, '@'); /* whatever stands before the last one is no host */
  host = at ? at + 1 : host;
  n = strcspn(host, "/?#");
  if (scheme + n >= cap) {
    out[0] = 0;
    return;
  }
  hj_text_show(proxy, scheme, out, cap);
  hj_text_show(host, n, out + scheme, cap - scheme);
}

bool hj_proxy_is_https(const char *proxy) { return hj_text_starts(proxy, "https://"); }

bool hj_proxy_wants_ipv4(const char *proxy, const struct hj_url *url)
{
  size_t n;
  const char *host = hj_url_host(url, &n);
  return hj_text_starts(proxy, "socks5://") && !strchr(proxy, '[') && !memchr(host, ':', n); /* neither side's address is IPv6 as given */
}

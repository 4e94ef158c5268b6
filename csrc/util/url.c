/* util/url.c - see url.h. */
#include "util/url.h"

#include <stdint.h>
#include <string.h>

#include "util/mem.h"
#include "util/text.h"

#include "util/banned.h"

struct piece { const char *p; size_t n; };

/* An URL or a reference cut at its marks (RFC 3986 appendix B). p == NULL: that component is absent. */
struct split { struct piece scheme, authority, path, query; };

static size_t span_until(const char *p, size_t n, const char *stops)
{
  size_t i = 0;
  while (i < n && !(p[i] && strchr(stops, p[i])))
    i++;
  return i;
}

static size_t scheme_length(const char *p, size_t n)
{
  size_t i = 0;
  for (; i < n && p[i] != ':'; i++) {
    char c = hj_text_lower(p[i]);
    bool letter = c >= 'a' && c <= 'z', other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    if (!letter && !(other && i > 0))
      return 0;
  }
  return i < n ? i : 0;
}

static struct split split_at_marks(const char *p, size_t n)
{
  struct split s = { { 0 }, { 0 }, { 0 }, { 0 } };
  n = span_until(p, n, "#");
  size_t k = scheme_length(p, n);
  if (k) {
    s.scheme = (struct piece){ p, k };
    p += k + 1;
    n -= k + 1;
  }
  if (n >= 2 && p[0] == '/' && p[1] == '/') {
    k = span_until(p + 2, n - 2, "/?");
    s.authority = (struct piece){ p + 2, k };
    p += 2 + k;
    n -= 2 + k;
  }
  k = span_until(p, n, "?");
  s.path = (struct piece){ p, k };
  if (k < n)
    s.query = (struct piece){ p + k + 1, n - k - 1 };
  return s;
}

/* Letters, digits, '-', '.', '_'; within [ ] hex digits, ':' and '.'. Nothing else: '\', '%' or '@' in this place are read
 * differently by different programs, and then the origin that was checked is not the one that is contacted. */
static bool host_is_plain(struct piece host)
{
  bool literal = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
  if (literal)
    host = (struct piece){ host.p + 1, host.n - 2 };
  for (size_t i = 0; i < host.n; i++) {
    char c = hj_text_lower(host.p[i]);
    bool digit = c >= '0' && c <= '9';
    if (literal ? !(digit || (c >= 'a' && c <= 'f') || c == ':' || c == '.')
                : !(digit || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_'))
      return false;
  }
  return host.n > 0;
}

/* "host", "host:port", "[v6]:port" -> host and port. */
static bool read_authority(struct piece a, bool https, struct piece *host, uint64_t *port)
{
  size_t k = 0;
  if (a.n && a.p[0] == '[') {
    k = span_until(a.p, a.n, "]");
    if (k == a.n)
      return false;
    k++;
  } else {
    k = span_until(a.p, a.n, ":");
  }
  *host = (struct piece){ a.p, k };
  *port = https ? 443 : 80;
  if (!host_is_plain(*host))
    return false;
  if (k == a.n || (a.p[k] == ':' && k + 1 == a.n)) /* RFC 3986 allows an empty port */
    return true;
  return a.p[k] == ':' && hj_text_u64(a.p + k + 1, a.n - k - 1, port) && *port >= 1 && *port <= 65535;
}

static int refuse(struct hj_err *e, const char *why)
{
  /* The text itself may hold a secret, so it is not shown. */
  return hj_fail(e, HJ_E_BADARG, "not an URL that can be used: %s", why);
}

static int fill(struct hj_url *u, struct split s, size_t n, struct piece host, uint64_t port, struct hj_err *e)
{
  const char *text = s.scheme.p;
  struct hj_buf b;
  hj_buf_init(&b, HJ_URL_MAX + 64);  /* the port that is always said may make it longer than it came */

  u->full = hj_mem_text_n(text, span_until(text, n, "#"), e);
  if (!u->full)
    goto out;
  if (s.query.p)
    u->query = u->full + (s.query.p - text);

  if (hj_buf_printf(&b, e, "%s://%.*s:%u", u->https ? "https" : "http", (int)host.n, host.p, (unsigned)port))
    goto out;
  for (size_t i = 0; i < b.len; i++)
    b.p[i] = hj_text_lower(b.p[i]);
  u->origin = hj_mem_text(b.p, e);
  u->path = s.path.n ? hj_mem_text_n(s.path.p, s.path.n, e) : hj_mem_text("/", e);
  if (!u->origin || !u->path || hj_buf_text(&b, u->path, e))
    goto out;
  u->shown = hj_buf_take(&b);
out:
  hj_buf_release(&b);
  return (int)e->code;
}

int hj_url_parse(struct hj_url *u, const char *text, size_t n, struct hj_err *e)
{
  struct hj_url made = { 0 };
  struct piece host;
  uint64_t port;
  if (n > HJ_URL_MAX)
    return refuse(e, "too long");
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
      return refuse(e, "it holds a blank or a control character");
  struct split s = split_at_marks(text, n);
  made.https = s.scheme.p && hj_text_same(s.scheme.p, s.scheme.n, "https");
  if (!made.https && !(s.scheme.p && hj_text_same(s.scheme.p, s.scheme.n, "http")))
    return refuse(e, "it does not begin with https:// or http://");
  if (!s.authority.p || s.authority.n == 0)
    return refuse(e, "it names no host");
  if (memchr(s.authority.p, '@', s.authority.n))
    return refuse(e, "it carries a user name or password; those do not belong into URLs");
  if (!read_authority(s.authority, made.https, &host, &port))
    return refuse(e, "its host or port is malformed");
  int rc = fill(&made, s, n, host, port, e);
  if (rc) {
    hj_url_release(&made);
    return rc;
  }
  hj_url_release(u);
  *u = made;
  return HJ_E_OK;
}

/* RFC 3986 section 5.2.4 on text that begins with '/': drops "." and "x/.." in place of nothing. */
static void remove_dots(char *p, size_t *n)
{
  size_t in = 0, out = 0;
  while (in < *n) {  /* p[in] is '/' here, except at the very start of a path without one */
    size_t k = 1 + span_until(p + in + 1, *n - in - 1, "/");
    bool last = in + k == *n;
    if (k == 2 && p[in + 1] == '.') {
      if (last)
        p[out++] = '/';
    } else if (k == 3 && p[in + 1] == '.' && p[in + 2] == '.') {
      while (out > 0 && p[--out] != '/')
        ;
      if (last)
        p[out++] = '/';
    } else {
      memmove(p + out, p + in, k);
      out += k;
    }
    in += k;
  }
  *n = out;
}

static int add_piece(struct hj_buf *b, const char *before, struct piece x, struct hj_err *e)
{
  if (!x.p)
    return HJ_E_OK;
  if (hj_buf_text(b, before, e))
    return (int)e->code;
  return hj_buf_add(b, x.p, x.n, e);
}

/* The path of the result, RFC 3986 section 5.2.2 and 5.2.3. */
static int add_path(struct hj_buf *b, const struct split *base, const struct split *ref, struct hj_err *e)
{
  size_t from = b->len, n;
  if (ref->authority.p || (ref->path.n && ref->path.p[0] == '/')) {
    if (add_piece(b, "", ref->path, e))
      return (int)e->code;
  } else if (ref->path.n == 0) {
    return add_piece(b, "", base->path, e);
  } else {
    struct piece folder = base->path;
    while (folder.n && folder.p[folder.n - 1] != '/')
      folder.n--;
    if (folder.n == 0)
      folder = (struct piece){ "/", 1 };
    if (add_piece(b, "", folder, e) || add_piece(b, "", ref->path, e))
      return (int)e->code;
  }
  n = b->len - from;
  if (n) {
    remove_dots(b->p + from, &n);
    b->len = from + n;
    b->p[b->len] = 0;
  }
  return HJ_E_OK;
}

int hj_url_join(struct hj_url *out, const struct hj_url *base, const char *location, size_t n, struct hj_err *e)
{
  struct hj_buf b;
  hj_buf_init(&b, HJ_URL_MAX);
  struct split from = split_at_marks(base->full, strlen(base->full));
  struct split ref = split_at_marks(location, n);
  if (ref.scheme.p && !ref.authority.p) {
    (void)refuse(e, "it has a scheme but names no host");
    goto out;
  }
  bool own_host = ref.authority.p != NULL;
  bool keeps_query = !own_host && ref.path.n == 0 && !ref.query.p;
  if (add_piece(&b, "", ref.scheme.p ? ref.scheme : from.scheme, e) ||
      add_piece(&b, "://", own_host ? ref.authority : from.authority, e) ||
      add_path(&b, &from, &ref, e) ||
      add_piece(&b, "?", keeps_query ? from.query : ref.query, e))
    goto out;
  (void)hj_url_parse(out, b.p, b.len, e);
out:
  hj_buf_release(&b);
  if (e->code == HJ_E_TOOBIG)
    e->code = HJ_E_BADARG;  /* what url.h promises for "too long" */
  return (int)e->code;
}

int hj_url_copy(struct hj_url *out, const struct hj_url *in, struct hj_err *e)
{
  return hj_url_parse(out, in->full, strlen(in->full), e);
}

void hj_url_release(struct hj_url *u)
{
  hj_mem_free(u->full);
  hj_mem_free(u->shown);
  hj_mem_free(u->origin);
  hj_mem_free(u->path);
  *u = (struct hj_url){ 0 };
}

bool hj_url_same_origin(const struct hj_url *a, const struct hj_url *b)
{
  return a->origin && b->origin && strcmp(a->origin, b->origin) == 0;
}

/* The usual four decimal numbers only, none with a zero in front. "127.1" or "0x7f.1" are loopback to libcurl and a public name to us: the
 * wrong answer in that direction only withholds a token. "010.0.0.1" is 8.0.0.1 to libcurl (octal): called private, it would get one. */
static bool read_ipv4(struct piece h, uint8_t out[4])
{
  for (int i = 0; i < 4; i++) {
    uint64_t v;
    size_t k = span_until(h.p, h.n, ".");
    if (k > 3 || !hj_text_u64(h.p, k, &v) || v > 255 || (k > 1 && h.p[0] == '0') || (k == h.n) != (i == 3))
      return false;
    out[i] = (uint8_t)v;
    if (k < h.n)
      k++;
    h = (struct piece){ h.p + k, h.n - k };
  }
  return true;
}

static bool ipv4_is_private(const uint8_t a[4])
{
  return a[0] == 127 || a[0] == 10 || (a[0] == 172 && (a[1] & 0xF0) == 16) || (a[0] == 192 && a[1] == 168) ||
         (a[0] == 169 && a[1] == 254);
}

/* One group of up to four hex digits. */
static bool read_group(struct piece g, uint16_t *out)
{
  char four[4] = { '0', '0', '0', '0' };
  uint8_t bytes[2];
  if (g.n < 1 || g.n > 4)
    return false;
  memcpy(four + 4 - g.n, g.p, g.n);
  if (!hj_text_unhex(four, 4, bytes))
    return false;
  *out = (uint16_t)(bytes[0] << 8 | bytes[1]);
  return true;
}

/* RFC 4291 section 2.2: eight groups, one "::" for zeros, the last two groups may be written as IPv4. */
static bool read_ipv6(struct piece h, uint16_t out[8])
{
  uint16_t got[8];
  size_t n = 0, gap = SIZE_MAX, i = 0;
  if (h.n >= 2 && h.p[0] == ':' && h.p[1] == ':') {
    gap = 0;
    i = 2;
  }
  while (i < h.n) {
    struct piece g = { h.p + i, span_until(h.p + i, h.n - i, ":") };
    uint8_t four[4];
    if (g.n + i == h.n && n <= 6 && read_ipv4(g, four)) {
      got[n++] = (uint16_t)(four[0] << 8 | four[1]);
      got[n++] = (uint16_t)(four[2] << 8 | four[3]);
      break;
    }
    if (n == 8 || !read_group(g, &got[n]))
      return false;
    n++;
    i += g.n;
    if (i == h.n)
      break;
    i++;                                /* the ':' */
    if (i == h.n)
      return false;                     /* a single one at the end */
    if (h.p[i] == ':') {
      if (gap != SIZE_MAX)
        return false;
      gap = n;
      i++;
    }
  }
  if (gap == SIZE_MAX ? n != 8 : n > 7)
    return false;
  memset(out, 0, 8 * sizeof *out);
  size_t head = gap == SIZE_MAX ? n : gap;
  memcpy(out, got, head * sizeof *out);
  memcpy(out + 8 - (n - head), got + head, (n - head) * sizeof *out);
  return true;
}

static bool ipv6_is_private(const uint16_t g[8])
{
  bool zeros = true;
  for (int i = 0; i < 5; i++)
    zeros = zeros && g[i] == 0;
  if (zeros && g[5] == 0 && g[6] == 0 && g[7] == 1)
    return true;
  if (zeros && g[5] == 0xffff) {        /* ::ffff:10.0.0.1 is IPv4 in other clothes */
    const uint8_t a[4] = { (uint8_t)(g[6] >> 8), (uint8_t)g[6], (uint8_t)(g[7] >> 8), (uint8_t)g[7] };
    return ipv4_is_private(a);
  }
  return (g[0] & 0xffc0) == 0xfe80 || (g[0] & 0xfe00) == 0xfc00;
}

/* 198.18/15 is not among them: proxies that take over a whole machine (Clash and its like) give every host of the world an address
 * from there. */
static bool ipv4_is_inside(const uint8_t a[4])
{
  return ipv4_is_private(a) || a[0] == 0 || (a[0] == 100 && (a[1] & 0xC0) == 64) || (a[0] == 192 && a[1] == 0 && a[2] == 0) || a[0] >= 224;
}

static bool ipv6_is_inside(const uint16_t g[8])
{
  const uint8_t last[4] = { (uint8_t)(g[6] >> 8), (uint8_t)g[6], (uint8_t)(g[7] >> 8), (uint8_t)g[7] };
  const uint8_t second[4] = { (uint8_t)(g[1] >> 8), (uint8_t)g[1], (uint8_t)(g[2] >> 8), (uint8_t)g[2] };
  bool zeros = !g[0] && !g[1] && !g[2] && !g[3] && !g[4];
  if (ipv6_is_private(g) || (g[0] & 0xffc0) == 0xfec0 || (g[0] & 0xff00) == 0xff00)
    return true;
  if (zeros && (g[5] == 0 || g[5] == 0xffff))                     /* ::, ::127.0.0.1, ::ffff:127.0.0.1 */
    return ipv4_is_inside(last);
  if (g[0] == 0x64 && g[1] == 0xff9b)                             /* NAT64; 64:ff9b:1::/48 is a network's own */
    return g[2] == 1 || ipv4_is_inside(last);
  return g[0] == 0x2002 && ipv4_is_inside(second);                /* 6to4 */
}

const char *hj_url_host(const struct hj_url *u, size_t *n)
{
  const char *p = u->origin ? strstr(u->origin, "://") : NULL;
  if (!p) {
    *n = 0;
    return "";
  }
  p += 3;
  *n = (size_t)(strrchr(p, ':') - p);
  if (*p == '[') {
    p++;
    *n -= 2;
  }
  return p;
}

static bool is_localhost(struct piece host)
{
  static const char local[] = ".localhost";
  const size_t local_n = sizeof local - 1;
  host.n -= host.n && host.p[host.n - 1] == '.';   /* libcurl takes "localhost." for localhost */
  return hj_text_same(host.p, host.n, local + 1) || (host.n > local_n && hj_text_same(host.p + host.n - local_n, local_n, local));
}

bool hj_url_host_is_private(const struct hj_url *u)
{
  struct piece host;
  uint8_t four[4];
  uint16_t groups[8];
  host.p = hj_url_host(u, &host.n);
  if (host.n && host.p[-1] == '[')
    return read_ipv6(host, groups) && ipv6_is_private(groups);
  return read_ipv4(host, four) ? ipv4_is_private(four) : is_localhost(host);
}

static bool address_is_inside(struct piece host)
{
  uint8_t four[4];
  uint16_t groups[8];
  if (read_ipv4(host, four))
    return ipv4_is_inside(four);
  return read_ipv6(host, groups) && ipv6_is_inside(groups);
}

bool hj_url_host_is_inside(const struct hj_url *u)
{
  struct piece host;
  host.p = hj_url_host(u, &host.n);
  return address_is_inside(host) || is_localhost(host);
}

bool hj_ip_is_inside(const char *text) { return address_is_inside((struct piece){ text, span_until(text, strlen(text), "%") }); }

size_t hj_address_read(const char *p, size_t n, uint8_t out[16])
{
  uint16_t groups[8];
  if (read_ipv4((struct piece){ p, n }, out))
    return 4;
  if (!memchr(p, ':', n) || !read_ipv6((struct piece){ p, n }, groups))
    return 0;
  for (int i = 0; i < 8; i++) {
    out[2 * i] = (uint8_t)(groups[i] >> 8);
    out[2 * i + 1] = (uint8_t)groups[i];
  }
  return 16;
}

static bool decode(struct piece v, char *out, size_t cap)
{
  size_t at = 0;
  for (size_t i = 0; i < v.n; i++) {
    uint8_t byte = (uint8_t)v.p[i];
    if (byte == '%') {
      if (v.n - i < 3 || !hj_text_unhex(v.p + i + 1, 2, &byte))
        return false;
      i += 2;
    }
    if (byte == 0 || at + 1 >= cap)
      return false;
    out[at++] = (char)byte;
  }
  if (at >= cap)
    return false;
  out[at] = 0;
  return true;
}

bool hj_url_query_value(const struct hj_url *u, const char *name, char *out, size_t cap)
{
  size_t name_n = strlen(name);
  const char *p = u->query;
  while (p && *p) {
    size_t n = span_until(p, strlen(p), "&"), k = span_until(p, n, "=");
    if (k == name_n && memcmp(p, name, k) == 0) {
      struct piece value = { p + k, 0 };
      if (k < n)
        value = (struct piece){ p + k + 1, n - k - 1 };
      return decode(value, out, cap);
    }
    p += n;
    if (*p == '&')
      p++;
  }
  return false;
}

/* tests/fuzz/fuzz_url.c - URLs from users, from Location headers, from listings: what we checked is what libcurl will contact. */
#include <arpa/inet.h>
#include <curl/curl.h>

#include "engine/source.h"
#include "fuzz.h"
#include "transfer/origin.h"
#include "util/text.h"
#include "util/url.h"

static bool has_sign(const char *text, const char *signs) { return strpbrk(text, signs) != NULL; }

/* libcurl's own reading of a text, as CURLOPT_URL makes it: host and port. false: it refuses. */
static bool curl_reads(const char *text, char host[2048], char port[16], bool *https)
{
  CURLU *u = curl_url();
  char *part = NULL;
  bool good = u && !curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
  if (good && !curl_url_get(u, CURLUPART_SCHEME, &part, 0)) {
    *https = !strcmp(part, "https");
    curl_free(part);
    good = !curl_url_get(u, CURLUPART_HOST, &part, 0);
  }
  if (good) {
    (void)snprintf(host, 2048, "%s", part);
    curl_free(part);
    good = !curl_url_get(u, CURLUPART_PORT, &part, CURLU_DEFAULT_PORT);
  }
  if (good) {
    (void)snprintf(port, 16, "%s", part);
    curl_free(part);
  }
  curl_url_cleanup(u);
  return good;
}

static bool four_is_private(const struct in_addr *four)
{
  uint32_t a = ntohl(four->s_addr);
  return a >> 24 == 127 || a >> 24 == 10 || a >> 24 == 0 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 16 == 0xa9fe;
}

/* Is an address, in whatever clothes, this machine or a private network? */
static bool address_is_private(const char *host)
{
  struct in_addr four;
  struct in6_addr six;
  char bare[128];
  if (inet_aton(host, &four))
    return four_is_private(&four);
  size_t n = strlen(host);
  if (n < 3 || n >= sizeof bare || host[0] != '[')
    return false;
  memcpy(bare, host + 1, n - 2);
  bare[n - 2] = 0;
  if (inet_pton(AF_INET6, bare, &six) != 1)
    return false;
  memcpy(&four, six.s6_addr + 12, sizeof four);
  if (IN6_IS_ADDR_V4MAPPED(&six) || IN6_IS_ADDR_V4COMPAT(&six))
    return four_is_private(&four);
  return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_UNSPECIFIED(&six) || IN6_IS_ADDR_LINKLOCAL(&six) || (six.s6_addr[0] & 0xfe) == 0xfc;
}

/* "[::1]" and "[0:0::1]" are one host, and so is the same text. */
static bool same_host(const char *a, const char *b, size_t b_n)
{
  struct in6_addr x, y;
  char p[128], q[128];
  if (hj_text_same(b, b_n, a))
    return true;
  size_t n = strlen(a);
  if (n < 3 || b_n < 3 || n >= sizeof p || b_n >= sizeof q || a[0] != '[' || b[0] != '[')
    return false;
  memcpy(p, a + 1, n - 2);
  p[n - 2] = 0;
  memcpy(q, b + 1, b_n - 2);
  q[b_n - 2] = 0;
  return inet_pton(AF_INET6, p, &x) == 1 && inet_pton(AF_INET6, q, &y) == 1 && !memcmp(&x, &y, sizeof x);
}

static void look_at_url(const struct hj_url *u)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url again = { 0 };
  char host[2048], port[16];
  bool https = false;
  MUST(u->full && u->shown && u->origin && u->path && strlen(u->full) <= HJ_URL_MAX);
  MUST(hj_text_starts(u->origin, u->https ? "https://" : "http://"));
  const char *from = u->origin + (u->https ? 8 : 7), *colon = strrchr(from, ':');
  MUST(colon && colon > from && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1));
  MUST(!has_sign(from, "/?#@\\% ") && !has_sign(u->shown, "?#"));
  MUST(u->path[0] == '/' && hj_text_starts(u->shown, u->origin) && !strcmp(u->shown + strlen(u->origin), u->path));
  MUST(!u->query || (u->query > u->full && u->query[-1] == '?' && u->query <= u->full + strlen(u->full)));
  for (const char *p = u->full; *p; p++)
    MUST((unsigned char)*p > ' ' && *p != 0x7f && *p != '#');
  MUST(hj_url_copy(&again, u, &e) == HJ_E_OK);
  MUST(!strcmp(again.full, u->full) && !strcmp(again.shown, u->shown) && hj_url_same_origin(&again, u));
  hj_url_release(&again);

  if (!curl_reads(u->full, host, port, &https))
    return;
  struct in_addr four;
  char bare[2048], text[2048];
  size_t n;
  const char *ours = hj_url_host(u, &n);
  MUST(https == u->https && !strcmp(port, colon + 1) && n < sizeof text);
  memcpy(text, ours, n);
  text[n] = 0;
  bool clothed = inet_aton(text, &four) != 0;                  /* "127.1", "0x7f.1": an address that libcurl writes anew */
  MUST(clothed || same_host(host, from, (size_t)(colon - from)));
  (void)snprintf(bare, sizeof bare, "%.*s", (int)strcspn(host + (host[0] == '['), "]"), host + (host[0] == '['));
  if (address_is_private(host)) {
    MUST(hj_ip_is_inside(bare));                               /* what is connected to is known for what it is */
    MUST(clothed || hj_url_host_is_inside(u));
  }
  if (hj_url_host_is_private(u)) {                             /* a token may go there in plain text */
    size_t h = strlen(bare) - (bare[0] && bare[strlen(bare) - 1] == '.');
    MUST(address_is_private(host) || (h >= 9 && hj_text_same(bare + h - 9, 9, "localhost")));
    MUST(hj_url_host_is_inside(u));
  }
}

static bool parse(struct hj_url *u, const char *text, size_t n)
{
  struct hj_err e = HJ_ERR_INIT;
  int rc = hj_url_parse(u, text, n, &e);
  MUST(rc == (int)e.code && (rc == HJ_E_OK || rc == HJ_E_BADARG));
  MUST((rc == HJ_E_OK) == (u->full != NULL));
  if (!rc)
    look_at_url(u);
  return !rc;
}

/* Two lines: an URL, and a Location seen there. */
FUZZ(url)
{
  struct feed f = { p, n };
  struct hj_url base = { 0 }, to = { 0 };
  struct hj_err e = HJ_ERR_INIT;
  size_t base_n, n2;
  char *text = feed_until(&f, '\n', &base_n), *location = feed_until(&f, '\n', &n2);
  char value[64];
  if (!parse(&base, text, base_n))
    goto out;
  if (hj_url_query_value(&base, "etag", value, sizeof value))
    MUST(strlen(value) < sizeof value);
  (void)hj_url_query_value(&base, "", value, 1);

  int rc = hj_url_join(&to, &base, location, n2, &e);
  MUST(rc == (int)e.code && (rc == HJ_E_OK || rc == HJ_E_BADARG) && (rc == HJ_E_OK) == (to.full != NULL));
  if (!rc) {
    look_at_url(&to);
    bool own_path = n2 && location[0] != '?' && location[0] != '#';   /* else the path is the base's, as it came */
    if (own_path)
      MUST(!strstr(to.path, "/../") && !strstr(to.path, "/./"));
    bool names_host = n2 >= 2 && location[0] == '/' && location[1] == '/';
    const char *colon = n2 ? memchr(location, ':', n2) : NULL;
    if (!names_host && !colon)                                /* a relative reference stays where it was seen */
      MUST(hj_url_same_origin(&to, &base));
    struct hj_url twice = { 0 };
    hj_err_clear(&e);
    MUST(!hj_url_join(&twice, &base, to.full, strlen(to.full), &e));
    MUST(!own_path || !strcmp(twice.full, to.full));           /* nothing moves any more */
    hj_url_release(&twice);
  }
out:
  free(text);
  free(location);
  hj_url_release(&base);
  hj_url_release(&to);
}

/* Two URLs: what may be sent along, and what is followed. */
FUZZ(origin)
{
  struct feed f = { p, n };
  struct hj_url a = { 0 }, b = { 0 };
  struct hj_err e = HJ_ERR_INIT;
  uint8_t how = feed_byte(&f);
  size_t an, bn;
  char *x = feed_until(&f, '\n', &an), *y = feed_until(&f, '\n', &bn);
  if (parse(&a, x, an) && parse(&b, y, bn)) {
    int hops = how >> 1 & 15;
    bool downgrade = how & 1, inside = how & 32, follows = hj_origin_check_redirect(&a, &b, hops, inside, downgrade, &e) == HJ_E_OK;
    MUST(hj_url_same_origin(&a, &b) == hj_url_same_origin(&b, &a));
    MUST(hj_origin_may_see_secret(&a, &a) == (a.https || hj_url_host_is_private(&a)));
    if (hj_origin_may_see_secret(&a, &b))
      MUST(!strcmp(a.origin, b.origin) && (b.https || hj_url_host_is_private(&b)));
    if (follows)
      MUST(hops <= HJ_HOPS_MAX && (b.https || !a.https || downgrade) && (!hj_url_host_is_inside(&b) || inside || hj_url_host_is_inside(&a)));
    else
      MUST(e.code == HJ_E_REDIRECT && e.msg[0] && !has_sign(e.msg, "?#\n"));
  }
  free(x);
  free(y);
  hj_url_release(&a);
  hj_url_release(&b);
}

/* How long a signed URL lives is its own word, and never longer than that. */
FUZZ(lifetime)
{
  struct feed f = { p, n };
  struct hj_url u = { 0 };
  int64_t now = (int64_t)(feed_number(&f) % ((uint64_t)1 << 41));
  size_t k;
  char *text = feed_until(&f, '\n', &k);
  if (parse(&u, text, k)) {
    uint64_t s = hj_source_lifetime_s(&u, now);
    MUST(s == 0 || s > 10);
    MUST(s == 0 || u.query);
    struct hj_source source = { .state = HJ_SOURCE_UNKNOWN };
    struct hj_err e = HJ_ERR_INIT;
    MUST(!hj_source_redirected(&source, &u, s, 1000, &e));
    MUST(!s || source.stale_ms > 1000);                          /* not stale before it was used */
    MUST(hj_source_way(&source, 1000) != HJ_WAY_WAIT);
    hj_source_release(&source);
  }
  free(text);
  hj_url_release(&u);
}

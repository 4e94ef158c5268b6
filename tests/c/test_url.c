/* tests/c/test_url.c - what goes to libcurl, what may be printed, and who may see a token. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "guard.h"
#include "harness.h"
#include "sweep.h"
#include "util/mem.h"
#include "util/url.h"

static int parse(struct hj_url *u, const char *text, struct hj_err *e)
{
  struct guard g = guard_copy(text, strlen(text));
  int rc = hj_url_parse(u, g.p, strlen(text), e);
  guard_end(&g);
  return rc;
}

TEST(an_url_is_taken_apart)
{
  static const struct { const char *text, *full, *shown, *origin, *path, *query; } rows[] = {
    { "https://huggingface.co/a/b", "https://huggingface.co/a/b", "https://huggingface.co:443/a/b",
      "https://huggingface.co:443", "/a/b", NULL },
    { "HTTP://Host:8080/A?q=1#top", "HTTP://Host:8080/A?q=1", "http://host:8080/A", "http://host:8080", "/A", "q=1" },
    { "http://h", "http://h", "http://h:80/", "http://h:80", "/", NULL },
    { "http://h?", "http://h?", "http://h:80/", "http://h:80", "/", "" },
    { "https://h?x=/a", "https://h?x=/a", "https://h:443/", "https://h:443", "/", "x=/a" },
    { "https://h#f", "https://h", "https://h:443/", "https://h:443", "/", NULL },
    { "https://h/#f?g", "https://h/", "https://h:443/", "https://h:443", "/", NULL },
    { "https://h:/x", "https://h:/x", "https://h:443/x", "https://h:443", "/x", NULL },
    { "https://h:00443/x", "https://h:00443/x", "https://h:443/x", "https://h:443", "/x", NULL },
    { "https://[::1]:65535/", "https://[::1]:65535/", "https://[::1]:65535/", "https://[::1]:65535", "/", NULL },
    { "https://[FE80::A]/", "https://[FE80::A]/", "https://[fe80::a]:443/", "https://[fe80::a]:443", "/", NULL },
    { "https://h/%20%2f..?a?b", "https://h/%20%2f..?a?b", "https://h:443/%20%2f..", "https://h:443", "/%20%2f..", "a?b" },
    { "https://h/a:b@c", "https://h/a:b@c", "https://h:443/a:b@c", "https://h:443", "/a:b@c", NULL },
    { "https://h_1.x-y.z/\xc3\xa4", "https://h_1.x-y.z/\xc3\xa4", "https://h_1.x-y.z:443/\xc3\xa4",
      "https://h_1.x-y.z:443", "/\xc3\xa4", NULL },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_url u = { 0 };
    context("%s", rows[i].text);
    CHECK_OK(parse(&u, rows[i].text, &e), e);
    CHECK_STR(u.full, rows[i].full);
    CHECK_STR(u.shown, rows[i].shown);
    CHECK_STR(u.origin, rows[i].origin);
    CHECK_STR(u.path, rows[i].path);
    CHECK_STR(u.query, rows[i].query);
    CHECK_EQ(u.https, u.origin[4] == 's');
    hj_url_release(&u);
  }
}

TEST(what_is_refused_leaves_the_url_as_it_was_and_is_not_repeated)
{
  static const char *const rows[] = {
    "", "https", "https:", "https:/", "https://", "https:///path", "https://?q", "ftp://h/", "file:///etc/passwd",
    "//h/p", "/p", "h/p", "javascript:alert(1)", "https:h/p", "https//h", " https://h", "https://h ", "https://h/a b",
    "https://h/a\nb", "https://h/\x7f", "https://h/\t", "https://user@h/", "https://SECRET:SECRET@h/", "https://@h/",
    "https://h:0/", "https://h:65536/", "https://h:-1/", "https://h:8x/", "https://h:+80/", "https://h:80:90/",
    "https://h:99999999999999999999/", "https://[::1/", "https://[]/", "https://[::1]x/", "https://[::g]/",
    "https://[fe80::1%25eth0]/", "https://::1/", "https://h\\@other/", "https://h%2fother/", "https://a,b/",
    "https://h\xc3\xa4h/", "1https://h/", "+https://h/", "https ://h/", "https://h<x>/", "https://:443/",
  };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url u = { 0 };
  CHECK_OK(parse(&u, "https://kept/", &e), e);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("\"%s\"", rows[i]);
    CHECK_EQ(parse(&u, rows[i], &e), HJ_E_BADARG);
    CHECK(!strstr(e.msg, "SECRET"));
    hj_err_clear(&e);
    CHECK_STR(u.full, "https://kept/");
  }
  CHECK_CODE(hj_url_parse(&u, "https://h\0.evil/", 16, &e), HJ_E_BADARG, e);
  hj_url_release(&u);
  hj_url_release(&u);
}

TEST(the_length_limit_is_exact)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url u = { 0 };
  char *text = hj_mem_new(HJ_URL_MAX + 2, &e);
  CHECK(text);
  memset(text, 'a', HJ_URL_MAX + 1);
  memcpy(text, "https://h/", 10);
  CHECK_OK(hj_url_parse(&u, text, HJ_URL_MAX, &e), e);
  CHECK_EQ(strlen(u.full), HJ_URL_MAX);
  CHECK_CODE(hj_url_parse(&u, text, HJ_URL_MAX + 1, &e), HJ_E_BADARG, e);
  hj_url_release(&u);
  hj_mem_free(text);
}

TEST(nothing_secret_is_in_what_is_shown)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url u = { 0 };
  CHECK_OK(parse(&u, "https://cdn.example/x/y?Signature=SECRET&Key=SECRET#SECRET", &e), e);
  CHECK(strstr(u.full, "SECRET"));
  CHECK(!strstr(u.shown, "SECRET") && !strstr(u.origin, "SECRET") && !strstr(u.path, "SECRET"));
  CHECK(!strchr(u.full, '#'));
  hj_url_release(&u);
}

TEST(redirects_are_joined_as_rfc_3986_says)
{
  /* The examples of section 5.4, but those of other schemes. */
  static const struct { const char *ref, *full; } rows[] = {
    { "g", "http://a/b/c/g" }, { "./g", "http://a/b/c/g" }, { "g/", "http://a/b/c/g/" }, { "/g", "http://a/g" },
    { "//g", "http://g" }, { "?y", "http://a/b/c/d;p?y" }, { "g?y", "http://a/b/c/g?y" }, { "#s", "http://a/b/c/d;p?q" },
    { "g#s", "http://a/b/c/g" }, { "g?y#s", "http://a/b/c/g?y" }, { ";x", "http://a/b/c/;x" }, { "g;x", "http://a/b/c/g;x" },
    { "g;x?y#s", "http://a/b/c/g;x?y" }, { "", "http://a/b/c/d;p?q" }, { ".", "http://a/b/c/" }, { "./", "http://a/b/c/" },
    { "..", "http://a/b/" }, { "../", "http://a/b/" }, { "../g", "http://a/b/g" }, { "../..", "http://a/" },
    { "../../", "http://a/" }, { "../../g", "http://a/g" }, { "../../../g", "http://a/g" }, { "../../../../g", "http://a/g" },
    { "/./g", "http://a/g" }, { "/../g", "http://a/g" }, { "g.", "http://a/b/c/g." }, { ".g", "http://a/b/c/.g" },
    { "g..", "http://a/b/c/g.." }, { "..g", "http://a/b/c/..g" }, { "./../g", "http://a/b/g" }, { "./g/.", "http://a/b/c/g/" },
    { "g/./h", "http://a/b/c/g/h" }, { "g/../h", "http://a/b/c/h" }, { "g;x=1/./y", "http://a/b/c/g;x=1/y" },
    { "g;x=1/../y", "http://a/b/c/y" }, { "g?y/./x", "http://a/b/c/g?y/./x" }, { "g?y/../x", "http://a/b/c/g?y/../x" },
    { "g#s/../x", "http://a/b/c/g" },
    /* and ours */
    { "https://h/x/../y?z", "https://h/y?z" }, { "https://h", "https://h" }, { "//h:1/../..", "http://h:1/" },
    { "/a//b", "http://a/a//b" }, { "/a/b/../../../..", "http://a/" }, { "g?", "http://a/b/c/g?" }, { "//g?x", "http://g?x" },
  };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url base = { 0 };
  CHECK_OK(parse(&base, "http://a/b/c/d;p?q", &e), e);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_url u = { 0 };
    size_t n = strlen(rows[i].ref);
    struct guard g = guard_copy(rows[i].ref, n);
    context("\"%s\"", rows[i].ref);
    CHECK_OK(hj_url_join(&u, &base, g.p, n, &e), e);
    CHECK_STR(u.full, rows[i].full);
    guard_end(&g);
    hj_url_release(&u);
  }
  hj_url_release(&base);
}

TEST(a_base_without_a_path_can_be_joined)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url base = { 0 }, u = { 0 };
  CHECK_OK(parse(&base, "https://h?x", &e), e);
  CHECK_OK(hj_url_join(&u, &base, "g", 1, &e), e);
  CHECK_STR(u.full, "https://h/g");
  CHECK_OK(hj_url_join(&u, &base, "../g", 4, &e), e);
  CHECK_STR(u.full, "https://h/g");
  CHECK_OK(hj_url_join(&u, &base, "", 0, &e), e);
  CHECK_STR(u.full, "https://h?x");
  CHECK_OK(hj_url_join(&base, &base, "/self", 5, &e), e);   /* out may be the base */
  CHECK_STR(base.full, "https://h/self");
  hj_url_release(&base);
  hj_url_release(&u);
}

TEST(a_redirect_to_nonsense_is_refused)
{
  static const char *const rows[] = {
    "ftp://h/", "mailto:a@b", "https:g", "http:/g", "https://user:pw@h/", "g h", "g\r\nSet-Cookie: x", "//", "//@h",
    "https:\\\\evil/", "data:text/plain,x",
  };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url base = { 0 }, u = { 0 };
  CHECK_OK(parse(&base, "http://a/b/c/d;p?q", &e), e);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("\"%s\"", rows[i]);
    CHECK_CODE(hj_url_join(&u, &base, rows[i], strlen(rows[i]), &e), HJ_E_BADARG, e);
    CHECK(!u.full);
  }
  char *text = hj_mem_new(HJ_URL_MAX, &e);
  CHECK(text);
  memset(text, 'a', HJ_URL_MAX);
  CHECK_CODE(hj_url_join(&u, &base, text, HJ_URL_MAX, &e), HJ_E_BADARG, e);
  hj_mem_free(text);
  hj_url_release(&base);
}

TEST(an_origin_is_scheme_host_and_port)
{
  static const struct { const char *a, *b; bool same; } rows[] = {
    { "https://h/a", "https://h:443/b?c", true }, { "https://H/", "https://h/", true }, { "http://h:80/", "http://h", true },
    { "https://h/", "http://h/", false }, { "https://h/", "http://h:443/", false }, { "https://h/", "https://h:444/", false },
    { "https://h/", "https://h.x/", false }, { "https://h/", "https://h./", false }, { "https://a/", "https://b/", false },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_url a = { 0 }, b = { 0 };
    context("%s and %s", rows[i].a, rows[i].b);
    CHECK_OK(parse(&a, rows[i].a, &e), e);
    CHECK_OK(parse(&b, rows[i].b, &e), e);
    CHECK_EQ(hj_url_same_origin(&a, &b), rows[i].same);
    hj_url_release(&a);
    CHECK(!hj_url_same_origin(&a, &b));
    CHECK(!hj_url_same_origin(&a, &a));
    hj_url_release(&b);
  }
}

TEST(private_hosts_are_literals_and_localhost)
{
  static const struct { const char *host; bool is; } rows[] = {
    { "127.0.0.1", true }, { "127.255.255.255", true }, { "10.0.0.1", true }, { "172.16.0.1", true }, { "172.31.255.1", true },
    { "192.168.1.1", true }, { "169.254.1.1", true }, { "localhost", true }, { "LOCALHOST", true }, { "a.localhost", true },
    { "[::1]", true }, { "[0:0:0:0:0:0:0:1]", true }, { "[fe80::1]", true }, { "[febf::1]", true }, { "[fc00::]", true },
    { "[fdff:1:2:3:4:5:6:7]", true }, { "[::ffff:127.0.0.1]", true }, { "[::ffff:a00:1]", true }, { "[fd00::1.2.3.4]", true },
    { "[fd00:1:2:3:4:5:1.2.3.4]", true }, { "[fd00:1:2:3:4:5:6:1.2.3.4]", false }, { "[fd00:1:2:3:4::1.2.3.4]", true },
    { "[fd00:1.2.3.4::]", false }, { "[fd00:1:2:3:4:1.2.3.4]", false }, { "[fd00:1:2:3:4:5:6::]", true },
    { "128.0.0.1", false }, { "172.15.0.1", false }, { "172.32.0.1", false }, { "192.169.0.1", false }, { "11.0.0.1", false },
    { "010.0.0.1", false }, { "127.0.0.01", false }, { "localhost.", true }, { "a.localhost.", true }, { "localhost..", false },
    { "0.0.0.0", false }, { "127.1", false }, { "2130706433", false }, { "0x7f.0.0.1", false }, { "127.0.0.1.example.com", false },
    { "10.0.0.256", false }, { "10.0.0.1.", false }, { "10.0.0", false }, { "10.0.0.0.1", false }, { "10..0.1", false },
    { "localhost.example.com", false }, { "notlocalhost", false }, { ".localhost", false }, { "huggingface.co", false },
    { "[::2]", false }, { "[::]", false }, { "[fec0::1]", false }, { "[2001:db8::1]", false }, { "[fe00::1]", false },
    { "[::ffff:8.8.8.8]", false }, { "[1::fe80]", false }, { "[::ffff:0:127.0.0.1]", false }, { "[fe80]", false },
    { "[fe80:::1]", false }, { "[fe80::1::]", false }, { "[fe80::12345]", false }, { "[fe80:1:2:3:4:5:6:7:8]", false },
    { "[fe80:1:2:3:4:5:6:]", false }, { "[:fe80::1]", false }, { "[fe80:1:2:3:4:5:6:7::]", false }, { "[127.0.0.1]", false },
  };
  struct hj_url none = { 0 };
  CHECK(!hj_url_host_is_private(&none));
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_url u = { 0 };
    char text[100] = "http://";
    context("%s", rows[i].host);
    strcat(text, rows[i].host);
    CHECK_OK(parse(&u, text, &e), e);
    CHECK_EQ(hj_url_host_is_private(&u), rows[i].is);
    hj_url_release(&u);
  }
}

TEST(what_is_inside_a_private_network_is_known_by_its_address)
{
  static const struct { const char *ip; bool is; } rows[] = {
    { "127.0.0.1", true }, { "10.1.2.3", true }, { "172.16.0.1", true }, { "192.168.0.1", true }, { "169.254.169.254", true },
    { "0.0.0.0", true }, { "0.1.2.3", true }, { "100.64.0.1", true }, { "100.100.100.200", true }, { "192.0.0.192", true },
    { "224.0.0.1", true }, { "255.255.255.255", true }, { "::", true }, { "::1", true }, { "::127.0.0.1", true }, { "::ffff:127.0.0.1", true },
    { "::ffff:169.254.169.254", true }, { "fe80::1", true }, { "fe80::1%eth0", true }, { "fec0::1", true }, { "fd00:ec2::254", true },
    { "ff02::1", true }, { "64:ff9b::10.0.0.1", true }, { "64:ff9b:1::8.8.8.8", true }, { "2002:7f00:1::", true },
    { "8.8.8.8", false }, { "100.63.0.1", false }, { "100.128.0.1", false }, { "192.0.1.1", false }, { "198.18.0.7", false },
    { "203.0.113.7", false }, { "223.255.255.255", false }, { "::ffff:8.8.8.8", false }, { "2001:db8::1", false }, { "2600:9000::1", false },
    { "64:ff9b::8.8.8.8", false }, { "2002:808:808::", false }, { "", false }, { "huggingface.co", false }, { "%", false },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("%s", rows[i].ip);
    CHECK_EQ(hj_ip_is_inside(rows[i].ip), rows[i].is);
  }
}

TEST(a_host_inside_is_told_by_its_text_as_far_as_that_goes)
{
  static const struct { const char *url; bool is; } rows[] = {
    { "http://0.0.0.0:80/", true }, { "http://[::]/", true }, { "https://100.64.1.1/", true }, { "http://a.localhost/", true },
    { "http://[::ffff:10.0.0.1]:9/", true }, { "http://2130706433/", false }, { "http://0x7f000001/", false }, { "http://h.example/", false },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_url u = { 0 };
    context("%s", rows[i].url);
    CHECK_OK(parse(&u, rows[i].url, &e), e);
    CHECK_EQ(hj_url_host_is_inside(&u), rows[i].is);
    hj_url_release(&u);
  }
}

TEST(a_host_is_named_without_port_and_brackets)
{
  static const struct { const char *url, *host; } rows[] = { { "http://H:8/x", "h" }, { "https://[::1]/", "::1" }, { "http://a.b/", "a.b" } };
  struct hj_url none = { 0 };
  size_t n = 7;
  CHECK(!*hj_url_host(&none, &n));
  CHECK_EQ(n, 0);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_url u = { 0 };
    CHECK_OK(parse(&u, rows[i].url, &e), e);
    const char *host = hj_url_host(&u, &n);
    CHECK_EQ(n, strlen(rows[i].host));
    CHECK(!memcmp(host, rows[i].host, n));
    hj_url_release(&u);
  }
}

TEST(a_query_value_is_found_and_decoded)
{
  static const struct { const char *name, *value; } rows[] = {
    { "Expires", "1700000000" }, { "a", "x y&z" }, { "empty", "" }, { "bare", "" }, { "plus", "1+1" }, { "last", "end=more" },
    { "missing", NULL }, { "Expire", NULL }, { "expires", NULL }, { "half", NULL }, { "wrong", NULL }, { "nul", NULL },
    { "", NULL },
  };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url u = { 0 };
  char out[20];
  CHECK_OK(parse(&u, "https://h/Expires=9?Expires=1700000000&a=x%20y%26z&empty=&bare&plus=1+1&half=1%2&wrong=%zz&nul=%00"
                     "&Expires=2&last=end=more", &e), e);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("%s", rows[i].name);
    CHECK_EQ(hj_url_query_value(&u, rows[i].name, out, sizeof out), rows[i].value != NULL);
    if (rows[i].value)
      CHECK_STR(out, rows[i].value);
  }
  CHECK(hj_url_query_value(&u, "Expires", out, 11));
  CHECK(!hj_url_query_value(&u, "Expires", out, 10));
  CHECK(!hj_url_query_value(&u, "empty", out, 0));
  hj_url_release(&u);
  CHECK(!hj_url_query_value(&u, "a", out, sizeof out));
}

/* --- what our parser accepts, libcurl must read the same way: it is libcurl that goes there --- */

/* Texts near the border of what is allowed, the same ones every time. */
static size_t make_text(uint32_t *dice, char out[64])
{
  static const char *const pieces[] = {
    "https://", "http://", "HTTP:", "//", "/", "a", "b.c", "h", "@", ":", "80", "443", "65535", "0", ":8080", "[", "]", "[::1]",
    "[fe80::1]", "::", "?", "#", "&", "=", "%", "%2f", "%40", "..", "/../", "/./", ".", "\\", " ", "\t", "127.0.0.1", "1", "x_y",
    "-", ";", ",", "!", "\xc3\xa4", "localhost", "user", "0x7f.1", "<", "\"", "|", "~", "1.2.3", "\x01",
  };
  size_t n = 0;
  for (int i = 0; i < 7; i++) {
    *dice = *dice * 1664525u + 1013904223u;
    const char *p = pieces[(*dice >> 16) % (sizeof pieces / sizeof pieces[0])];
    if ((*dice >> 8) % 5 == 0)
      continue;
    if (i == 0 && (*dice >> 12) % 8)
      p = "https://";
    if (n + strlen(p) >= 64)
      break;
    memcpy(out + n, p, strlen(p));
    n += strlen(p);
  }
  return n;
}

static void compare_with_curl(const struct hj_url *u)
{
  char *scheme = NULL, *host = NULL, *port = NULL, origin[600];
  CURLU *c = curl_url();
  CHECK(c);
  if (curl_url_set(c, CURLUPART_URL, u->full, 0) == CURLUE_OK) {   /* what it refuses it does not contact */
    CHECK_EQ(curl_url_get(c, CURLUPART_SCHEME, &scheme, 0), CURLUE_OK);
    CHECK_EQ(curl_url_get(c, CURLUPART_HOST, &host, 0), CURLUE_OK);
    CHECK_EQ(curl_url_get(c, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT), CURLUE_OK);
    for (char *p = host; *p; p++)
      *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    (void)snprintf(origin, sizeof origin, "%s://%s:%s", scheme, host, port);
    const char *ours = strstr(u->origin, "://") + 3;
    if (*ours < '0' || *ours > '9')   /* libcurl writes 0x7f.1 as 127.0.0.1, which is the same place */
      CHECK_STR(u->origin, origin);
  }
  curl_free(scheme);
  curl_free(host);
  curl_free(port);
  curl_url_cleanup(c);
}

TEST(libcurl_goes_to_the_origin_that_we_read)
{
  struct hj_err e = HJ_ERR_INIT;
  uint32_t dice = 1;
  int accepted = 0;
  for (int i = 0; i < 200000; i++) {
    char text[64];
    struct hj_url u = { 0 }, again = { 0 };
    size_t n = make_text(&dice, text);
    context("\"%.*s\"", (int)n, text);
    if (hj_url_parse(&u, text, n, &e) == HJ_E_OK) {
      accepted++;
      CHECK_OK(hj_url_copy(&again, &u, &e), e);   /* what is accepted can be said again */
      CHECK_STR(again.full, u.full);
      CHECK_STR(again.shown, u.shown);
      CHECK_OK(hj_url_parse(&again, u.shown, strlen(u.shown), &e), e);
      CHECK_STR(again.origin, u.origin);
      CHECK_STR(again.path, u.path);
      compare_with_curl(&u);
    }
    hj_url_release(&u);
    hj_url_release(&again);
    hj_err_clear(&e);
  }
  CHECK_GT(accepted, 10000);
}

TEST(a_redirect_leads_where_libcurl_would_go)
{
  struct hj_err e = HJ_ERR_INIT;
  uint32_t dice = 2;
  int accepted = 0;
  struct hj_url base = { 0 };
  CHECK_OK(parse(&base, "https://hub.example/a/b;c/d?q", &e), e);
  for (int i = 0; i < 100000; i++) {
    char text[64];
    struct hj_url u = { 0 };
    size_t n = make_text(&dice, text);
    if (i % 2 && n > 8)   /* half of them without the scheme in front */
      memmove(text, text + 8, n -= 8);
    struct guard g = guard_copy(text, n);
    context("\"%.*s\"", (int)n, text);
    if (hj_url_join(&u, &base, g.p, n, &e) == HJ_E_OK) {
      accepted++;
      CHECK(!strstr(u.path, "/../") && !strstr(u.path, "/./"));
      compare_with_curl(&u);
    }
    guard_end(&g);
    hj_url_release(&u);
    hj_err_clear(&e);
  }
  CHECK_GT(accepted, 10000);
  hj_url_release(&base);
}

static int follow(void *user, struct hj_err *e)
{
  struct hj_url base = { 0 }, next = { 0 }, copy = { 0 };
  const char *text = "https://h/a/b/c?d";
  (void)user;
  if (!hj_url_parse(&base, text, strlen(text), e) && !hj_url_join(&next, &base, "../x?y", 6, e) &&
      !hj_url_copy(&copy, &next, e)) {
    CHECK_STR(copy.full, "https://h/a/x?y");
    CHECK_STR(copy.query, "y");
    CHECK_STR(copy.shown, "https://h:443/a/x");
    CHECK(copy.full != next.full);
  } else {
    CHECK(!copy.full && !copy.shown && !copy.origin && !copy.path);
  }
  hj_url_release(&base);
  hj_url_release(&next);
  hj_url_release(&copy);
  return (int)e->code;
}

TEST(urls_survive_every_failure_of_memory)
{
  CHECK_GE(sweep_memory("url", follow, NULL), 10);
}

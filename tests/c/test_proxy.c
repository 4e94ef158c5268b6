/* tests/c/test_proxy.c - which hosts are reached without a proxy, and what is shown of one. */
#include "harness.h"
#include "transfer/proxy.h"

static struct hj_url url_of(const char *text)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url u = { 0 };
  CHECK_OK(hj_url_parse(&u, text, strlen(text), &e), e);
  return u;
}

TEST(no_proxy_holds_for_names_domains_networks_and_ports)
{
  struct { const char *list, *url; bool straight; } rows[] = {
    { "", "https://hub.example/", false },
    { "*", "https://hub.example/", true },
    { " , *", "http://10.0.0.1/", true },
    { "hub.example", "https://hub.example/", true },
    { "HUB.Example", "https://hub.example/", true },
    { "hub.example", "https://cdn.hub.example/", true },
    { "hub.example", "https://evilhub.example/", false },
    { "hub.example", "https://hub.example.evil/", false },
    { "hub.example.", "https://hub.example/", true },
    { ".hub.example", "https://cdn.hub.example/", true },
    { ".hub.example", "https://hub.example/", true },
    { "*.hub.example", "https://a.b.hub.example/", true },
    { "*.hub.example", "https://xhub.example/", false },
    { "ub.example", "https://hub.example/", false },
    { "other.example,hub.example", "https://hub.example/", true },
    { "other.example hub.example", "https://hub.example/", true },
    { "other.example,\n hub.example", "https://hub.example/", true },
    { "other.example", "https://hub.example/", false },
    { "hub.example:443", "https://hub.example/", true },
    { "hub.example:443", "http://hub.example/", false },
    { "hub.example:8443", "https://hub.example:8443/", true },
    { "hub.example:8443", "https://hub.example/", false },
    { ".example:80", "http://a.example/", true },
    { "hub.example:", "https://hub.example/", false },
    { "hub.example:x", "https://hub.example/", false },
    { "hub.example:99999999999999999999", "https://hub.example/", false },
    { "127.0.0.1", "http://127.0.0.1:8080/", true },
    { "127.0.0.1:8080", "http://127.0.0.1:8080/", true },
    { "127.0.0.1:8081", "http://127.0.0.1:8080/", false },
    { "0.0.1", "http://127.0.0.1/", false },
    { "127.0.0.1", "http://127.0.0.10/", false },
    { "10.0.0.0/8", "http://10.255.0.1/", true },
    { "10.0.0.0/8", "http://11.0.0.1/", false },
    { "10.0.0.0/8", "http://ten.example/", false },
    { "10.1.2.0/23", "http://10.1.3.255/", true },
    { "10.1.2.0/23", "http://10.1.4.0/", false },
    { "0.0.0.0/0", "http://8.8.8.8/", true },
    { "0.0.0.0/0", "http://[::1]/", false },
    { "10.0.0.0/33", "http://10.0.0.0/", false },
    { "10.0.0.0/", "http://10.0.0.0/", false },
    { "10.0.0.0/-1", "http://10.0.0.0/", false },
    { "hub.example/8", "http://hub.example/", false },
    { "10.0.0.1/32", "http://10.0.0.1/", true },
    { "::1", "http://[::1]:8080/", true },
    { "[::1]", "http://[::1]:8080/", true },
    { "[::1]:8080", "http://[::1]:8080/", true },
    { "[::1]:8081", "http://[::1]:8080/", false },
    { "[::1", "http://[::1]/", false },
    { "fd00::/8", "http://[fdff::1]/", true },
    { "fd00::/8", "http://[fe00::1]/", false },
    { "0:0:0:0:0:0:0:1", "http://[::1]/", true },
    { "localhost", "http://localhost:1/", true },
    { "localhost", "http://127.0.0.1/", false },
    { ".", "http://hub.example/", false },
    { "*.", "http://hub.example/", false },
    { ":80", "http://hub.example/", false },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_url u = url_of(rows[i].url);
    context("no_proxy=%s %s", rows[i].list, rows[i].url);
    CHECK_EQ(hj_proxy_bypassed(rows[i].list, &u), rows[i].straight);
    hj_url_release(&u);
  }
}

TEST(each_scheme_has_its_proxy_and_no_proxy_wins)
{
  struct hj_net net = { .proxy_http = "http://a:1", .proxy_https = "http://b:2", .no_proxy = "hub.example" };
  struct hj_url plain = url_of("http://x.example/"), tls = url_of("https://x.example/"), hub = url_of("https://hub.example/");
  CHECK_STR(hj_proxy_for(&net, &plain), "http://a:1");
  CHECK_STR(hj_proxy_for(&net, &tls), "http://b:2");
  CHECK(!hj_proxy_for(&net, &hub));
  net.proxy_https = "";
  CHECK(!hj_proxy_for(&net, &tls));
  hj_url_release(&plain);
  hj_url_release(&tls);
  hj_url_release(&hub);
}

TEST(what_is_shown_of_a_proxy_has_no_password)
{
  struct { const char *proxy, *shown; } rows[] = {
    { "http://proxy.example:3128", "http://proxy.example:3128" },
    { "socks5h://user:secret@proxy.example:1080", "socks5h://proxy.example:1080" },
    { "http://user:se@cret@proxy.example:1/path?secret", "http://proxy.example:1" },
    { "user:secret@proxy.example:1", "proxy.example:1" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char out[96];
    hj_proxy_shown(rows[i].proxy, out, sizeof out);
    CHECK_STR(out, rows[i].shown);
    hj_proxy_shown(rows[i].proxy, out, 12); /* too small for the host: still no secret */
    CHECK(!strstr(out, "secret"));
  }
}

TEST(a_proxy_that_gets_an_address_gets_an_ipv4_one)
{
  struct { const char *proxy, *url; bool ipv4; } rows[] = {
    { "socks5://proxy.example:1080", "https://hub.example/", true },
    { "socks5://user:secret@127.0.0.1", "http://localhost:8080/", true },
    { "socks5://proxy.example", "https://[2001:db8::1]/", false }, /* there is no other */
    { "socks5://[::1]:1080", "https://hub.example/", false },      /* nor to the proxy itself */
    { "socks5h://proxy.example", "https://hub.example/", false },  /* looks names up itself */
    { "socks4://proxy.example", "https://hub.example/", false },   /* knows IPv4 only, and libcurl that */
    { "http://proxy.example", "https://hub.example/", false },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_url u = url_of(rows[i].url);
    CHECK_EQ(hj_proxy_wants_ipv4(rows[i].proxy, &u), rows[i].ipv4);
    hj_url_release(&u);
  }
}

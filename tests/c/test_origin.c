/* tests/c/test_origin.c - who may see a secret, and which redirects are followed. */
#include "harness.h"
#include "transfer/origin.h"

static struct hj_url url_of(const char *text)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url u = { 0 };
  CHECK_OK(hj_url_parse(&u, text, strlen(text), &e), e);
  return u;
}

TEST(a_secret_belongs_to_one_origin)
{
  struct { const char *owner, *to; bool may; } rows[] = {
    { "https://hub.example/", "https://hub.example/a/b?c", true },
    { "https://hub.example/", "https://hub.example:443/", true },
    { "https://HUB.example/", "https://hub.EXAMPLE/", true },
    { "https://hub.example/", "https://hub.example:8443/", false },
    { "https://hub.example/", "http://hub.example/", false },
    { "https://hub.example/", "http://hub.example:443/", false },
    { "https://hub.example/", "https://cdn.hub.example/", false },
    { "https://hub.example/", "https://hub.example.evil/", false },
    { "http://hub.example/", "http://hub.example/", false },       /* plain http on a public host: never */
    { "http://127.0.0.1:8080/", "http://127.0.0.1:8080/x", true },
    { "http://127.0.0.1:8080/", "http://127.0.0.1:8081/x", false },
    { "http://localhost:1/", "http://localhost:1/", true },
    { "http://10.0.0.1/", "http://10.0.0.1/", true },
    { "http://11.0.0.1/", "http://11.0.0.1/", false },
    { "http://localhost/", "http://127.0.0.1/", false },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_url owner = url_of(rows[i].owner), to = url_of(rows[i].to);
    context("%s -> %s", rows[i].owner, rows[i].to);
    CHECK_EQ(hj_origin_may_see_secret(&owner, &to), rows[i].may);
    hj_url_release(&owner);
    hj_url_release(&to);
  }
}

TEST(nobody_sees_a_secret_without_an_owner)
{
  struct hj_url none = { 0 }, to = url_of("https://hub.example/");
  CHECK(!hj_origin_may_see_secret(&none, &to));
  hj_url_release(&to);
}

TEST(redirects_go_up_not_down)
{
  struct { const char *from, *to; int hops; bool downgrade; enum hj_code code; bool inside; } rows[] = {
    { "https://a.example/", "https://b.example/", 1, false, HJ_E_OK, false },
    { "http://a.example/", "https://b.example/", 1, false, HJ_E_OK, false },
    { "https://a.example/", "http://a.example/", 1, false, HJ_E_REDIRECT, false },
    { "https://a.example/", "http://a.example/", 1, true, HJ_E_OK, false },
    { "https://a.example/", "https://127.0.0.1/", 1, false, HJ_E_REDIRECT, false },
    { "https://a.example/", "https://localhost/", 1, true, HJ_E_REDIRECT, false },
    { "https://a.example/", "http://169.254.169.254/latest", 1, true, HJ_E_REDIRECT, false },
    { "https://a.example/", "https://0.0.0.0/", 1, false, HJ_E_REDIRECT, false },
    { "https://a.example/", "https://100.100.100.200/", 1, false, HJ_E_REDIRECT, false },
    { "https://a.example/", "https://[::ffff:10.0.0.1]/", 1, false, HJ_E_REDIRECT, false },
    { "https://a.example/", "https://[fe80::1]/", 1, false, HJ_E_REDIRECT, false },
    { "https://hub.corp/", "https://10.0.0.1/", 1, false, HJ_E_OK, true },      /* its name is an address in there */
    { "https://hub.corp/", "http://10.0.0.1/", 1, false, HJ_E_REDIRECT, true },
    { "http://127.0.0.1:1/", "http://127.0.0.1:2/", 1, false, HJ_E_OK, false },
    { "http://127.0.0.1:1/", "http://10.1.2.3:2/", 1, false, HJ_E_OK, false },
    { "http://127.0.0.1:1/", "http://a.example/", 1, false, HJ_E_OK, false },
    { "https://a.example/", "https://a.example/", HJ_HOPS_MAX, false, HJ_E_OK, false },
    { "https://a.example/", "https://a.example/", HJ_HOPS_MAX + 1, false, HJ_E_REDIRECT, false },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_url from = url_of(rows[i].from), to = url_of(rows[i].to);
    context("%s -> %s, hop %d", rows[i].from, rows[i].to, rows[i].hops);
    CHECK_CODE(hj_origin_check_redirect(&from, &to, rows[i].hops, rows[i].inside, rows[i].downgrade, &e), rows[i].code, e);
    hj_url_release(&from);
    hj_url_release(&to);
  }
}

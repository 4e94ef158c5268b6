/* tests/c/test_source.c - where further ranges come from: every state, every event. */
#include "engine/source.h"
#include <string.h>
#include "harness.h"

enum event { REDIRECT, FIRST_OK, FIRST_VIA_REDIRECT_OK, FIRST_REFUSED, DIRECT_OK, DIRECT_REFUSED, PROBE_LOST, ASK, EVENTS };

static enum hj_way play(struct hj_source *s, enum event what, const struct hj_url *to)
{
  struct hj_err e = HJ_ERR_INIT;
  switch (what) {
  case REDIRECT: CHECK_OK(hj_source_redirected(s, to, 0, 0, &e), e); break;
  case FIRST_OK: hj_source_answered(s, true, false, false); break;
  case FIRST_VIA_REDIRECT_OK: hj_source_answered(s, true, true, false); break;
  case FIRST_REFUSED: hj_source_answered(s, true, true, true); break;
  case DIRECT_OK: hj_source_answered(s, false, true, false); break;
  case DIRECT_REFUSED: hj_source_answered(s, false, true, true); break;
  case PROBE_LOST: hj_source_probe_lost(s); break;
  case ASK: return hj_source_way(s, 0);
  default: break;
  }
  return HJ_WAY_FIRST;
}

TEST(every_event_in_every_state_of_a_source)
{
  enum { U = HJ_SOURCE_UNKNOWN, D = HJ_SOURCE_DIRECT, F = HJ_SOURCE_FRESH, P = HJ_SOURCE_PROBING, R = HJ_SOURCE_REUSABLE, B = HJ_SOURCE_BOUND };
  static const struct { int from; int to[EVENTS]; enum hj_way way; } rows[] = {
    /*        redirect first via refused direct dref lost ask */
    { U, { F, D, U, U, U, U, U, U }, HJ_WAY_FIRST },
    { D, { D, D, D, D, D, D, D, D }, HJ_WAY_FIRST },
    { F, { F, F, F, F, F, F, F, P }, HJ_WAY_DIRECT_URL },
    { P, { P, P, P, P, R, B, F, P }, HJ_WAY_WAIT },
    { R, { R, R, R, R, R, U, R, R }, HJ_WAY_DIRECT_URL },
    { B, { B, B, B, B, B, B, B, B }, HJ_WAY_FIRST },
  };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url to = { 0 };
  CHECK_OK(hj_url_parse(&to, "https://cdn/x?sig=1", 19, &e), e);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    for (int what = 0; what < EVENTS; what++) {
      struct hj_source s = { .state = (enum hj_source_state)rows[i].from };
      context("%s, event %d", hj_source_name(s.state), what);
      enum hj_way way = play(&s, (enum event)what, &to);
      CHECK_EQ(s.state, rows[i].to[what]);
      if (what == ASK)
        CHECK_EQ(way, rows[i].way);
      hj_source_release(&s);
      CHECK_EQ(s.state, U);
    }
  hj_url_release(&to);
}

TEST(the_newest_redirect_is_the_one_that_is_probed)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_source s = { 0 };
  struct hj_url a = { 0 }, b = { 0 };
  CHECK_OK(hj_url_parse(&a, "https://cdn/x?sig=a", 19, &e), e);
  CHECK_OK(hj_url_parse(&b, "https://cdn/x?sig=b", 19, &e), e);
  CHECK_OK(hj_source_redirected(&s, &a, 0, 0, &e), e);
  CHECK_OK(hj_source_redirected(&s, &b, 0, 0, &e), e);
  CHECK_STR(s.url.full, b.full);
  CHECK_EQ(s.minted, 2);
  CHECK_EQ(hj_source_way(&s, 0), HJ_WAY_DIRECT_URL);
  CHECK_OK(hj_source_redirected(&s, &a, 0, 0, &e), e); /* while it is probed, it stays */
  CHECK_STR(s.url.full, b.full);
  hj_source_answered(&s, false, true, false);
  CHECK_EQ(s.state, HJ_SOURCE_REUSABLE);
  hj_source_answered(&s, false, true, true);     /* its hour is over */
  CHECK_OK(hj_source_redirected(&s, &a, 0, 0, &e), e);
  CHECK_EQ(s.state, HJ_SOURCE_FRESH);
  CHECK_STR(s.url.full, a.full);
  hj_source_release(&s);
  hj_url_release(&a);
  hj_url_release(&b);
}

TEST(each_state_of_a_source_has_a_name)
{
  for (int s = 0; s <= HJ_SOURCE_BOUND; s++)
    CHECK(hj_source_name((enum hj_source_state)s)[0] >= 'a');
  CHECK_STR(hj_source_name((enum hj_source_state)99), "?");
}

TEST(a_signed_url_says_how_long_it_works)
{
  static const struct { const char *url; int64_t now; uint64_t expected; } cases[] = {
    { "https://cdn/x", 1000, 0 },
    { "https://cdn/x?Expires=4600&Signature=s", 1000, 3600 },
    { "https://cdn/x?Signature=s&Expires=4600", 1000, 3600 },
    { "https://cdn/x?Expires=900", 1000, 0 },                              /* over already: a clock is wrong */
    { "https://cdn/x?Expires=1009", 1000, 0 },
    { "https://cdn/x?Expires=soon", 1000, 0 },
    { "https://cdn/x?Expires=99999999999999999999", 1000, 0 },
    { "https://cdn/x?X-Amz-Date=20261123T081500Z&X-Amz-Expires=3600", 1795421700, 3600 },
    { "https://cdn/x?X-Amz-Date=20261123T081500Z&X-Amz-Expires=3600", 1795421700 + 600, 3000 },
    { "https://cdn/x?X-Amz-Date=20240229T235960Z&X-Amz-Expires=60", 1709251200, 60 },
    { "https://cdn/x?X-Amz-Expires=3600", 1000, 0 },
    { "https://cdn/x?X-Amz-Date=yesterday&X-Amz-Expires=3600", 1000, 0 },
    { "https://cdn/x?X-Amz-Date=20261323T081500Z&X-Amz-Expires=3600", 1000, 0 },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_url u = { 0 };
    context("%s", cases[i].url);
    CHECK_OK(hj_url_parse(&u, cases[i].url, strlen(cases[i].url), &e), e);
    CHECK_EQ(hj_source_lifetime_s(&u, cases[i].now), cases[i].expected);
    hj_url_release(&u);
  }
}

TEST(a_signed_url_is_minted_anew_before_it_is_refused_and_not_probed_again)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_source s = { 0 };
  struct hj_url a = { 0 };
  CHECK_OK(hj_url_parse(&a, "https://cdn/x?sig=a", 19, &e), e);
  CHECK_OK(hj_source_redirected(&s, &a, 3600, 1000, &e), e);
  CHECK_EQ(hj_source_way(&s, 2000), HJ_WAY_DIRECT_URL);            /* the probe */
  hj_source_answered(&s, false, true, false);
  CHECK_EQ(hj_source_way(&s, 1000 + 3539 * 1000), HJ_WAY_DIRECT_URL);
  CHECK_EQ(hj_source_way(&s, 1000 + 3540 * 1000), HJ_WAY_FIRST);
  CHECK_OK(hj_source_redirected(&s, &a, 100, 4000000, &e), e);
  CHECK_EQ(s.state, HJ_SOURCE_REUSABLE);
  CHECK_EQ(hj_source_way(&s, 4000000 + 74999), HJ_WAY_DIRECT_URL);
  CHECK_EQ(hj_source_way(&s, 4000000 + 75000), HJ_WAY_FIRST);
  hj_source_release(&s);
  hj_url_release(&a);
}

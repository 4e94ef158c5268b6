/* tests/c/test_source.c - where further ranges come from: every state, every event. */
#include "engine/source.h"
#include "harness.h"

enum event { REDIRECT, FIRST_OK, FIRST_VIA_REDIRECT_OK, FIRST_REFUSED, DIRECT_OK, DIRECT_REFUSED, PROBE_LOST, ASK, EVENTS };

static enum hj_way play(struct hj_source *s, enum event what, const struct hj_url *to)
{
  struct hj_err e = HJ_ERR_INIT;
  switch (what) {
  case REDIRECT: CHECK_OK(hj_source_redirected(s, to, &e), e); break;
  case FIRST_OK: hj_source_answered(s, true, false, false); break;
  case FIRST_VIA_REDIRECT_OK: hj_source_answered(s, true, true, false); break;
  case FIRST_REFUSED: hj_source_answered(s, true, true, true); break;
  case DIRECT_OK: hj_source_answered(s, false, true, false); break;
  case DIRECT_REFUSED: hj_source_answered(s, false, true, true); break;
  case PROBE_LOST: hj_source_probe_lost(s); break;
  case ASK: return hj_source_way(s);
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
  CHECK_OK(hj_source_redirected(&s, &a, &e), e);
  CHECK_OK(hj_source_redirected(&s, &b, &e), e);
  CHECK_STR(s.url.full, b.full);
  CHECK_EQ(s.minted, 2);
  CHECK_EQ(hj_source_way(&s), HJ_WAY_DIRECT_URL);
  CHECK_OK(hj_source_redirected(&s, &a, &e), e); /* while it is probed, it stays */
  CHECK_STR(s.url.full, b.full);
  hj_source_answered(&s, false, true, false);
  CHECK_EQ(s.state, HJ_SOURCE_REUSABLE);
  hj_source_answered(&s, false, true, true);     /* its hour is over */
  CHECK_OK(hj_source_redirected(&s, &a, &e), e);
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

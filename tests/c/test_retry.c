/* tests/c/test_retry.c - the verdict over a failure, as a table; dice at both ends. */
#include "engine/retry.h"
#include "harness.h"

static struct hj_verdict verdict(enum hj_code code, int64_t retry_ms, unsigned barren, uint64_t idle_ms, uint32_t dice)
{
  struct hj_err e = { .code = code, .retry_ms = retry_ms };
  struct hj_retry_facts f = { .err = &e, .barren = barren, .alike = barren, .tries = 6, .idle_ms = idle_ms, .give_up_ms = 120000, .dice = dice };
  return hj_retry(&f);
}

TEST(the_verdict_over_each_code)
{
  for (int code = 0; code < HJ_E_COUNT; code++) {
    context("%s", hj_code_name((enum hj_code)code));
    CHECK_EQ(verdict((enum hj_code)code, -1, 1, 0, 0).again, hj_code_again((enum hj_code)code));
    CHECK_EQ(verdict((enum hj_code)code, -1, 6, 0, 0).again, code == HJ_E_TIMEOUT || code == HJ_E_STALLED || code == HJ_E_HTTP_LIMITED);
    CHECK(!verdict((enum hj_code)code, -1, 1, 120000, 0).again);
  }
  CHECK(!hj_code_again(HJ_E_OK));
}

TEST(a_login_page_is_asked_twice)
{
  CHECK(verdict(HJ_E_PORTAL, -1, 1, 0, 0).again);
  CHECK(!verdict(HJ_E_PORTAL, -1, 2, 0, 0).again);
}

TEST(a_try_that_brought_bytes_is_repeated_at_once)
{
  struct hj_verdict v = verdict(HJ_E_RESET, -1, 0, 0, UINT32_MAX);
  CHECK(v.again);
  CHECK_EQ(v.after_ms, 0);
}

TEST(waits_grow_and_have_a_top)
{
  struct { unsigned barren; uint32_t top; } rows[] = { { 1, 200 }, { 2, 400 }, { 3, 800 }, { 4, 1600 }, { 5, 3200 } };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("%u", rows[i].barren);
    CHECK_EQ(verdict(HJ_E_RESET, -1, rows[i].barren, 0, 0).after_ms, 0);
    CHECK_EQ(verdict(HJ_E_RESET, -1, rows[i].barren, 0, rows[i].top).after_ms, rows[i].top);
    CHECK_EQ(verdict(HJ_E_RESET, -1, rows[i].barren, 0, rows[i].top + 1).after_ms, 0);
    for (uint32_t dice = 0; dice < 100000; dice += 333)
      CHECK_LE(verdict(HJ_E_RESET, -1, rows[i].barren, 0, dice).after_ms, rows[i].top);
  }
  struct hj_err e = { .code = HJ_E_RESET, .retry_ms = -1 };
  for (unsigned barren = 6; barren < 100; barren++) {
    struct hj_retry_facts f = { .err = &e, .barren = barren, .alike = barren, .met = true, .tries = 6, .give_up_ms = 120000, .dice = HJ_RETRY_CAP_MS };
    CHECK_LE(hj_retry(&f).after_ms, HJ_RETRY_CAP_MS);
  }
}

TEST(the_server_s_wish_is_obeyed_or_believed)
{
  struct hj_verdict v = verdict(HJ_E_HTTP_LIMITED, 30000, 1, 0, 1000);
  CHECK(v.again);
  CHECK_GE(v.after_ms, 30000);
  CHECK_LT(v.after_ms, 30250);
  CHECK(verdict(HJ_E_HTTP_LIMITED, 0, 1, 0, 0).again);
  CHECK_EQ(verdict(HJ_E_HTTP_LIMITED, 0, 1, 0, 0).after_ms, 0);
  CHECK(verdict(HJ_E_HTTP_LIMITED, 120000, 1, 0, 0).again);
  CHECK(verdict(HJ_E_HTTP_LIMITED, 300000, 2, 0, 0).again);    /* the next window */
  CHECK(verdict(HJ_E_HTTP_LIMITED, 300000, 2, 0, 0).excused);
  CHECK(!verdict(HJ_E_HTTP_LIMITED, 300000, 3, 0, 0).again);   /* and not for ever */
  CHECK(!verdict(HJ_E_HTTP_SERVER, 120001, 1, 0, 0).again);    /* later than our patience */
  CHECK(!verdict(HJ_E_HTTP_SERVER, 1000, 1, 0, 0).excused);
  CHECK(!verdict(HJ_E_HTTP_LIMITED, 86400000, 1, 0, 0).again);
  CHECK(!verdict(HJ_E_HTTP_SERVER, 2000, 1, 119000, 0).again);
  CHECK(verdict(HJ_E_HTTP_SERVER, 1000, 1, 119000, 0).again);
  CHECK(!verdict(HJ_E_HTTP_MISSING, 0, 1, 0, 0).again);        /* a wish does not make an error a passing one */
}

/* A count ends what would be the same tomorrow, and nothing else. */
TEST(time_without_progress_is_the_budget_where_time_heals)
{
  static const struct { enum hj_code code; int http; bool met, heals; } rows[] = {
    { HJ_E_RESOLVE, 0, true, true },       { HJ_E_RESOLVE, 0, false, false },   { HJ_E_CONNECT, 0, true, true },       { HJ_E_CONNECT, 0, false, false },
    { HJ_E_RESET, 0, true, true },         { HJ_E_RESET, 0, false, false },     { HJ_E_TIMEOUT, 0, false, true },      { HJ_E_STALLED, 0, false, true },
    { HJ_E_HTTP_LIMITED, 429, true, true }, { HJ_E_HTTP_SERVER, 502, true, true }, { HJ_E_HTTP_SERVER, 503, true, true }, { HJ_E_HTTP_SERVER, 504, true, true },
    { HJ_E_HTTP_SERVER, 500, true, false }, { HJ_E_HTTP_SERVER, 501, true, false }, { HJ_E_PROTOCOL, 200, true, false },  { HJ_E_RANGE, 206, true, false },
    { HJ_E_SIZE, 200, true, false },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = { .code = rows[i].code, .http = rows[i].http, .retry_ms = -1 };
    struct hj_retry_facts f = { .err = &e, .barren = 1000, .alike = 1000, .tries = 6, .met = rows[i].met, .idle_ms = 119999, .give_up_ms = 120000 };
    context("%s %d, %s", hj_code_name(e.code), e.http, f.met ? "met" : "never met");
    CHECK_EQ(hj_retry(&f).again, rows[i].heals);
    f.alike = 5;                             /* many tries, but each time something else */
    CHECK(hj_retry(&f).again);
    f.alike = 6;
    f.answered = true;                       /* whoever breaks off behind his head, with no byte more, does so again */
    CHECK_EQ(hj_retry(&f).again, rows[i].heals && rows[i].code != HJ_E_RESET);
    f.answered = false;
    f.wasted = true;                         /* the same bytes again and again are no progress */
    CHECK(!hj_retry(&f).again);
    f.wasted = false;
    f.alike = 5;
    f.idle_ms = 120000;
    CHECK(!hj_retry(&f).again);
    f = (struct hj_retry_facts){ .err = &e, .barren = 1, .alike = 1, .tries = 1, .met = true, .give_up_ms = 120000 };
    CHECK(!hj_retry(&f).again);              /* who wants one try gets one */
  }
}

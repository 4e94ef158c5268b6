/* tests/c/test_retry.c - the verdict over a failure, as a table; dice at both ends. */
#include "engine/retry.h"
#include "harness.h"

static struct hj_verdict verdict(enum hj_code code, int64_t retry_ms, unsigned barren, uint64_t idle_ms, uint32_t dice)
{
  struct hj_err e = { .code = code, .retry_ms = retry_ms };
  struct hj_retry_facts f = { .err = &e, .barren = barren, .tries = 6, .idle_ms = idle_ms, .give_up_ms = 120000, .dice = dice };
  return hj_retry(&f);
}

TEST(the_verdict_over_each_code)
{
  for (int code = 0; code < HJ_E_COUNT; code++) {
    context("%s", hj_code_name((enum hj_code)code));
    CHECK_EQ(verdict((enum hj_code)code, -1, 1, 0, 0).again, hj_code_again((enum hj_code)code));
    CHECK(!verdict((enum hj_code)code, -1, 6, 0, 0).again);
    CHECK(!verdict((enum hj_code)code, -1, 1, 120000, 0).again);
  }
  CHECK(!hj_code_again(HJ_E_OK));
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
    struct hj_retry_facts f = { .err = &e, .barren = barren, .tries = 1000, .give_up_ms = 120000, .dice = HJ_RETRY_CAP_MS };
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
  CHECK(!verdict(HJ_E_HTTP_LIMITED, 120001, 1, 0, 0).again);   /* later than our patience */
  CHECK(!verdict(HJ_E_HTTP_LIMITED, 86400000, 1, 0, 0).again);
  CHECK(!verdict(HJ_E_HTTP_LIMITED, 2000, 1, 119000, 0).again);
  CHECK(verdict(HJ_E_HTTP_LIMITED, 1000, 1, 119000, 0).again);
  CHECK(!verdict(HJ_E_HTTP_MISSING, 0, 1, 0, 0).again);        /* a wish does not make an error a passing one */
}

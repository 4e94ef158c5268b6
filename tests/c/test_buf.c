/* tests/c/test_buf.c - bytes that grow up to a maximum. */
#include "harness.h"
#include "sweep.h"
#include "util/buf.h"
#include "util/mem.h"

TEST(text_can_be_read_in_place_at_any_time)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_buf b;
  hj_buf_init(&b, 1000);
  CHECK(!b.p);
  CHECK_OK(hj_buf_add(&b, "", 0, &e), e);
  CHECK_STR(b.p, "");
  CHECK_OK(hj_buf_text(&b, "one", &e), e);
  CHECK_OK(hj_buf_printf(&b, &e, ", %d, %s", 2, "three"), e);
  CHECK_STR(b.p, "one, 2, three");
  CHECK_EQ(b.len, strlen(b.p));
  hj_buf_clear(&b);
  CHECK_STR(b.p, "");
  CHECK_EQ(b.len, 0);
  hj_buf_release(&b);
  CHECK(!b.p);
  hj_buf_clear(&b);
  hj_buf_release(&b);
}

TEST(the_maximum_is_exact_and_refusal_changes_nothing)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_buf b;
  hj_buf_init(&b, 5);
  CHECK_OK(hj_buf_add(&b, "abcd", 4, &e), e);
  CHECK_CODE(hj_buf_add(&b, "ef", 2, &e), HJ_E_TOOBIG, e);
  CHECK_CODE(hj_buf_printf(&b, &e, "%d", 10), HJ_E_TOOBIG, e);
  CHECK_CODE(hj_buf_reserve(&b, 6, &e), HJ_E_TOOBIG, e);
  CHECK_CODE(hj_buf_add(&b, "", SIZE_MAX, &e), HJ_E_TOOBIG, e);
  CHECK_STR(b.p, "abcd");
  CHECK_OK(hj_buf_add(&b, "e", 1, &e), e);
  CHECK_STR(b.p, "abcde");
  CHECK_LE(b.cap, 6);
  CHECK_OK(hj_buf_printf(&b, &e, "%s", ""), e);
  hj_buf_clear(&b);
  CHECK_OK(hj_buf_printf(&b, &e, "%d", 12345), e);
  CHECK_STR(b.p, "12345");
  CHECK_OK(hj_buf_reserve(&b, 5, &e), e);
  hj_buf_release(&b);
  hj_buf_init(&b, 0);
  CHECK_OK(hj_buf_text(&b, "", &e), e);
  CHECK_CODE(hj_buf_text(&b, "x", &e), HJ_E_TOOBIG, e);
  hj_buf_release(&b);
}

TEST(growing_costs_few_requests)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_buf b;
  hj_buf_init(&b, 1 << 20);
  hj_mem_mark();
  for (int i = 0; i < 1 << 20; i++)
    CHECK_OK(hj_buf_add(&b, "x", 1, &e), e);
  CHECK_LE(hj_mem_count(), 16);
  CHECK_EQ(b.len, 1 << 20);
  CHECK_EQ(b.p[b.len], 0);
  hj_buf_release(&b);
  hj_mem_mark();
  CHECK_OK(hj_buf_reserve(&b, 1000, &e), e);
  for (int i = 0; i < 1000; i++)
    CHECK_OK(hj_buf_add(&b, "x", 1, &e), e);
  CHECK_EQ(hj_mem_count(), 1);
  hj_buf_release(&b);
}

TEST(what_is_taken_belongs_to_the_caller)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_buf b;
  hj_buf_init(&b, 10);
  CHECK(!hj_buf_take(&b));
  CHECK_OK(hj_buf_text(&b, "mine", &e), e);
  char *p = hj_buf_take(&b);
  CHECK_STR(p, "mine");
  CHECK_EQ(b.len, 0);
  CHECK_EQ(b.max, 10);
  CHECK_OK(hj_buf_text(&b, "next", &e), e);
  CHECK_STR(p, "mine");
  hj_mem_free(p);
  hj_buf_release(&b);
}

TEST(no_maximum_does_not_wrap)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_buf b;
  hj_buf_init(&b, SIZE_MAX);
  CHECK_OK(hj_buf_text(&b, "x", &e), e);
  CHECK_CODE(hj_buf_reserve(&b, SIZE_MAX - 1, &e), HJ_E_NOMEM, e);
  CHECK_STR(b.p, "x");
  hj_buf_release(&b);
}

static int write_a_page(void *user, struct hj_err *e)
{
  struct hj_buf b;
  (void)user;
  hj_buf_init(&b, 1 << 16);
  for (int i = 0; i < 500 && !e->code; i++)
    (void)hj_buf_printf(&b, e, "line %d\n", i);
  if (!e->code) {
    CHECK_EQ(b.len, 10 * 7 + 90 * 8 + 400 * 9);
    CHECK_MEM(b.p + b.len - 9, "line 499\n", 9);
  }
  hj_buf_release(&b);
  return (int)e->code;
}

TEST(a_buffer_survives_every_failure_of_memory)
{
  CHECK_GE(sweep_memory("buf", write_a_page, NULL), 5);
}

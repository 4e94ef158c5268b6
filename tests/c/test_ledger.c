/* tests/c/test_ledger.c - the visitors' book keeps the newest lines, in order, from any thread. */
#include <stdio.h>

#include "harness.h"
#include "plat/plat.h"
#include "util/ledger.h"

static uint64_t newest(void)
{
  struct hj_visit v = { 0 };
  uint64_t n = 0;
  while (hj_ledger_next(n, &v))
    n = v.n;
  return n;
}

TEST(a_visit_is_found_again_with_its_end)
{
  struct hj_visit v = { .status = 0, .sent_token = true, .method = "GET", .origin = "http://h:1", .path = "/p" }, got;
  may_keep_memory("the book");
  uint64_t before = newest(), n = hj_ledger_open(&v);
  CHECK_EQ(n, before + 1);
  CHECK(hj_ledger_next(before, &got));
  CHECK_EQ(got.n, n);
  CHECK_EQ(got.status, 0);
  CHECK(got.sent_token);
  hj_ledger_note(n, 206, 77, true);
  CHECK(hj_ledger_next(before, &got));
  CHECK_EQ(got.status, 206);
  CHECK_EQ(got.bytes, 77);
  CHECK_STR(got.path, "/p");
  CHECK(!hj_ledger_next(n, &got));
  CHECK(!hj_ledger_next(UINT64_MAX - 1, &got));
}

TEST(an_old_line_is_written_over_and_its_end_forgotten)
{
  struct hj_visit v = { 0 }, got;
  may_keep_memory("the book");
  uint64_t first = hj_ledger_open(&v);
  for (unsigned i = 0; i < HJ_LEDGER_MAX; i++) {
    v.status = 200;
    (void)hj_ledger_open(&v);
  }
  hj_ledger_note(first, 999, 999, true); /* its place belongs to another */
  hj_ledger_note(0, 999, 999, true);
  CHECK(hj_ledger_next(0, &got));
  CHECK_EQ(got.n, first + 1);
  unsigned count = 0;
  for (uint64_t n = 0; hj_ledger_next(n, &got); n = got.n, count++) {
    CHECK_EQ(got.n, first + 1 + count);
    CHECK_NE(got.status, 999);
  }
  CHECK_EQ(count, HJ_LEDGER_MAX);
}

static void visit_often(void *user)
{
  (void)user;
  for (int i = 0; i < 3000; i++) {
    struct hj_visit v = { .bytes = 1 }, got;
    uint64_t n = hj_ledger_open(&v);
    hj_ledger_note(n, 200, n, true);
    if (hj_ledger_next(n - 1, &got) && got.n == n)
      CHECK_EQ(got.bytes, n);
  }
}

TEST(many_threads_write_in_one_book)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_thread threads[4];
  may_keep_memory("the book");
  uint64_t before = newest();
  for (int i = 0; i < 4; i++)
    CHECK_OK(hj_thread_start(&threads[i], "visitor", visit_often, NULL, &e), e);
  for (int i = 0; i < 4; i++)
    hj_thread_join(&threads[i]);
  CHECK_EQ(newest(), before + 4 * 3000);
}

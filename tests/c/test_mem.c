/* tests/c/test_mem.c - the one door to the heap. */
#include <stdint.h>

#include "harness.h"
#include "plat/thread.h"
#include "util/mem.h"

TEST(every_block_is_counted)
{
  struct hj_err e = HJ_ERR_INIT;
  int64_t live = hj_mem_live();
  uint64_t bytes = hj_mem_live_bytes();
  hj_mem_mark();
  char *a = hj_mem_new(100, &e), *b = hj_mem_zero(10, 5, &e);
  CHECK(a && b);
  CHECK_EQ(hj_mem_live(), live + 2);
  CHECK_EQ(hj_mem_live_bytes(), bytes + 150);
  a = hj_mem_grow(a, 1000, &e);
  CHECK_EQ(hj_mem_live(), live + 2);
  CHECK_EQ(hj_mem_live_bytes(), bytes + 1050);
  hj_mem_free(a);
  hj_mem_free(b);
  hj_mem_free(NULL);
  CHECK_EQ(hj_mem_live(), live);
  CHECK_EQ(hj_mem_live_bytes(), bytes);
  CHECK_EQ(hj_mem_peak_bytes(), bytes + 1050);
  CHECK_EQ(hj_mem_count(), 3);
  hj_mem_mark();
  CHECK_EQ(hj_mem_peak_bytes(), bytes);
  CHECK_EQ(hj_mem_count(), 0);
}

TEST(cleared_memory_is_clear_and_aligned)
{
  struct hj_err e = HJ_ERR_INIT;
  for (size_t n = 0; n < 200; n++) {
    char *dirt = hj_mem_new(n, &e);
    CHECK(dirt);
    memset(dirt, 0xAA, n);
    hj_mem_free(dirt);
    char *p = hj_mem_zero(n, 1, &e);
    CHECK(p);
    CHECK_EQ((uintptr_t)p % _Alignof(max_align_t), 0);
    for (size_t i = 0; i < n; i++)
      CHECK_EQ(p[i], 0);
    hj_mem_free(p);
  }
}

TEST(large_blocks_begin_on_a_cache_line_and_keep_what_they_hold)
{
  static const size_t steps[] = { 100, 16383, 16384, 16385, 300000, 20000, 50, 70000, 1 };
  struct hj_err e = HJ_ERR_INIT;
  uint64_t bytes = hj_mem_live_bytes();
  uint8_t *p[8] = { NULL };
  for (size_t k = 0; k < 8; k++)  /* several: the first of a heap may lie well by accident */
    for (size_t i = 0, held = 0; i < sizeof steps / sizeof steps[0]; held = steps[i++]) {
      p[k] = hj_mem_grow(p[k], steps[i], &e);
      CHECK(p[k]);
      CHECK_EQ((uintptr_t)p[k] % (steps[i] >= 16384 ? 64 : _Alignof(max_align_t)), 0);
      for (size_t at = 0; at < held && at < steps[i]; at++)
        if (p[k][at] != (uint8_t)(at * 31 + k))
          CHECK_EQ(p[k][at], (uint8_t)(at * 31 + k));
      for (size_t at = 0; at < steps[i]; at++)
        p[k][at] = (uint8_t)(at * 31 + k);
    }
  CHECK_EQ(hj_mem_live_bytes(), bytes + 8);
  for (size_t k = 0; k < 8; k++)
    hj_mem_free(p[k]);
  CHECK_EQ(hj_mem_live_bytes(), bytes);
}

TEST(a_product_that_overflows_is_no_memory)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK(!hj_mem_zero(SIZE_MAX / 2, 3, &e));
  CHECK_EQ(e.code, HJ_E_NOMEM);
  hj_err_clear(&e);
  CHECK(!hj_mem_new(SIZE_MAX, &e));
  CHECK_EQ(e.code, HJ_E_NOMEM);
  hj_err_clear(&e);
  CHECK(!hj_mem_new(SIZE_MAX / 2, &e));  /* refused by the C library */
  CHECK_EQ(e.code, HJ_E_NOMEM);
  hj_err_clear(&e);
  CHECK(!hj_mem_new(SIZE_MAX - 8, &e));  /* with its own head it would wrap */
  CHECK_EQ(e.code, HJ_E_NOMEM);
  CHECK_HAS(e.msg, "bytes were asked for");
  hj_err_clear(&e);
  CHECK(!hj_mem_text_n("", SIZE_MAX, &e));
  CHECK_EQ(e.code, HJ_E_NOMEM);
  CHECK(!hj_mem_c_calloc(SIZE_MAX / 2, 3));
}

TEST(the_nth_request_fails_and_only_that)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_mem_fail_at(3);
  void *a = hj_mem_new(1, &e), *b = hj_mem_new(1, &e);
  CHECK(a && b && !hj_mem_fired());
  CHECK(!hj_mem_new(1, &e));
  CHECK(hj_mem_fired());
  CHECK_EQ(e.code, HJ_E_NOMEM);
  hj_err_clear(&e);
  void *d = hj_mem_new(1, &e);
  CHECK(d);
  hj_mem_fail_at(0);
  CHECK(!hj_mem_fired());
  hj_mem_free(a);
  hj_mem_free(b);
  hj_mem_free(d);
}

TEST(growing_that_fails_leaves_the_block_as_it_was)
{
  struct hj_err e = HJ_ERR_INIT;
  char *p = hj_mem_text("held", &e);
  hj_mem_fail_at(1);
  CHECK(!hj_mem_grow(p, 1 << 20, &e));
  hj_mem_fail_at(0);
  CHECK_STR(p, "held");
  hj_mem_free(p);
}

TEST(text_is_copied_with_its_end)
{
  struct hj_err e = HJ_ERR_INIT;
  char *p = hj_mem_text_n("abcdef", 3, &e), *q = hj_mem_text("", &e), *r = hj_mem_text_n(NULL, 0, &e);
  CHECK_STR(p, "abc");
  CHECK_STR(q, "");
  CHECK_STR(r, "");
  CHECK(!hj_mem_text(NULL, &e));
  CHECK_EQ(e.code, HJ_E_OK);
  hj_mem_free(p);
  hj_mem_free(q);
  hj_mem_free(r);
}

TEST(the_c_shapes_use_the_same_door)
{
  int64_t live = hj_mem_live();
  char *a = hj_mem_c_strdup("x"), *b = hj_mem_c_malloc(0), *c = hj_mem_c_calloc(2, 2);
  CHECK(a && b && c);
  b = hj_mem_c_realloc(b, 10);
  CHECK_EQ(hj_mem_live(), live + 3);
  hj_mem_free(a);
  hj_mem_free(b);
  hj_mem_free(c);
  hj_mem_fail_at(1);
  CHECK(!hj_mem_c_strdup("x"));
  hj_mem_fail_at(1);
  CHECK(!hj_mem_c_calloc(1, 1));
  hj_mem_fail_at(0);
}

static void take_and_give(void *user)
{
  (void)user;
  for (int i = 0; i < 20000; i++) {
    void *p = hj_mem_c_malloc((size_t)(i % 100));
    CHECK(p);
    hj_mem_free(p);
  }
}

TEST(counters_survive_threads)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_thread t[4];
  int64_t live = hj_mem_live();
  uint64_t bytes = hj_mem_live_bytes();
  for (int i = 0; i < 4; i++)
    CHECK_OK(hj_thread_start(&t[i], "mem", take_and_give, NULL, &e), e);
  for (int i = 0; i < 4; i++)
    hj_thread_join(&t[i]);
  CHECK_EQ(hj_mem_live(), live);
  CHECK_EQ(hj_mem_live_bytes(), bytes);
}

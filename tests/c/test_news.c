/* tests/c/test_news.c - what is told of a job's files: all of it, once, in order; and of what goes wrong the newest. */
#include "engine/news.h"
#include "harness.h"
#include "util/mem.h"

static struct hj_news *opened(size_t files)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_news *n = NULL;
  CHECK_EQ(hj_news_open(&n, files, &e), HJ_E_OK);
  return n;
}

static struct hj_err trouble(int http)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_fail(&e, HJ_E_HTTP_SERVER, "no %d", http);
  e.http = http;
  return e;
}

TEST(news_are_told_in_the_order_in_which_they_happened)
{
  static const struct { enum hj_news_kind kind; size_t file; int http; } expected[] = {
    { HJ_NEWS_STUMBLED, 1, 500 }, { HJ_NEWS_BEGAN, 0, 0 }, { HJ_NEWS_BEGAN, 1, 0 }, { HJ_NEWS_STUMBLED, 1, 501 }, { HJ_NEWS_STUMBLED, 0, 502 },
    { HJ_NEWS_ENDED, 1, 0 },      { HJ_NEWS_ENDED, 0, 0 },
  };
  struct hj_news *n = opened(2);
  struct hj_news_item got;
  struct hj_err first = trouble(500), second = trouble(501), third = trouble(502);
  hj_news_stumbled(n, 1, &first, 7);
  hj_news_began(n, 0);
  hj_news_began(n, 1);
  hj_news_stumbled(n, 1, &second, 8);
  hj_news_stumbled(n, 0, &third, 9);
  hj_news_ended(n, 1);
  hj_news_ended(n, 0);
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    context("%zu", i);
    CHECK(hj_news_take(n, &got));
    CHECK_EQ(got.kind, expected[i].kind);
    CHECK_EQ(got.file, expected[i].file);
    CHECK_EQ(got.err.http, expected[i].http);
  }
  context_end();
  CHECK(!hj_news_take(n, &got));
  CHECK_EQ(got.kind, HJ_NEWS_NONE);
  hj_news_close(n);
}

TEST(of_too_many_stumbles_the_newest_are_told_and_no_file_is_forgotten)
{
  struct hj_news *n = opened(3);
  struct hj_news_item got;
  hj_news_began(n, 2);
  for (unsigned i = 0; i < HJ_STUMBLES_KEPT * 3 + 5; i++) {
    struct hj_err e = trouble((int)i);
    hj_news_stumbled(n, 2, &e, i);
  }
  hj_news_ended(n, 2);
  CHECK(hj_news_take(n, &got));
  CHECK_EQ(got.kind, HJ_NEWS_BEGAN);
  for (unsigned i = 0; i < HJ_STUMBLES_KEPT; i++) {
    CHECK(hj_news_take(n, &got));
    CHECK_EQ(got.kind, HJ_NEWS_STUMBLED);
    CHECK_EQ(got.again_ms, HJ_STUMBLES_KEPT * 2 + 5 + i);
  }
  CHECK(hj_news_take(n, &got));
  CHECK_EQ(got.kind, HJ_NEWS_ENDED);
  CHECK(!hj_news_take(n, &got));
  hj_news_close(n);
}

TEST(more_marks_than_there_is_room_for_do_no_harm)
{
  struct hj_news *n = opened(1);
  struct hj_news_item got;
  for (int i = 0; i < 5; i++)
    hj_news_began(n, 0);
  CHECK(hj_news_take(n, &got) && hj_news_take(n, &got));
  CHECK(!hj_news_take(n, &got));
  hj_news_close(n);
}

TEST(nobody_listens)
{
  struct hj_news_item got;
  struct hj_err e = trouble(500);
  hj_news_began(NULL, 1);
  hj_news_ended(NULL, 1);
  hj_news_stumbled(NULL, 1, &e, 0);
  CHECK(!hj_news_take(NULL, &got));
  hj_news_close(NULL);
}

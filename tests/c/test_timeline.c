/* tests/c/test_timeline.c - lines of the picture: lanes, quoting, a full store, several who draw. */
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "plat/plat.h"
#include "util/timeline.h"

static char text[8u << 20];

static size_t take_all(void)
{
  size_t n = 0, got;
  while ((got = hj_timeline_take(text + n, 4096)) > 0) {
    CHECK_EQ(text[n + got - 1], '\n');      /* whole lines only */
    n += got;
  }
  text[n] = 0;
  return n;
}

static void slice(unsigned key, uint64_t from, uint64_t to)
{
  struct hj_slice s = { .track = HJ_TRACK_CONNECTION, .key = key, .what = "range", .file = "f", .host = "http://h", .from_us = from, .to_us = to };
  hj_timeline_slice(&s);
}

static unsigned count(const char *part)
{
  unsigned n = 0;
  for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
    n++;
  return n;
}

TEST(nothing_is_kept_until_somebody_wants_it)
{
  CHECK(!hj_timeline_is_on());
  slice(7, 1, 2);
  hj_timeline_number("n", 1, 2);
  CHECK_EQ(take_all(), 0);
  CHECK(hj_timeline_start() && hj_timeline_start());
  slice(7, 1, 2);
  hj_timeline_stop();
  CHECK(hj_timeline_is_on());
  CHECK(take_all() > 0);
  hj_timeline_stop();
  hj_timeline_stop();
  CHECK(!hj_timeline_is_on());
  slice(7, 1, 2);
  CHECK_EQ(take_all(), 0);
}

TEST(slices_that_overlap_lie_on_lanes_of_their_own)
{
  CHECK(hj_timeline_start());
  slice(7, 100, 200);
  slice(7, 200, 300);   /* after it: the same lane */
  slice(7, 250, 350);   /* a second stream */
  slice(8, 250, 360);   /* another connection */
  slice(7, 340, 400);   /* the first lane is free, the second is not */
  slice(7, 350, 500);
  take_all();
  CHECK_EQ(count("thread_name"), 3);
  CHECK_EQ(count("\"tid\":1,\"ts\""), 3);
  CHECK_EQ(count("\"tid\":2,\"ts\""), 2);
  CHECK_EQ(count("\"tid\":3,\"ts\""), 1);
  CHECK_EQ(count("further stream"), 1);
  hj_timeline_stop();
}

TEST(names_of_strangers_are_quoted)
{
  struct hj_slice s = { .track = HJ_TRACK_CONNECTION, .key = 1, .what = "range", .file = "a\"b\\c\nd\xff", .host = NULL, .code = "OK", .from_us = 5, .head_us = 6,
                        .to_us = 9, .offset = 3, .bytes = 4, .status = 206 };
  CHECK(hj_timeline_start());
  hj_timeline_slice(&s);
  take_all();
  CHECK_HAS(text, "\"file\":\"a\\\"b\\\\c?d?\"");
  CHECK_HAS(text, "\"offset\":3,\"bytes\":4,\"host\":\"\",\"status\":206,\"end\":\"OK\"");
  CHECK_HAS(text, "{\"ph\":\"X\",\"name\":\"question\",\"cat\":\"inner\",\"pid\":1,\"tid\":1,\"ts\":5,\"dur\":1},\n");
  CHECK_HAS(text, "{\"ph\":\"X\",\"name\":\"body\",\"cat\":\"inner\",\"pid\":1,\"tid\":1,\"ts\":6,\"dur\":3},\n");
  hj_timeline_stop();
}

TEST(a_full_store_drops_and_says_so)
{
  enum { N = 100000 };
  CHECK(hj_timeline_start());
  for (unsigned i = 0; i < N; i++)
    hj_timeline_number("n", i, i);
  take_all();
  unsigned kept = count("\"ph\":\"C\"");
  char said[60];
  CHECK_LT(kept, N);
  (void)snprintf(said, sizeof said, "{\"lines\":%u}", N - kept);
  CHECK_HAS(text, said);
  hj_timeline_number("n", 1, 2);
  CHECK(take_all() > 0);
  CHECK_EQ(count("lost"), 0);
  hj_timeline_stop();
}

static void draw_many(void *unused)
{
  (void)unused;
  for (unsigned i = 0; i < 2000; i++) {
    struct hj_slice s = { .track = HJ_TRACK_WORKER, .what = "prove", .from_us = 2 * i, .to_us = 2 * i + 1 };
    hj_timeline_slice(&s);
  }
}

TEST(several_threads_draw_each_on_its_own_track)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_thread threads[4];
  memset(threads, 0, sizeof threads);
  CHECK(hj_timeline_start());
  for (int i = 0; i < 4; i++)
    CHECK_OK(hj_thread_start(&threads[i], "draws", draw_many, NULL, &e), e);
  for (int i = 0; i < 4; i++)
    hj_thread_join(&threads[i]);
  take_all();
  CHECK_EQ(count("\"prove\""), 8000);
  CHECK_EQ(count("thread_name"), 4);
  hj_timeline_stop();
}

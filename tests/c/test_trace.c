/* tests/c/test_trace.c - lines for the one who debugs. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "plat/thread.h"
#include "util/trace.h"

static void drain(void)
{
  enum hj_trace_part part;
  char line[8];
  while (hj_trace_next(&part, line, sizeof line))
    ;
}

TEST(off_means_no_line)
{
  enum hj_trace_part part;
  char line[256];
  CHECK(hj_trace_set(""));
  HJ_TRACE(HJ_T_NET, 1, "unseen");
  CHECK(!hj_trace_next(&part, line, sizeof line));
}

TEST(the_grammar_switches_parts)
{
  const uint32_t all = (1u << HJ_T_COUNT) - 1, net = 1u << HJ_T_NET, sink = 1u << HJ_T_SINK;
  static const char *const bad[] = { "nte", "net,-", "all,-x", "net sink", "-", "net,sinks" };
  struct { const char *text; uint32_t mask; } rows[] = {
    { "net", net }, { "net,sink", net | sink }, { " net , sink ", net | sink }, { "all", all }, { "all,-net", all & ~net },
    { "-net", 0 }, { "", 0 }, { ",", 0 }, { "NET", net }, { "net,-all,sink", sink }, { "net,net", net },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("\"%s\"", rows[i].text);
    CHECK(hj_trace_set(rows[i].text));
    CHECK_EQ(hj_trace_mask, rows[i].mask);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    context("\"%s\"", bad[i]);
    CHECK(!hj_trace_set(bad[i]));
    CHECK_EQ(hj_trace_mask, net);
  }
  CHECK(hj_trace_set(""));
}

TEST(a_line_has_time_thread_part_id_and_text)
{
  enum hj_trace_part part;
  char line[256], thread[32], name[32], text[64];
  unsigned long long ms, id;
  CHECK(hj_trace_set("part"));
  HJ_TRACE(HJ_T_PART, 42, "%s -> %s", "asking", "flowing\nagain");
  CHECK(hj_trace_next(&part, line, sizeof line));
  CHECK_EQ(part, HJ_T_PART);
  CHECK_EQ(sscanf(line, "%llu %31s %31s %llu %63[^\n]", &ms, thread, name, &id, text), 5);
  CHECK_GT(ms, 0);                      /* the clock was set by plat */
  CHECK_STR(name, "part");
  CHECK_EQ(id, 42);
  CHECK_STR(text, "asking -> flowing?again");
  CHECK(hj_trace_set(""));
}

TEST(lines_come_out_in_order_and_cut_to_the_callers_room)
{
  enum hj_trace_part part;
  char line[256], small[6];
  CHECK(hj_trace_set("net"));
  HJ_TRACE(HJ_T_NET, 1, "first");
  HJ_TRACE(HJ_T_NET, 2, "second");
  HJ_TRACE(HJ_T_NET, 3, "third");
  CHECK(hj_trace_next(&part, line, sizeof line));
  CHECK_HAS(line, " 1 first");
  CHECK(hj_trace_next(&part, small, sizeof small));
  CHECK_EQ(strlen(small), 5);
  CHECK(hj_trace_next(&part, line, sizeof line));
  CHECK_HAS(line, " 3 third");
  CHECK(!hj_trace_next(&part, line, sizeof line));
  CHECK(hj_trace_set(""));
}

TEST(a_full_ring_keeps_the_newest_and_counts_the_rest)
{
  enum hj_trace_part part;
  char line[256];
  unsigned long long dropped = 0, seen = 0;
  CHECK(hj_trace_set("net"));
  for (unsigned i = 0; i < 5000; i++)
    HJ_TRACE(HJ_T_NET, i, "x");
  CHECK(hj_trace_next(&part, line, sizeof line));
  CHECK_EQ(sscanf(line, "%llu trace lines were dropped", &dropped), 1);
  while (hj_trace_next(&part, line, sizeof line))
    seen++;
  CHECK_EQ(seen + dropped, 5000);
  CHECK_HAS(line, " 4999 x");
  CHECK_GE(seen, 500);
  CHECK(hj_trace_set(""));
}

TEST(an_empty_ring_leaves_the_callers_room_alone)
{
  enum hj_trace_part part = HJ_T_SINK;
  char line[8] = "kept";
  CHECK(!hj_trace_next(&part, line, sizeof line));
  CHECK_STR(line, "kept");
  CHECK_EQ(part, HJ_T_SINK);
  CHECK(hj_trace_set("net"));
  HJ_TRACE(HJ_T_NET, 1, "x");
  CHECK(hj_trace_next(&part, line, 0));   /* taken, though nobody has room for it */
  CHECK_STR(line, "kept");
  HJ_TRACE(HJ_T_NET, 1, "x");
  CHECK(hj_trace_next(&part, line, 1));
  CHECK_STR(line, "");
  CHECK(hj_trace_set(""));
}

static void one_line(void *user)
{
  (void)user;
  HJ_TRACE(HJ_T_NET, 1, "x");
}

TEST(a_long_thread_name_is_cut_not_lost)
{
  struct hj_err e = HJ_ERR_INIT;
  enum hj_trace_part part;
  char line[256];
  hj_thread t;
  CHECK(hj_trace_set("net"));
  CHECK_OK(hj_thread_start(&t, "sixteen-letters!", one_line, NULL, &e), e);
  hj_thread_join(&t);
  CHECK(hj_trace_next(&part, line, sizeof line));
  CHECK_HAS(line, " sixteen-letters net 1 x");
  hj_trace_thread("sixteen-letters!");
  HJ_TRACE(HJ_T_NET, 1, "x");
  CHECK(hj_trace_next(&part, line, sizeof line));
  CHECK_HAS(line, " sixteen-letters net 1 x");
  CHECK(hj_trace_set(""));
}

TEST(a_very_long_line_is_cut)
{
  enum hj_trace_part part;
  char text[2000], line[2000];
  memset(text, 'y', sizeof text);
  text[sizeof text - 1] = 0;
  CHECK(hj_trace_set("net"));
  HJ_TRACE(HJ_T_NET, 1, "%s", text);
  CHECK(hj_trace_next(&part, line, sizeof line));
  CHECK_EQ(strlen(line), 255);
  CHECK(hj_trace_set(""));
}

static void say_hello(void *user)
{
  for (int i = 0; i < 2000; i++)
    HJ_TRACE(HJ_T_NET, *(uint64_t *)user, "hello %d", i);
}

TEST(threads_do_not_mix_their_lines)
{
  struct hj_err e = HJ_ERR_INIT;
  enum hj_trace_part part;
  hj_thread t[4];
  uint64_t ids[4] = { 0, 1, 2, 3 };
  char line[256], name[32];
  unsigned long long ms, id;
  int n;
  CHECK(hj_trace_set("net"));
  const char *path = temp_path("trace");
  CHECK(hj_trace_file(path));
  for (int i = 0; i < 4; i++) {
    char thread[16];
    (void)snprintf(thread, sizeof thread, "w%d", i);
    CHECK_OK(hj_thread_start(&t[i], thread, say_hello, &ids[i], &e), e);
  }
  for (int i = 0; i < 4; i++)
    hj_thread_join(&t[i]);
  CHECK(hj_trace_file(NULL));
  FILE *f = fopen(path, "r");
  CHECK(f != NULL);
  int next[4] = { 0 }, lines = 0;
  while (fgets(line, sizeof line, f)) {
    CHECK_EQ(sscanf(line, "%llu %31s net %llu hello %d\n", &ms, name, &id, &n), 4);
    CHECK_EQ(name[1] - '0', id);   /* the thread is called what it was started as */
    CHECK_EQ(n, next[id]++);
    lines++;
  }
  (void)fclose(f);
  CHECK_EQ(lines, 8000);
  while (hj_trace_next(&part, line, sizeof line))
    ;
  CHECK(hj_trace_set(""));
}

static _Atomic int stop_talking;

static void talk(void *user)
{
  (void)user;
  while (!stop_talking)
    HJ_TRACE(HJ_T_NET, 0, "talk");
}

TEST(the_file_may_be_changed_while_threads_write)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_thread t[2];
  CHECK(hj_trace_set("net"));
  for (int i = 0; i < 2; i++)
    CHECK_OK(hj_thread_start(&t[i], "talker", talk, NULL, &e), e);
  for (int i = 0; i < 50; i++)
    CHECK(hj_trace_file(i % 3 ? temp_path(i % 2 ? "a" : "b") : NULL));
  stop_talking = 1;
  for (int i = 0; i < 2; i++)
    hj_thread_join(&t[i]);
  CHECK(hj_trace_file(NULL));
  CHECK(!hj_trace_file(temp_path("no/such/folder/x")));
  CHECK(hj_trace_set(""));
  drain();
}

TEST(a_child_can_trace_although_the_parent_was_tracing)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_thread t;
  stop_talking = 0;
  CHECK(hj_trace_set("net"));
  CHECK_OK(hj_thread_start(&t, "talker", talk, NULL, &e), e);
  for (int i = 0; i < 100; i++) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      (void)alarm(20);
      HJ_TRACE(HJ_T_NET, 0, "from the child");
      drain();
      _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
  }
  stop_talking = 1;
  hj_thread_join(&t);
  CHECK(hj_trace_set(""));
  drain();
}

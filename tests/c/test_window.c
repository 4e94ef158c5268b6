/* tests/c/test_window.c - receive windows: what the kernel is told, when, and that it is taken back. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine_kit.h"
#include "plat/sock.h"

static int clamp_of(int fd)
{
  int n = 0;
  socklen_t size = sizeof n;
  CHECK(getsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &n, &size) == 0);
  return n;
}

TEST(a_window_can_be_set_on_a_tcp_connection_and_on_nothing_else)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof at;
  int door = socket(AF_INET, SOCK_STREAM, 0), one = socket(AF_INET, SOCK_STREAM, 0), pair[2];
  CHECK(!bind(door, (struct sockaddr *)&at, sizeof at) && !listen(door, 1) && !getsockname(door, (struct sockaddr *)&at, &size));
  CHECK(!connect(one, (struct sockaddr *)&at, sizeof at));
  CHECK(hj_sock_window(one, 50000));
  CHECK_EQ(clamp_of(one), 50000);
  CHECK(hj_sock_window(one, HJ_SOCK_ANY));
  CHECK_GE(clamp_of(one), 1000000);
  CHECK(!hj_sock_window(-1, 50000));
  CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  CHECK(!hj_sock_window(pair[0], 50000));
  (void)close(pair[0]);
  (void)close(pair[1]);
  (void)close(one);
  (void)close(door);
}

static void wait_for_line(struct hj_job *j, const char *part)
{
  enum hj_trace_part of;
  char line[400] = "";
  while (!strstr(line, part)) {
    if (hj_trace_next(&of, line, sizeof line))
      continue;
    CHECK(hj_job_poll(j, 1) != 1);
  }
}

TEST(politeness_comes_and_goes_while_a_job_runs)
{
  struct world w;
  struct hj_limits limits = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 24 * MIB, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/f/gate=300000/raw/a.bin", "a.bin");
  promise(&want, t);
  limits.polite = true;
  CHECK(hj_trace_set("sched"));
  struct hj_job *j = start_job(&want, 1, &limits);
  wait_for_line(j, "polite, starting: ");
  CHECK(hj_job_look(j).polite);
  hj_engine_polite(0);
  wait_for_line(j, "its window is free again");
  CHECK(!hj_job_look(j).polite);
  hj_engine_polite(-1);
  while (!hj_job_look(j).polite)
    CHECK(hj_job_poll(j, 1) != 1);
  CHECK(hj_trace_set(""));
  hj_job_cancel(j);
  wait_job(j);
  free_job_of(j);
  close_world(&w);
}

TEST(a_polite_job_has_two_connections)
{
  struct world w;
  struct hj_outcome o;
  struct hj_limits limits = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 24 * MIB, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/raw/a.bin", "a.bin");
  promise(&want, t);
  limits.polite = true;
  limits.connections = limits.first_connections = 16;
  limits.range_max = MIB;
  mini_forget(w.net);
  struct hj_job *j = run_one(want, &limits, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK(is_whole(temp_path("a.bin"), t));
  CHECK_LE(mini_peak(w.net), HJ_POLITE_CONNECTIONS);
  CHECK_GT(o.requests, 3);
  free_job_of(j);
  close_world(&w);
}

TEST(polite_and_limited_both_hold)
{
  struct world w;
  struct hj_outcome o;
  struct hj_limits limits = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 2 * MIB, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/raw/a.bin", "a.bin");
  promise(&want, t);
  limits.polite = true;
  limits.rate = 8000000;
  uint64_t began_ms = hj_clock_ms();
  struct hj_job *j = run_one(want, &limits, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK_GE(8000 * (hj_clock_ms() - began_ms + HJ_BURST_MS + 1) + 80000, t->n);
  CHECK_EQ(hj_job_look(j).rate, 8000000);
  CHECK(hj_job_look(j).polite);
  free_job_of(j);
  close_world(&w);
}

TEST(the_users_word_makes_every_job_polite)
{
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_limits limits = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 6 * MIB, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/f/gate=300000/raw/a.bin", "a.bin");
  promise(&want, t);
  limits.run_dir = text_of(temp_path("run"));
  CHECK_OK(hj_dir_make_all(temp_path("run"), &e), e);
  put_text(temp_path("run/polite"), "1\n");
  struct hj_job *j = start_job(&want, 1, &limits);
  while (!hj_job_look(j).polite)
    CHECK(hj_job_poll(j, 1) != 1);
  put_text(temp_path("run/polite"), "0\n");
  while (hj_job_look(j).polite)
    CHECK(hj_job_poll(j, 1) != 1);
  hj_job_cancel(j);
  wait_job(j);
  free_job_of(j);
  close_world(&w);
}

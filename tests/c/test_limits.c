/* tests/c/test_limits.c - jobs under a limit of rate: alone, changed meanwhile, shared with other processes. */
#include "engine_kit.h"

static uint64_t elapsed_ms(uint64_t since_ms) { return hj_clock_ms() - since_ms; }

static void expect_lfs(const struct hj_outcome *o, const struct thing *t, const char *link)
{
  expect_end(o, HJ_END_DONE);
  expect_stored(t, link);
  CHECK_EQ(o->size, t->n);
  CHECK(hj_promise_same(&o->proven, &t->promise));
}

static void wait_for_waits(struct hj_job *j)
{
  while (!hj_job_look(j).waits && hj_job_poll(j, 1) != 1)
    ;
  CHECK(hj_job_look(j).waits > 0);
}

TEST(a_limited_job_takes_its_time_over_two_connections)
{
  enum { RATE = 8000000, PIECE = RATE / 100 };
  struct world w;
  struct hj_limits limits = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 4 * MIB, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/raw/a.bin", "a.bin");
  promise(&want, t);
  limits.rate = RATE;
  mini_forget(w.net);
  uint64_t began_ms = hj_clock_ms();
  struct hj_job *j = start_job(&want, 1, &limits);
  while (hj_job_poll(j, 2) != 1) { /* looked at before the clock: what came by then was allowed by now */
    uint64_t came = hj_job_look(j).from_net;
    CHECK_LE(came, RATE / 1000 * (elapsed_ms(began_ms) + HJ_BURST_MS + 1) + PIECE);
  }
  wait_job(j);
  CHECK_GE(RATE / 1000 * (elapsed_ms(began_ms) + HJ_BURST_MS + 1) + PIECE, t->n);
  struct hj_outcome o = outcome_of(j, 0);
  expect_end(&o, HJ_END_DONE);
  CHECK(is_whole(temp_path("a.bin"), t));
  CHECK_EQ(o.from_net, t->n);
  CHECK_EQ(hj_job_look(j).rate, RATE);
  CHECK_GT(hj_job_look(j).waits, 10);
  CHECK_LE(mini_peak(w.net), 2);
  free_job_of(j);
  close_world(&w);
}

TEST(small_files_count_too)
{
  enum { N = 40, SIZE = 20000, RATE = 2000000 };
  struct world w;
  struct hj_want wants[N];
  struct hj_limits limits = quick();
  open_world(&w);
  for (int i = 0; i < N; i++) {
    char name[20], path[40];
    (void)snprintf(name, sizeof name, "n%d", i);
    (void)snprintf(path, sizeof path, "/raw/%s", name);
    wants[i] = want_path(&w, path, name);
    promise(&wants[i], add_thing(&w, name, SIZE, MINI_PLAIN));
  }
  limits.rate = RATE;
  uint64_t began_ms = hj_clock_ms();
  struct hj_job *j = start_job(wants, N, &limits);
  wait_job(j);
  CHECK_GE(RATE / 1000 * (elapsed_ms(began_ms) + HJ_BURST_MS + 1) + RATE / 100, N * SIZE);
  CHECK_EQ(hj_job_look(j).files_done, N);
  free_job_of(j);
  close_world(&w);
}

TEST(waiting_for_the_limit_is_neither_silence_nor_standstill)
{
  struct world w;
  struct hj_outcome o;
  struct hj_limits limits = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 40000, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/raw/a.bin", "a.bin");
  promise(&want, t);
  limits.rate = 30000; /* 4 KiB at a time: 136 ms between two */
  limits.stall_ms = 60;
  limits.give_up_ms = 100;
  struct hj_job *j = run_one(want, &limits, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK_EQ(o.requests, 1);
  CHECK_GT(hj_job_look(j).waits, 4);
  free_job_of(j);
  close_world(&w);
}

TEST(the_limit_may_change_while_a_job_runs)
{
  struct world w;
  struct hj_limits limits = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 9 * MIB, MINI_LFS);
  struct hj_want want = want_store(&w, "/resolve/a.bin", "a.bin");
  limits.rate = HJ_RATE_MIN; /* two and a half hours */
  struct hj_job *j = start_job(&want, 1, &limits);
  wait_for_waits(j);
  hj_engine_limit_rate(0);
  wait_job(j);
  struct hj_outcome o = outcome_of(j, 0);
  expect_lfs(&o, t, "a.bin");
  free_job_of(j);
  hj_engine_limit_rate(HJ_RATE_MIN); /* and for one that has none, before it begins */
  want = want_store(&w, "/resolve/a.bin", "b.bin");
  want.force = true;
  j = start_job(&want, 1, NULL);
  wait_for_waits(j);
  CHECK_EQ(hj_job_look(j).rate, HJ_RATE_MIN);
  hj_engine_limit_rate(HJ_NO_OVERRIDE);
  wait_job(j);
  CHECK_EQ(hj_job_look(j).rate, 0);
  free_job_of(j);
  close_world(&w);
}

/* Three threads of a notebook, a limit of 4 MB/s: two files came, the third was never asked for (seen 2026-11-23). */
TEST(a_job_that_comes_while_others_wait_for_the_limit_begins_too)
{
  struct world w;
  struct hj_limits limits = quick(), same = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 3 * MIB, MINI_LFS), *u = add_thing(&w, "b.bin", 2 * MIB, MINI_LFS);
  struct hj_want want = want_store(&w, "/resolve/a.bin", "a.bin"), other = want_store(&w, "/resolve/b.bin", "b.bin");
  limits.rate = same.rate = HJ_RATE_MIN;
  struct hj_job *j = start_job(&want, 1, &limits), *late;
  wait_for_waits(j);
  late = start_job(&other, 1, &same);
  while (!hj_job_look(late).rate && hj_job_poll(late, 1) != 1) /* the engine has seen it */
    ;
  hj_engine_limit_rate(0);
  wait_job(j);
  wait_job(late);
  hj_engine_limit_rate(HJ_NO_OVERRIDE);
  struct hj_outcome o = outcome_of(j, 0), p = outcome_of(late, 0);
  expect_lfs(&o, t, "a.bin");
  expect_lfs(&p, u, "b.bin");
  free_job_of(j);
  free_job_of(late);
  close_world(&w);
}

TEST(a_waiting_job_can_be_cancelled_and_resumed)
{
  struct world w;
  struct hj_outcome o;
  struct hj_limits limits = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 3 * MIB, MINI_LFS);
  struct hj_want want = want_store(&w, "/resolve/a.bin", "a.bin");
  limits.rate = HJ_RATE_MIN;
  struct hj_job *j = start_job(&want, 1, &limits);
  wait_for_waits(j);
  hj_job_cancel(j);
  wait_job(j);
  o = outcome_of(j, 0);
  expect_code(&o, HJ_E_CANCELLED);
  CHECK_EQ(j->throttle->waiting, 0);
  free_job_of(j);
  j = run_one(want_store(&w, "/resolve/a.bin", "a.bin"), NULL, &o);
  expect_lfs(&o, t, "a.bin");
  free_job_of(j);
  close_world(&w);
}

TEST(the_users_limit_holds_for_a_job_that_has_none)
{
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_limits limits = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 6 * MIB, MINI_LFS);
  struct hj_want want = want_store(&w, "/resolve/a.bin", "a.bin");
  limits.run_dir = text_of(temp_path("run"));
  CHECK_OK(hj_dir_make_all(temp_path("run"), &e), e);
  put_text(temp_path("run/limit"), "1024\n");
  struct hj_job *j = start_job(&want, 1, &limits);
  wait_for_waits(j);
  CHECK_EQ(hj_job_look(j).rate, 1024);
  CHECK_EQ(entries(temp_path("run/rate"), NULL), 1);
  put_text(temp_path("run/limit"), "eight\n"); /* no number: no limit */
  wait_job(j);
  CHECK_EQ(hj_job_look(j).rate, 0);
  struct hj_outcome o = outcome_of(j, 0);
  expect_lfs(&o, t, "a.bin");
  free_job_of(j);
  calm_down(&w);
  CHECK_EQ(entries(temp_path("run/rate"), NULL), 0);
  close_world(&w);
}

/* The other process is played by the test: it lives, holds all of the limit, then half of it. */
TEST(a_limit_is_shared_with_other_processes)
{
  enum { RATE = 8000000 };
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_limits limits = quick();
  struct hj_crowd other = { 0 };
  struct hj_crowd_words all = { RATE, UINT64_MAX, RATE }, half = { RATE / 2, UINT64_MAX, RATE }, who[HJ_CROWD_MAX];
  size_t n = 0;
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 3 * MIB, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/raw/a.bin", "a.bin");
  promise(&want, t);
  limits.run_dir = text_of(temp_path("run"));
  limits.rate = 2 * RATE; /* the smaller one counts */
  CHECK_OK(hj_crowd_join(&other, temp_path("run/rate"), &e), e);
  CHECK_OK(hj_crowd_say(&other, &all, &e), e);
  struct hj_job *j = start_job(&want, 1, &limits);
  for (uint64_t until = hj_clock_ms() + 4 * HJ_LIMIT_LOOK_MS; hj_clock_ms() < until;) { /* it looks around some times, and finds nothing left */
    CHECK_OK(hj_crowd_say(&other, &all, &e), e);
    CHECK_OK(hj_crowd_look(&other, who, &n, &e), e);
    CHECK(n == 0 || who[0].claim == 0);
    (void)hj_job_poll(j, 20);
  }
  CHECK_EQ(n, 1);
  CHECK_EQ(hj_job_look(j).from_net, 0);
  CHECK_OK(hj_crowd_say(&other, &half, &e), e);
  uint64_t began_ms = hj_clock_ms();
  while (hj_job_poll(j, 20) != 1) {
    CHECK_OK(hj_crowd_say(&other, &half, &e), e);
    CHECK_OK(hj_crowd_look(&other, who, &n, &e), e);
    CHECK(n == 0 || who[0].claim <= RATE / 2);
  }
  wait_job(j);
  CHECK_GE(RATE / 2000 * (elapsed_ms(began_ms) + HJ_BURST_MS + 1) + RATE / 100, t->n);
  struct hj_outcome o = outcome_of(j, 0);
  expect_end(&o, HJ_END_DONE);
  free_job_of(j);
  hj_crowd_leave(&other);
  close_world(&w);
}

TEST(without_a_usable_run_folder_the_limit_holds_for_the_process)
{
  struct world w;
  struct hj_outcome o;
  struct hj_limits limits = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.bin", 2 * MIB, MINI_LFS);
  put_text(temp_path("run"), "a file");
  limits.run_dir = text_of(temp_path("run"));
  limits.rate = 4000000;
  struct hj_job *j = run_one(want_store(&w, "/resolve/a.bin", "a.bin"), &limits, &o);
  expect_lfs(&o, t, "a.bin");
  CHECK(hj_job_look(j).waits > 0);
  free_job_of(j);
  close_world(&w);
}


/* ---- the limit of memory ------------------------------------------------------------------------------------------ */

/* 64 connections are wished for, and all that get their turn stand at a gate with a piece begun: what they hold is what they may. */
static uint64_t peak_of_many(struct world *w, uint64_t limit, unsigned jobs_n, unsigned *connections)
{
  struct hj_job *jobs[4];
  const struct thing *t = w->things_n ? &w->things[0] : add_thing(w, "big.bin", 96 * MIB, MINI_PLAIN);
  uint64_t before, peak, seen_ms = 0;
  unsigned sum, last = 0;
  hj_mem_mark();
  before = hj_mem_live_bytes();
  for (unsigned k = 0; k < jobs_n; k++) {
    struct hj_limits limits = quick();
    char name[20];
    (void)snprintf(name, sizeof name, "big%u", k);
    struct hj_want want = want_path(w, "/f/gate=1000/raw/big.bin", name);
    promise(&want, t);
    want.promise.algo = HJ_ALGO_NONE; /* they would wait for each other */
    limits.connections = limits.first_connections = 64;
    limits.memory = limit;
    limits.range_max = MIB;
    jobs[k] = start_job(&want, 1, &limits);
  }
  do { /* until none comes any more, for a while */
    sum = 0;
    for (unsigned k = 0; k < jobs_n; k++) {
      (void)hj_job_poll(jobs[k], 5);
      sum += hj_job_look(jobs[k]).connections;
    }
    if (sum != last || !sum)
      seen_ms = hj_clock_ms();
    last = sum;
  } while (hj_clock_ms() - seen_ms < 400);
  *connections = sum;
  for (unsigned k = 0; k < jobs_n; k++)
    hj_job_cancel(jobs[k]);
  for (unsigned k = 0; k < jobs_n; k++)
    wait_job(jobs[k]);
  peak = hj_mem_peak_bytes() - before;
  for (unsigned k = 0; k < jobs_n; k++)
    free_job_of(jobs[k]);
  calm_down(w);
  return peak;
}

TEST(sixty_four_connections_stay_within_sixteen_mebibytes)
{
  struct world w;
  unsigned n;
  open_world(&w);
  for (uint64_t limit = 8 * MIB; limit <= 32 * MIB; limit *= 2) {
    uint64_t peak = peak_of_many(&w, limit, 1, &n);
    context("%llu MiB: %u connections, peak %llu KiB", (unsigned long long)limit >> 20, n, (unsigned long long)peak >> 10);
    printf("%llu MiB: %u connections, peak %llu KiB\n", (unsigned long long)limit >> 20, n, (unsigned long long)peak >> 10);
    CHECK_LE(peak, limit);
    CHECK_GE(n, (limit >> 20) - 3);  /* and it is used */
  }
  close_world(&w);
}

TEST(jobs_of_one_process_share_its_memory)
{
  struct world w;
  unsigned n;
  open_world(&w);
  uint64_t peak = peak_of_many(&w, 16 * MIB, 3, &n);
  printf("3 jobs: %u connections, peak %llu KiB\n", n, (unsigned long long)peak >> 10);
  CHECK_LE(peak, 16 * MIB + 2 * 2 * MIB); /* each of the later two has one thing at a time */
  close_world(&w);
}

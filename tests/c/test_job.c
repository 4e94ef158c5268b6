/* tests/c/test_job.c - jobs against a hub that behaves: every kind of want, resume, cancel, many at once, fork, stop. */
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "engine_kit.h"
#include "store/lock.h"

/* ---- to memory ---------------------------------------------------------------------------------------------------- */

TEST(a_small_answer_comes_into_memory)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "a.json", 5000, MINI_SMALL);
  struct hj_job *j = run_one(want_memory(&w, "/resolve/a.json"), NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK_EQ(o.body_n, t->n);
  CHECK_MEM(o.body, t->p, t->n);
  CHECK_EQ(o.size, t->n);
  CHECK_EQ(o.from_net, t->n);
  CHECK_EQ(o.http_status, 200);
  CHECK_EQ(o.requests, 2);
  CHECK_STR(o.commit, MINI_COMMIT);
  CHECK(o.path == NULL && o.link == NULL);
  size_t i = 0;
  const char *name, *value;
  bool length = false;
  while (hj_outcome_header(&o, &i, &name, &value))
    length = length || (strcmp(name, "content-length") == 0 && strcmp(value, "5000") == 0);
  CHECK(length);
  free_job_of(j);
  close_world(&w);
}

TEST(an_empty_answer_is_an_answer)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  add_thing(&w, "empty", 0, MINI_PLAIN);
  struct hj_job *j = run_one(want_memory(&w, "/raw/empty"), NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK_EQ(o.body_n, 0);
  free_job_of(j);
  j = run_one(want_memory(&w, "/f/chunked/raw/empty"), NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK_EQ(o.body_n, 0);
  free_job_of(j);
  close_world(&w);
}

TEST(an_answer_above_its_maximum_is_cut_off)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  add_thing(&w, "big", 300000, MINI_PLAIN);
  static const char *const paths[] = { "/raw/big", "/f/chunked/raw/big", "/f/nolen/raw/big" };
  for (int i = 0; i < 3; i++) {
    struct hj_want want = want_memory(&w, paths[i]);
    want.memory = 299999;
    struct hj_job *j = run_one(want, NULL, &o);
    expect_code(&o, HJ_E_TOOBIG);
    CHECK(o.body_n == 0);
    free_job_of(j);
  }
  close_world(&w);
}

TEST(headers_auth_and_a_post_arrive)
{
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_outcome o;
  open_world(&w);
  struct hj_want want = want_memory(&w, "/echo");
  want.headers = hj_mem_zero(1, sizeof *want.headers, &e);
  want.headers[0] = text_of("X-One: eins");
  want.headers_n = 1;
  want.auth = text_of("Bearer hf_secret");
  want.auth_origin = text_of(mini_origin(w.net));
  want.post = text_of("a=1&b=2");
  want.post_n = 7;
  struct hj_job *j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK_HAS((const char *)o.body, "POST /echo");
  CHECK_HAS((const char *)o.body, "X-One: eins\r\n");
  CHECK_HAS((const char *)o.body, "Authorization: Bearer hf_secret\r\n");
  CHECK_HAS((const char *)o.body, "Accept-Encoding: identity\r\n");
  CHECK_HAS((const char *)o.body, "\r\n\r\na=1&b=2");
  CHECK(strstr((const char *)o.body, "Cookie") == NULL);
  free_job_of(j);
  close_world(&w);
}

TEST(a_secret_is_not_shown_to_the_cdn)
{
  struct world w;
  struct hj_outcome o;
  struct mini_visit v;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 6 * MIB, MINI_LFS);
  struct hj_want want = want_store(&w, "/resolve/m.bin", "m.bin");
  want.auth = text_of("Bearer hf_secret");
  want.auth_origin = text_of(mini_origin(w.net));
  struct hj_job *j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_DONE);
  for (unsigned i = 0; mini_visit(w.net, i, &v); i++)
    CHECK_EQ(v.has_auth, v.port == 0);
  free_job_of(j);
  want = want_store(&w, "/resolve/m.bin", "m.bin");
  want.force = true;
  want.auth = text_of("Bearer hf_secret");
  want.auth_origin = text_of("http://127.0.0.1:9");
  mini_forget(w.net);
  j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_DONE);
  for (unsigned i = 0; mini_visit(w.net, i, &v); i++)
    CHECK(!v.has_auth);
  expect_stored(t, "m.bin");
  free_job_of(j);
  close_world(&w);
}

/* ---- to the store ------------------------------------------------------------------------------------------------- */

TEST(a_cold_small_file_is_stored_and_linked)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "config.json", 777, MINI_SMALL);
  struct hj_job *j = run_one(want_store(&w, "/resolve/config.json", "a/config.json"), NULL, &o);
  expect_end(&o, HJ_END_DONE);
  expect_stored(t, "a/config.json");
  CHECK_STR(o.etag, t->etag);
  CHECK_STR(o.commit, MINI_COMMIT);
  CHECK_STR(o.path, blob_path(t));
  CHECK_STR(o.link, link_at("a/config.json"));
  CHECK(hj_promise_same(&o.proven, &t->promise));
  CHECK_EQ(o.size, 777);
  CHECK_EQ(o.requests, 2);
  CHECK_EQ(stat_of(blob_path(t)).st_mode & 0222, 0);
  struct hj_progress_view v = hj_job_look(j);
  CHECK_EQ(v.size, 777);
  CHECK_EQ(v.sizes_unknown, 0);
  CHECK_EQ(v.proven, 777);
  free_job_of(j);
  close_world(&w);
}

static void expect_lfs(const struct hj_outcome *o, const struct thing *t, const char *link)
{
  expect_end(o, HJ_END_DONE);
  expect_stored(t, link);
  CHECK_STR(o->etag, t->etag);
  CHECK_EQ(o->size, t->n);
  CHECK(hj_promise_same(&o->proven, &t->promise));
}

TEST(a_cold_lfs_file_comes_in_ranges_over_its_redirect)
{
  static const size_t sizes[] = { 1, 4096, MIB - 1, MIB, MIB + 1, 4 * MIB, 4 * MIB + 1, 9 * MIB + 12345, 20 * MIB };
  struct world w;
  open_world(&w);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    char name[20], path[60];
    struct hj_outcome o;
    (void)snprintf(name, sizeof name, "m%zu.bin", i);
    (void)snprintf(path, sizeof path, "/resolve/%s", name);
    context("%zu bytes", sizes[i]);
    const struct thing *t = add_thing(&w, name, sizes[i], MINI_LFS);
    mini_forget(w.net);
    struct hj_job *j = run_one(want_store(&w, path, name), NULL, &o);
    expect_lfs(&o, t, name);
    CHECK_EQ(o.from_net, t->n);           /* no byte came twice */
    CHECK_EQ(mini_count(w.net, "/resolve/"), 1);
    CHECK_EQ(o.requests, mini_visits(w.net));
    struct hj_progress_view v = hj_job_look(j);
    CHECK_EQ(v.size, t->n);
    CHECK_EQ(v.from_net, t->n);
    CHECK_EQ(v.on_disk, t->n);
    CHECK_EQ(v.proven, t->n);
    CHECK_EQ(v.requests, o.requests);
    free_job_of(j);
  }
  close_world(&w);
}

TEST(a_promised_file_is_opened_before_anybody_is_asked)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 13 * MIB + 7, MINI_LFS);
  struct hj_want want = want_store(&w, "/resolve/m.bin", "m.bin");
  want.commit = text_of(MINI_COMMIT);
  promise(&want, t);
  struct hj_job *j = run_one(want, NULL, &o);
  expect_lfs(&o, t, "m.bin");
  CHECK_EQ(o.from_net, t->n);
  free_job_of(j);
  mini_forget(w.net);                     /* a name without a commit: somebody must say which, and that is all */
  want = want_store(&w, "/resolve/m.bin", "n.bin");
  promise(&want, t);
  j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_HELD);
  CHECK_EQ(mini_visits(w.net), 1);
  CHECK(is_whole(link_at("n.bin"), t));
  free_job_of(j);
  mini_forget(w.net);                     /* again: it is there, nobody needs to be asked */
  want = want_store(&w, "/resolve/m.bin", "m.bin");
  want.commit = text_of(MINI_COMMIT);
  promise(&want, t);
  j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_HELD);
  CHECK_EQ(mini_visits(w.net), 0);
  CHECK_STR(o.path, blob_path(t));
  free_job_of(j);
  close_world(&w);
}

TEST(a_promise_of_nothing_needs_no_question)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "empty", 0, MINI_LFS);
  struct hj_want want = want_path(&w, "/resolve/empty", "empty");
  promise(&want, t);
  struct hj_job *j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK(is_whole(temp_path("empty"), t));
  CHECK_EQ(mini_visits(w.net), 0);
  free_job_of(j);
  close_world(&w);
}

TEST(an_empty_file_of_unknown_size_is_a_file)
{
  static const char *const paths[] = { "/raw/empty", "/f/chunked/raw/empty", "/f/nolen/raw/empty", "/f/whole/raw/empty", "/f/whole,chunked/raw/empty",
                                       "/f/whole,nolen/raw/empty" };
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "empty", 0, MINI_PLAIN);
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    char to[20];
    context("%s", paths[i]);
    (void)snprintf(to, sizeof to, "empty%zu", i);
    struct hj_job *j = run_one(want_path(&w, paths[i], to), NULL, &o);
    expect_end(&o, HJ_END_DONE);
    CHECK_EQ(o.size, 0);
    CHECK(is_whole(temp_path(to), t));
    CHECK_EQ(hj_job_look(j).sizes_unknown, 0);
    free_job_of(j);
  }
  close_world(&w);
}

TEST(a_stream_of_unknown_length_comes_once)
{
  static const char *const faults[] = { "whole,chunked", "whole,nolen", "whole,chunked,noetag", "whole,nolen,noetag" };
  static const size_t sizes[] = { 1, 70000, MIB, 5 * MIB + 1 };
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    for (size_t k = 0; k < sizeof faults / sizeof faults[0]; k++) {
      char name[20], path[80];
      (void)snprintf(name, sizeof name, "s%zu%zu.bin", i, k);
      (void)snprintf(path, sizeof path, "/f/%s/raw/%s", faults[k], name);
      context("%zu bytes, %s", sizes[i], faults[k]);
      const struct thing *t = add_thing(&w, name, sizes[i], MINI_PLAIN);
      mini_forget(w.net);
      struct hj_job *j = run_one(want_path(&w, path, name), NULL, &o);
      expect_end(&o, HJ_END_DONE);
      CHECK(is_whole(temp_path(name), t));
      CHECK_EQ(mini_visits(w.net), 1);
      CHECK_EQ(o.requests, 1);
      CHECK_EQ(o.from_net, t->n);
      CHECK_EQ(o.size, t->n);
      CHECK(hj_promise_same(&o.proven, &t->promise));
      struct hj_progress_view v = hj_job_look(j);
      CHECK_EQ(v.size, t->n);
      CHECK_EQ(v.sizes_unknown, 0);
      CHECK_EQ(v.on_disk, t->n);
      CHECK_EQ(v.proven, t->n);
      free_job_of(j);
    }
  close_world(&w);
}

TEST(a_plain_file_is_shared_out_over_connections)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "f.bin", 30 * MIB + 5, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/f/gate=100,from=1/raw/f.bin", "dir/f.bin");
  struct hj_job *j = start_job(&want, 1, NULL);
  mini_wait_gate(w.net, 4);                 /* so many are open side by side */
  do
    mini_open_gate(w.net);
  while (hj_job_poll(j, 5) != 1);
  wait_job(j);
  o = outcome_of(j, 0);
  expect_end(&o, HJ_END_DONE);
  CHECK(is_whole(temp_path("dir/f.bin"), t));
  CHECK_EQ(o.from_net, t->n);
  CHECK_GT(o.requests, 4);
  CHECK_STR(o.path, temp_path("dir/f.bin"));
  CHECK(!is_there(temp_path("side/partial")));
  free_job_of(j);
  close_world(&w);
}

/* Of short ranges one has always just ended. Then a level never looked full, no rate was ever known, and each range stayed a blind one. */
TEST(the_rate_of_a_connection_is_known_although_ranges_end_all_the_time)
{
  enum { N = 6 };
  struct world w;
  struct hj_want wants[N];
  open_world(&w);
  const struct thing *t = add_thing(&w, "f.bin", 64 * MIB, MINI_PLAIN);
  for (int i = 0; i < N; i++) {
    char to[20];
    (void)snprintf(to, sizeof to, "dir/%d", i);
    wants[i] = want_path(&w, "/raw/f.bin", to);
    promise(&wants[i], t);
  }
  struct hj_limits limits = quick();
  limits.connections = limits.first_connections = 4;
  limits.range_min = limits.range_max = HJ_PIECE;
  struct hj_job *j = start_job(wants, N, &limits);
  wait_job(j);
  CHECK_EQ(hj_job_look(j).files_done, N);
  CHECK_GT(j->routes[0].connection_rate, 0);
  free_job_of(j);
  close_world(&w);
}

TEST(a_job_whose_proof_is_too_far_behind_asks_for_no_more_and_goes_on_later)
{
  struct world w;
  struct hj_want wants[3];
  open_world(&w);
  const struct thing *t = add_thing(&w, "f.bin", 8 * MIB, MINI_PLAIN);
  for (int i = 0; i < 3; i++) {
    char to[20];
    (void)snprintf(to, sizeof to, "dir/%d", i);
    wants[i] = want_path(&w, "/raw/f.bin", to);
    promise(&wants[i], t);
  }
  struct hj_limits limits = quick();
  limits.range_min = limits.range_max = MIB;
  hj_engine_lag(1);                         /* each byte is too much */
  struct hj_job *j = start_job(wants, 3, &limits);
  wait_job(j);
  hj_engine_lag(0);
  CHECK_EQ(hj_job_look(j).files_done, 3);
  CHECK_EQ(hj_job_look(j).from_net, 3 * t->n);
  CHECK_GT(j->holds, 0);
  free_job_of(j);
  close_world(&w);
}

TEST(a_file_without_ranges_comes_as_one_stream)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "f.bin", 9 * MIB + 5, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/raw/f.bin", "f1");
  want.no_ranges = true;
  struct hj_job *j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK(is_whole(temp_path("f1"), t));
  CHECK_EQ(o.requests, 1);
  CHECK_EQ(o.from_net, t->n);
  free_job_of(j);
  want = want_path(&w, "/raw/f.bin", "f2");
  want.no_ranges = true;
  promise(&want, t);
  j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK(is_whole(temp_path("f2"), t));
  CHECK_EQ(o.requests, 1);
  CHECK_EQ(o.from_net, t->n);
  free_job_of(j);
  close_world(&w);
}

TEST(a_file_that_is_held_ends_at_the_head)
{
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *big = add_thing(&w, "m.bin", 5 * MIB, MINI_LFS), *small = add_thing(&w, "c.json", 50, MINI_SMALL);
  const struct thing *things[] = { big, small };
  for (int i = 0; i < 2; i++) {
    char path[60];
    (void)snprintf(path, sizeof path, "/resolve/%s", things[i]->name);
    struct hj_want want = want_store(&w, path, things[i]->name);
    want.held = hj_mem_zero(2, sizeof *want.held, &e);
    want.held[0] = text_of("0000000000000000000000000000000000000000");
    want.held[1] = text_of(things[i]->etag);
    want.held_n = 2;
    struct hj_job *j = run_one(want, NULL, &o);
    expect_end(&o, HJ_END_HELD);
    CHECK_STR(o.etag, things[i]->etag);
    CHECK_STR(o.commit, MINI_COMMIT);
    CHECK_EQ(o.from_net, 0);
    CHECK(!is_there(blob_path(things[i])));
    free_job_of(j);
  }
  CHECK_EQ(mini_count(w.net, "/cdn/"), 0);
  close_world(&w);
}

TEST(a_question_about_a_file_brings_no_body)
{
  static const char *const paths[] = { "/resolve/m.bin", "/resolve/c.json", "/raw/m.bin", "/f/whole,chunked/raw/m.bin", "/raw/empty", "/f/whole/raw/m.bin" };
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  add_thing(&w, "m.bin", 20 * MIB, MINI_LFS);
  add_thing(&w, "c.json", 50, MINI_SMALL);
  add_thing(&w, "empty", 0, MINI_PLAIN);
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    context("%s", paths[i]);
    struct hj_want want = want_path(&w, paths[i], "nothing");
    want.meta_only = true;
    struct hj_job *j = run_one(want, NULL, &o);
    expect_end(&o, HJ_END_META);
    CHECK_EQ(o.from_net, 0);
    CHECK(o.path == NULL);
    CHECK(!is_there(temp_path("nothing")));
    CHECK(!is_there(temp_path("side")));
    free_job_of(j);
  }
  close_world(&w);
}

TEST(many_files_in_one_job)
{
  enum { N = 120 };
  struct world w;
  struct hj_want wants[N];
  open_world(&w);
  for (int i = 0; i < N; i++) {
    char name[20], path[60];
    (void)snprintf(name, sizeof name, "n%d", i);
    (void)snprintf(path, sizeof path, "/resolve/%s", name);
    const struct thing *t = add_thing(&w, name, i % 10 == 9 ? 2 * MIB + (size_t)i : (size_t)i * 37, i % 10 == 9 ? MINI_LFS : MINI_SMALL);
    wants[i] = want_store(&w, path, name);
    if (i % 20 == 19)
      promise(&wants[i], t);
  }
  hj_mem_free(wants[50].url);
  wants[50].url = text_of(mini_url(w.net, "/resolve/missing"));
  struct hj_limits limits = quick();
  limits.connections = 8;
  struct hj_job *j = start_job(wants, N, &limits);
  wait_job(j);
  for (int i = 0; i < N; i++) {
    struct hj_outcome o = outcome_of(j, (size_t)i);
    context("file %d", i);
    if (i == 50) {
      expect_code(&o, HJ_E_HTTP_MISSING);
      CHECK_EQ(o.http_status, 404);
      CHECK_HAS(o.excerpt, "<h1>Sorry?</h1>");
      continue;
    }
    expect_end(&o, HJ_END_DONE);
    CHECK(is_whole(link_at(w.things[i].name), &w.things[i]));
  }
  CHECK_EQ(hj_job_look(j).files_failed, 1);
  CHECK_LE(mini_peak(w.net), 8);
  free_job_of(j);
  close_world(&w);
}

TEST(jobs_of_one_process_share_its_connections)
{
  enum { JOBS = 4, N = 30, LIMIT = 6 };
  struct world w;
  struct hj_job *jobs[JOBS];
  unsigned sum = 0;
  open_world(&w);
  for (int k = 0; k < JOBS; k++)
    for (int i = 0; i < N; i++) {
      char name[20];
      (void)snprintf(name, sizeof name, "n%d.%d", k, i);
      add_thing(&w, name, i % 10 == 9 ? 3 * MIB : 20000 + (size_t)i, MINI_PLAIN);
    }
  for (int k = 0; k < JOBS; k++) {
    struct hj_want wants[N];
    struct hj_limits limits = quick();
    limits.connections = LIMIT;
    for (int i = 0; i < N; i++) {
      const struct thing *t = &w.things[k * N + i];
      char path[60];
      (void)snprintf(path, sizeof path, "/f/gate=1000/raw/%s", t->name);
      wants[i] = want_path(&w, path, t->name);
      promise(&wants[i], t);
    }
    jobs[k] = start_job(wants, N, &limits);
    while (!hj_job_look(jobs[k]).connections) /* said after a turn that opened all it may: nothing ends before the gate is open */
      sched_yield();
    sum += hj_job_look(jobs[k]).connections;
  }
  CHECK_EQ(sum, LIMIT + JOBS - 1); /* one that finds nothing left has one all the same; without sharing: 24 */
  for (int k = 0; k < JOBS; k++) {
    while (hj_job_poll(jobs[k], 5) != 1)
      mini_open_gate(w.net);
    wait_job(jobs[k]);
    for (int i = 0; i < N; i++) {
      struct hj_outcome o = outcome_of(jobs[k], (size_t)i);
      expect_end(&o, HJ_END_DONE);
    }
  }
  CHECK_LE(mini_peak(w.net), LIMIT + JOBS - 1);
  for (int k = 0; k < JOBS; k++)
    free_job_of(jobs[k]);
  close_world(&w);
}

TEST(a_job_of_nothing_is_done)
{
  struct world w;
  open_world(&w);
  struct hj_job *j = start_job(NULL, 0, NULL);
  wait_job(j);
  free_job_of(j);
  close_world(&w);
}

TEST(a_job_that_makes_no_sense_is_refused_and_nothing_stays)
{
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_job *j = NULL;
  open_world(&w);
  struct hj_want wants[2] = { want_memory(&w, "/echo"), want_path(&w, "/echo", "x") };
  struct hj_limits limits = quick();
  hj_mem_free(wants[1].path);
  wants[1].path = text_of("relative");
  CHECK_CODE(hj_job_new(&j, wants, 2, &limits, &e), HJ_E_BADARG, e);
  CHECK(wants[0].url == NULL);                 /* taken, and gone */
  wants[0] = want_memory(&w, "/echo");
  limits = quick();
  limits.connections = 0;
  CHECK_CODE(hj_job_new(&j, wants, 1, &limits, &e), HJ_E_BADARG, e);
  wants[0] = want_memory(&w, "/echo");
  j = job_of(wants, 1, NULL);
  CHECK_EQ(hj_job_poll(j, 0), 0);
  hj_job_free(j, 0);                           /* never started */
  wants[0] = want_memory(&w, "/echo");
  j = start_job(wants, 1, NULL);
  CHECK_CODE(hj_job_start(j, &e), HJ_E_BADARG, e);
  wait_job(j);
  CHECK_CODE(hj_job_start(j, &e), HJ_E_BADARG, e);
  free_job_of(j);
  close_world(&w);
}

TEST(offline_asks_nobody)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 2 * MIB, MINI_LFS);
  for (int i = 0; i < 3; i++) {
    struct hj_limits limits = quick();
    struct hj_want want = i == 0 ? want_memory(&w, "/echo") : want_store(&w, "/resolve/m.bin", "m.bin");
    if (i == 2)
      promise(&want, t);
    limits.offline = true;
    struct hj_job *j = run_one(want, &limits, &o);
    expect_code(&o, HJ_E_OFFLINE);
    free_job_of(j);
  }
  CHECK_EQ(mini_visits(w.net), 0);
  CHECK(!is_there(temp_path("hub/models--a--b/.hubjet/partial")));
  close_world(&w);
}

TEST(nobody_listens_is_said_after_the_tries)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  struct hj_want want = want_memory(&w, "/echo");
  struct hj_limits limits = quick();
  limits.tries = 2;
  hj_mem_free(want.url);
  want.url = text_of("http://127.0.0.1:1/x");
  struct hj_job *j = run_one(want, &limits, &o);
  expect_code(&o, HJ_E_CONNECT);
  CHECK_EQ(o.requests, 2);
  CHECK_NE(o.err.sys, 0);
  free_job_of(j);
  close_world(&w);
}

/* ---- cancel and resume -------------------------------------------------------------------------------------------- */

TEST(a_cancelled_job_keeps_its_bytes_for_the_next_one)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 12 * MIB + 99, MINI_LFS);
  for (int promised = 0; promised < 2; promised++) {
    struct hj_want want = want_store(&w, "/c/gate=700000/resolve/m.bin", "m.bin");
    want.commit = text_of(MINI_COMMIT);
    if (promised)
      promise(&want, t);
    mini_forget(w.net);
    struct hj_job *j = start_job(&want, 1, NULL);
    mini_wait_gate(w.net, 1);
    while (hj_job_look(j).on_disk < 262144)
      (void)hj_job_poll(j, 1);
    hj_job_cancel(j);
    wait_job(j);
    o = outcome_of(j, 0);
    expect_code(&o, HJ_E_CANCELLED);
    uint64_t on_disk = hj_job_look(j).on_disk;
    CHECK_GE(on_disk, 262144);
    CHECK(!is_there(blob_path(t)));
    free_job_of(j);
    settle_world(&w);

    want = want_store(&w, "/resolve/m.bin", "m.bin");
    want.commit = text_of(MINI_COMMIT);
    if (promised)
      promise(&want, t);
    j = run_one(want, NULL, &o);
    expect_lfs(&o, t, "m.bin");
    CHECK_EQ(o.held, on_disk);
    struct hj_progress_view v = hj_job_look(j);
    CHECK_LE(o.from_net, t->n - on_disk + (promised ? 0 : 4 * MIB));
    CHECK_EQ(v.held, on_disk);
    CHECK_EQ(v.proven, t->n);
    free_job_of(j);
    remove_all(temp_path("hub"));
  }
  close_world(&w);
}

TEST(a_file_without_promise_is_resumed_by_its_validator)
{
  struct world w;
  struct hj_outcome o;
  struct mini_visit v;
  open_world(&w);
  const struct thing *t = add_thing(&w, "f.bin", 10 * MIB, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/f/gate=900000/raw/f.bin", "f.bin");
  want.key = text_of("f-bin");
  struct hj_job *j = start_job(&want, 1, NULL);
  while (hj_job_look(j).on_disk < 524288)
    (void)hj_job_poll(j, 1);
  hj_job_cancel(j);
  wait_job(j);
  o = outcome_of(j, 0);
  expect_code(&o, HJ_E_CANCELLED);
  free_job_of(j);
  settle_world(&w);
  mini_forget(w.net);
  want = want_path(&w, "/raw/f.bin", "f.bin");
  want.key = text_of("f-bin");
  j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK(is_whole(temp_path("f.bin"), t));
  CHECK_GE(o.held, 524288);
  unsigned tied = 0;
  for (unsigned i = 0; mini_visit(w.net, i, &v); i++)
    tied += v.has_if_range;
  CHECK_EQ(tied, mini_visits(w.net) - 1);       /* all but the first, which learnt the validator */
  free_job_of(j);
  close_world(&w);
}

TEST(a_cancel_at_any_moment_ends_the_job_and_the_next_one_succeeds)
{
  struct world w;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 6 * MIB + 1, MINI_LFS), *s = add_thing(&w, "c.json", 3000, MINI_SMALL);
  int done = 0;
  for (int round = 0; round < 60; round++) {
    struct hj_want wants[3] = { want_store(&w, "/resolve/m.bin", "m.bin"), want_store(&w, "/resolve/c.json", "c.json"), want_path(&w, "/raw/m.bin", "p.bin") };
    context("round %d", round);
    if (round % 2)
      promise(&wants[0], t);
    struct hj_job *j = start_job(wants, 3, NULL);
    if (round % 3 == 0)
      for (int i = 0; i < round * 20; i++)
        (void)hj_job_look(j);
    else if (round % 3 == 1)
      while (hj_job_look(j).from_net < (uint64_t)round * 150000 && hj_job_look(j).state == 1)
        sched_yield();
    else
      while (hj_job_look(j).requests < (uint64_t)round / 6 && hj_job_look(j).state == 1)
        sched_yield();
    hj_job_cancel(j);
    if (round % 4) {
      wait_job(j);
      for (size_t i = 0; i < 3; i++) {
        struct hj_outcome o = outcome_of(j, i);
        if (o.end == HJ_END_FAILED)
          CHECK_EQ(o.err.code, HJ_E_CANCELLED);
        else
          done++;
      }
    }
    free_job_of(j);
    CHECK(!is_there(blob_path(t)) || is_whole(blob_path(t), t));
    CHECK(!is_there(blob_path(s)) || is_whole(blob_path(s), s));
    if (round % 5 == 4) {
      struct hj_outcome o;
      j = run_one(want_store(&w, "/resolve/m.bin", "m.bin"), NULL, &o);
      CHECK(o.end == HJ_END_DONE || o.end == HJ_END_HELD);
      CHECK(is_whole(link_at("m.bin"), t));
      free_job_of(j);
      calm_down(&w);
      remove_all(temp_path("hub"));
    }
  }
  printf("%d files were finished before their cancel\n", done);
  settle_world(&w);
  close_world(&w);
}

TEST(a_job_may_be_freed_at_once)
{
  struct world w;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 3 * MIB, MINI_LFS);
  for (int i = 0; i < 30; i++) {
    struct hj_want want = want_store(&w, "/resolve/m.bin", "m.bin");
    if (i % 2)
      promise(&want, t);
    hj_job_free(start_job(&want, 1, NULL), i % 3 ? NEVER_MS : 0);   /* 0: it is left to the engine */
  }
  close_world(&w);
}

/* ---- together ----------------------------------------------------------------------------------------------------- */

TEST(two_jobs_want_the_same_file_at_once)
{
  struct world w;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 5 * MIB, MINI_LFS);
  for (int round = 0; round < 6; round++) {
    struct hj_job *j[3];
    for (int i = 0; i < 3; i++) {
      struct hj_want want = want_store(&w, "/resolve/m.bin", i ? "m.bin" : "n.bin");
      if (round % 2) {
        promise(&want, t);
        if (round == 3)
          want.commit = text_of(MINI_COMMIT);
      }
      j[i] = start_job(&want, 1, NULL);
    }
    unsigned done = 0;
    for (int i = 0; i < 3; i++) {
      wait_job(j[i]);
      struct hj_outcome o = outcome_of(j[i], 0);
      CHECK(o.end == HJ_END_DONE || o.end == HJ_END_HELD);
      done += o.end == HJ_END_DONE;
      CHECK(is_whole(o.link, t));
      free_job_of(j[i]);
    }
    CHECK_EQ(done, 1);                     /* the lock saves the work of the others */
    expect_stored(t, "m.bin");
    expect_stored(t, "n.bin");
    calm_down(&w);
    remove_all(temp_path("hub"));
  }
  close_world(&w);
}

TEST(a_file_in_another_s_hands_is_waited_for)
{
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_outcome o;
  struct hj_lock lock = HJ_LOCK_INIT;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 2 * MIB, MINI_LFS);
  char *path = hj_layout_lock(temp_path("hub/models--a--b"), t->etag, &e);
  CHECK_OK(hj_lock_try(&lock, path, &e), e);
  for (int cancel = 1; cancel >= 0; cancel--) {
    struct hj_want want = want_store(&w, "/resolve/m.bin", "m.bin");
    mini_forget(w.net);
    struct hj_job *j = start_job(&want, 1, NULL);
    mini_wait_visits(w.net, 1);
    for (int i = 0; i < 20; i++)            /* it looks again a few times meanwhile */
      CHECK_EQ(hj_job_poll(j, 20), 0);
    if (cancel)
      hj_job_cancel(j);
    else
      hj_lock_drop(&lock);
    wait_job(j);
    o = outcome_of(j, 0);
    if (cancel)
      expect_code(&o, HJ_E_CANCELLED);
    else
      expect_lfs(&o, t, "m.bin");
    free_job_of(j);
  }
  hj_mem_free(path);
  close_world(&w);
}

struct keeper { char *path; int up; };

/* As the stock client: it has the lock, and what it fetches is silent. */
static void keep_lock(void *user)
{
  const struct keeper *k = user;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_lock lock = HJ_LOCK_INIT;
  CHECK_OK(hj_lock_try(&lock, k->path, &e), e);
  CHECK_EQ(write(k->up, "x", 1), 1);
  for (;;)
    pause();
}

TEST(a_lock_whose_holder_was_stopped_does_not_stop_us)
{
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_outcome o;
  int up[2], status;
  char byte;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 2 * MIB, MINI_LFS);
  struct keeper k = { hj_layout_lock(temp_path("hub/models--a--b"), t->etag, &e), 0 };
  CHECK_EQ(pipe(up), 0);
  k.up = up[1];
  pid_t holder = start_child(keep_lock, &k);
  CHECK_EQ(read(up[0], &byte, 1), 1);
  struct hj_want want = want_store(&w, "/resolve/m.bin", "m.bin");
  hj_holder_hurry(200);
  struct hj_job *j = start_job(&want, 1, NULL);
  mini_wait_visits(w.net, 1);
  for (int i = 0; i < 20; i++)              /* while it runs it has its time */
    CHECK_EQ(hj_job_poll(j, 20), 0);
  CHECK_EQ(kill(holder, SIGSTOP), 0);
  CHECK_EQ(waitpid(holder, &status, WUNTRACED), holder);
  wait_job(j);
  hj_holder_hurry(0);
  o = outcome_of(j, 0);
  expect_lfs(&o, t, "m.bin");
  free_job_of(j);
  CHECK_EQ(kill(holder, SIGKILL), 0);
  CHECK_EQ(end_of(holder), -SIGKILL);
  close(up[0]);
  close(up[1]);
  hj_mem_free(k.path);
  close_world(&w);
}

struct poller { struct hj_job *job; hj_thread thread; };

static void poll_on(void *user)
{
  struct hj_job *j = user;
  uint64_t last = 0;
  while (hj_job_poll(j, 1) != 1) {
    struct hj_progress_view v = hj_job_look(j);
    CHECK_LE(v.proven, v.on_disk + v.held);
    CHECK_LE(v.on_disk, v.from_net);
    CHECK_GE(v.from_net, last);
    last = v.from_net;
  }
}

TEST(many_threads_may_look_at_a_job)
{
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_outcome o;
  hj_thread threads[3];
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 25 * MIB, MINI_LFS);
  struct hj_want want = want_store(&w, "/resolve/m.bin", "m.bin");
  struct hj_job *j = job_of(&want, 1, NULL);
  for (int i = 0; i < 3; i++)
    CHECK_OK(hj_thread_start(&threads[i], "poller", poll_on, j, &e), e);
  CHECK_OK(hj_job_start(j, &e), e);
  wait_job(j);
  for (int i = 0; i < 3; i++)
    hj_thread_join(&threads[i]);
  o = outcome_of(j, 0);
  expect_lfs(&o, t, "m.bin");
  free_job_of(j);
  close_world(&w);
}

/* ---- the process -------------------------------------------------------------------------------------------------- */

static struct hj_job *forked_job;
static struct hj_want forked_want;          /* made before the fork: the server's mutex may be held by its thread in that moment */

static void use_in_child(void *user)
{
  const struct thing *t = user;
  struct hj_outcome o;
  struct hj_err e = HJ_ERR_INIT;
  CHECK_EQ(hj_job_poll(forked_job, NEVER_MS), 1);
  hj_job_outcome(forked_job, 0, &o);
  CHECK_EQ(o.end, HJ_END_FAILED);
  CHECK_EQ(o.err.code, HJ_E_FORKED);
  CHECK_CODE(hj_job_start(forked_job, &e), HJ_E_BADARG, e);
  CHECK_EQ(hj_job_poll(forked_job, NEVER_MS), 1);  /* still not ours */
  hj_job_cancel(forked_job);
  hj_job_free(forked_job, NEVER_MS);
  struct hj_job *j = run_one(forked_want, NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK(is_whole(link_at("c.bin"), t));
  free_job_of(j);
  hj_engine_stop(NEVER_MS);
}

TEST(a_forked_child_has_an_engine_of_its_own)
{
  struct world w;
  struct hj_outcome o;
  if (UNDER_TSAN)
    skip("TSan cannot follow threads after a fork");
  open_world(&w);
  const struct thing *a = add_thing(&w, "a.bin", 8 * MIB, MINI_LFS), *c = add_thing(&w, "c.bin", 3 * MIB, MINI_LFS);
  struct hj_want want = want_store(&w, "/c/gate=100000/resolve/a.bin", "a.bin");
  forked_want = want_store(&w, "/resolve/c.bin", "c.bin");
  forked_job = start_job(&want, 1, NULL);
  mini_wait_gate(w.net, 1);
  CHECK_EQ(in_child(use_in_child, (void *)(uintptr_t)c), 0);
  mini_open_gate(w.net);
  while (hj_job_poll(forked_job, 5) != 1)
    mini_open_gate(w.net);
  o = outcome_of(forked_job, 0);
  expect_lfs(&o, a, "a.bin");
  free_job_of(forked_job);
  hj_want_release(&forked_want);
  close_world(&w);
}

TEST(the_engine_may_be_stopped_in_the_middle)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 9 * MIB, MINI_LFS);
  struct hj_want want = want_store(&w, "/c/gate=400000/resolve/m.bin", "m.bin");
  struct hj_job *j = start_job(&want, 1, NULL);
  mini_wait_gate(w.net, 1);
  hj_engine_stop(NEVER_MS);
  CHECK_EQ(hj_job_poll(j, 0), 1);
  o = outcome_of(j, 0);
  expect_code(&o, HJ_E_CANCELLED);
  hj_engine_stop(0);                        /* there is none */
  mini_open_gate(w.net);
  struct hj_want next = want_store(&w, "/resolve/m.bin", "m.bin");
  struct hj_job *k = run_one(next, NULL, &o);
  expect_lfs(&o, t, "m.bin");
  free_job_of(j);
  free_job_of(k);
  close_world(&w);
}

/* Everybody who is still at the loop when it is freed, or wakes it afterwards, touches freed memory: ASan and TSan would say so. */
struct hurry { const char *url; atomic_int stop; };

static void start_jobs(void *user)
{
  struct hurry *h = user;
  while (!atomic_load(&h->stop)) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_limits limits = quick();
    struct hj_want want;
    struct hj_job *j = NULL;
    hj_want_init(&want);
    want.url = text_of(h->url);
    want.dest = HJ_DEST_MEMORY;
    want.memory = MIB;
    if (!hj_job_new(&j, &want, 1, &limits, &e) && !hj_job_start(j, &e))
      (void)hj_job_poll(j, NEVER_MS);
    CHECK_OK(e.code, e);
    hj_engine_nudge();
    hj_job_free(j, NEVER_MS);
  }
}

TEST(an_engine_is_stopped_while_it_ends_by_itself_and_others_wake_it)
{
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hurry h = { NULL, 0 };
  hj_thread threads[2];
  open_world(&w);
  h.url = mini_url(w.net, "/echo");
  hj_engine_idle(1);
  for (int i = 0; i < 2; i++)
    CHECK_OK(hj_thread_start(&threads[i], "hurry", start_jobs, &h, &e), e);
  for (int i = 0; i < 150; i++) {
    hj_engine_stop(NEVER_MS);
    hj_engine_nudge();
    hj_clock_pause_ms((uint32_t)i % 4);
  }
  atomic_store(&h.stop, 1);
  for (int i = 0; i < 2; i++)
    hj_thread_join(&threads[i]);
  hj_engine_stop(NEVER_MS);
  hj_engine_idle(0);
  close_world(&w);
}

static uint64_t cpu_ms(void)
{
  struct timespec t;
  CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* poll(2): EINVAL for more descriptors than RLIMIT_NOFILE. libcurl's loop then breaks each time, and at once. */
TEST(a_loop_that_breaks_fails_its_jobs_and_does_not_spin)
{
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_outcome o;
  struct rlimit before, none;
  open_world(&w);
  struct hj_want want = want_memory(&w, "/f/gate=10/raw/m.bin");
  add_thing(&w, "m.bin", 1000, MINI_PLAIN);
  struct hj_job *j = start_job(&want, 1, NULL);
  mini_wait_gate(w.net, 1);
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  none = before;
  none.rlim_cur = 0;
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  while (hj_job_look(j).state != 2)
    hj_clock_pause_ms(5);
  uint64_t spent = cpu_ms();
  hj_clock_pause_ms(600);
  spent = cpu_ms() - spent;
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  CHECK_LE(spent, 200);
  o = outcome_of(j, 0);
  CHECK_EQ(o.end, HJ_END_FAILED);
  CHECK_HAS(o.err.msg, "loop failed");
  free_job_of(j);
  mini_open_gate(w.net);
  CHECK_OK(e.code, e);
  j = run_one(want_memory(&w, "/echo"), NULL, &o);   /* and when the limit is as it was, all is well */
  expect_end(&o, HJ_END_DONE);
  free_job_of(j);
  close_world(&w);
}

static unsigned thread_count(void) { return entries("/proc/self/task", NULL); }

TEST(an_idle_engine_ends_by_itself_and_begins_again)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  unsigned before = thread_count();
  hj_engine_idle(1);
  for (int i = 0; i < 5; i++) {
    struct hj_job *j = run_one(want_memory(&w, "/echo"), NULL, &o);
    expect_end(&o, HJ_END_DONE);
    free_job_of(j);
    if (i % 2 == 0)                         /* the odd ones come while it may be ending */
      while (thread_count() > before)
        sched_yield();
  }
  while (thread_count() > before)
    sched_yield();
  hj_engine_idle(0);
  close_world(&w);
}

TEST(memory_stays_within_its_limit)
{
  enum { N = 60 };
  struct world w;
  struct hj_want wants[N];
  struct hj_limits limits = quick();
  open_world(&w);
  for (int i = 0; i < N; i++) {
    char name[20], path[60];
    bool large = i % 20 == 0;
    (void)snprintf(name, sizeof name, "n%d", i);
    (void)snprintf(path, sizeof path, "/f/drop=100000,once/raw/%s", name);
    const struct thing *t = add_thing(&w, name, large ? 9 * MIB : MIB - (size_t)i, MINI_PLAIN);
    wants[i] = want_path(&w, path, name);
    if (i % 2)
      promise(&wants[i], t);
  }
  limits.memory = 4 * MIB;
  hj_mem_mark();
  uint64_t before = hj_mem_live_bytes();
  struct hj_job *j = start_job(wants, N, &limits);
  wait_job(j);
  uint64_t peak = hj_mem_peak_bytes() - before;
  for (int i = 0; i < N; i++) {
    struct hj_outcome o = outcome_of(j, (size_t)i);
    expect_end(&o, HJ_END_DONE);
    CHECK(is_whole(temp_path(w.things[i].name), &w.things[i]));
  }
  printf("peak %llu KiB of memory, libcurl's buffers included\n", (unsigned long long)peak >> 10);
  CHECK_LT(peak, 16 * MIB);            /* the limit, the buffers of libcurl (256 KiB a connection), blobs and jobs */
  free_job_of(j);
  close_world(&w);
}

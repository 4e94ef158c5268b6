/* tests/c/test_job_faults.c - jobs against a hub and a CDN that misbehave: an error is reported or the file is perfect, and never is a wrong
 * byte under a final name. */
#include "engine_kit.h"

/* Patience where the server is only slow: it shares the machine with sanitizers. None where it will never go on. */
static struct hj_limits hasty(const char *path)
{
  struct hj_limits l = quick();
  if (strstr(path, "stall") || strstr(path, "hang") || strstr(path, "open"))
    l.stall_ms = 200;
  l.tries = 4;
  return l;
}

/* Fetches `path` to a plain file `to`. */
static struct hj_job *fetch_to(struct world *w, const char *path, const char *to, const struct thing *known, struct hj_outcome *o)
{
  struct hj_limits limits = hasty(path);
  struct hj_want want = want_path(w, path, to);
  if (known)
    promise(&want, known);
  return run_one(want, &limits, o);
}

static struct hj_job *store(struct world *w, const char *path, const char *link, const struct thing *known, struct hj_outcome *o)
{
  struct hj_limits limits = hasty(path);
  struct hj_want want = want_store(w, path, link);
  if (known) {
    promise(&want, known);
    want.commit = text_of(MINI_COMMIT);
  }
  return run_one(want, &limits, o);
}

static void forget_store(struct world *w)
{
  calm_down(w);
  mini_forget(w->net);
  if (is_there(temp_path("hub")))
    remove_all(temp_path("hub"));
  if (is_there(temp_path("side")))
    remove_all(temp_path("side"));
}

/* ---- what passes by ----------------------------------------------------------------------------------------------- */

static void overcome(bool promised)
{
  static const char *const faults[] = {
    "cut,once", "cut,times=3", "drop=0,once", "drop=1,once", "drop=500000,times=3", "drop=262144,times=2", "drop=1048576,times=2", "long=1,once",
    "status=500,once", "status=503,times=2", "status=429,retry=0,times=2", "status=408,once", "shift=5,once", "gzip,once", "empty,once", "stall=0,once",
    "stall=300000,times=2", "hang,once", "short=100000", "chunked", "chunked,drop=400000,times=2", "nolen", "noetag", "trailer", "noif",
    "status=403,once", "status=404,once", "status=401,after=2,times=2", "status=403,after=1,times=1", "etag=x,after=2",
  };
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 7 * MIB + 77, MINI_LFS);
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
    char path[100];
    context("%s", faults[i]);
    (void)snprintf(path, sizeof path, "/c/%s/resolve/m.bin", faults[i]);
    struct hj_job *j = store(&w, path, "m.bin", promised ? t : NULL, &o);
    expect_end(&o, HJ_END_DONE);
    expect_stored(t, "m.bin");
    CHECK_EQ(hj_job_look(j).proven, t->n);
    free_job_of(j);
    forget_store(&w);
  }
  close_world(&w);
}

TEST(passing_troubles_are_overcome) { overcome(false); }
TEST(passing_troubles_with_a_promised_file_are_overcome) { overcome(true); }

TEST(passing_troubles_of_the_hub_are_overcome)
{
  static const char *const faults[] = { "cut,once", "cut,times=2", "status=500,once", "status=429,retry=0,once", "status=429,retry=1,once", "hang,once",
                                        "dead,once", "dead,times=2" };
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *m = add_thing(&w, "m.bin", 3 * MIB, MINI_LFS), *b = add_thing(&w, "b.bin", 3 * MIB, MINI_BOUND),
                     *c = add_thing(&w, "c.json", 900, MINI_SMALL);
  const struct thing *things[] = { m, b, c };
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
    for (int k = 0; k < 3; k++) {
      char path[100];
      if (k && strstr(faults[i], "retry=1"))
        continue;                          /* it is a second of waiting */
      context("%s, %s", faults[i], things[k]->name);
      (void)snprintf(path, sizeof path, "/f/%s/resolve/%s", faults[i], things[k]->name);
      struct hj_job *j = store(&w, path, things[k]->name, NULL, &o);
      expect_end(&o, HJ_END_DONE);
      expect_stored(things[k], things[k]->name);
      free_job_of(j);
      forget_store(&w);
    }
  close_world(&w);
}

TEST(a_small_body_that_breaks_off_is_asked_for_again_whole)
{
  static const char *const faults[] = { "drop=10,once", "drop=899,times=2", "long=3,once", "empty,once", "nolen,drop=5,once", "chunked,drop=5,once", "stall=10,once" };
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "c.json", 900, MINI_SMALL);
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
    char path[100];
    context("%s", faults[i]);
    (void)snprintf(path, sizeof path, "/c/%s/resolve/c.json", faults[i]);
    struct hj_want want = want_store(&w, path, "c.json");
    want.size = 900;                       /* without it an empty answer is an answer, and its digest is wrong */
    struct hj_limits limits = hasty(path);
    struct hj_job *j = run_one(want, &limits, &o);
    expect_end(&o, HJ_END_DONE);
    expect_stored(t, "c.json");
    free_job_of(j);
    (void)snprintf(path, sizeof path, "/f/%s/raw/c.json", faults[i]);
    if (!strstr(faults[i], "empty") && !strstr(faults[i], "nolen")) {
      want = want_memory(&w, path);
      limits = hasty(path);
      j = run_one(want, &limits, &o);
      expect_end(&o, HJ_END_DONE);
      CHECK_EQ(o.body_n, t->n);
      CHECK_MEM(o.body, t->p, t->n);
      free_job_of(j);
    }
    forget_store(&w);
  }
  close_world(&w);
}

TEST(tries_are_counted_where_time_does_not_heal)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  add_thing(&w, "f", 3 * MIB, MINI_PLAIN);
  struct { const char *path; enum hj_code code; unsigned requests; } rows[] = {
    { "/f/status=500/raw/f", HJ_E_HTTP_SERVER, 2 }, { "/f/gzip/raw/f", HJ_E_PROTOCOL, 2 }, { "/f/status=429,retry=9999/raw/f", HJ_E_HTTP_LIMITED, 1 },
    { "/f/cut/raw/f", HJ_E_RESET, 0 }, { "/f/status=503/raw/f", HJ_E_HTTP_SERVER, 0 }, { "/f/status=429,retry=0/raw/f", HJ_E_HTTP_LIMITED, 0 },
    { "/f/hang/raw/f", HJ_E_STALLED, 0 }, /* 0: time is the budget, not a count */
    { "/f/status=404/raw/f", HJ_E_HTTP_MISSING, 1 }, { "/f/status=401/raw/f", HJ_E_HTTP_AUTH, 1 }, { "/f/status=403/raw/f", HJ_E_HTTP_DENIED, 1 },
    { "/f/status=410/raw/f", HJ_E_HTTP_MISSING, 1 }, { "/f/status=418/raw/f", HJ_E_HTTP_CLIENT, 1 }, { "/f/heads/raw/f", HJ_E_TOOBIG, 1 },
    { "/f/status=304/raw/f", HJ_E_PROTOCOL, 2 }, { "/f/status=302/raw/f", HJ_E_PROTOCOL, 2 }, { "/hops/11/f", HJ_E_REDIRECT, 11 },
    { "/f/status=204/raw/f", HJ_E_PROTOCOL, 2 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    for (int memory = 0; memory < 2; memory++) {
      struct hj_limits limits = hasty(rows[i].path);
      limits.tries = 2;
      if (!rows[i].requests)
        limits.give_up_ms = 900;
      if (memory && strstr(rows[i].path, "204"))
        continue;                          /* fine for an answer, nonsense for a file */
      context("%s, %s", rows[i].path, memory ? "memory" : "path");
      struct hj_job *j = run_one(memory ? want_memory(&w, rows[i].path) : want_path(&w, rows[i].path, "f"), &limits, &o);
      expect_code(&o, rows[i].code);
      if (rows[i].requests)
        CHECK_EQ(o.requests, rows[i].requests);
      else
        CHECK_GE(o.requests, 3);
      CHECK(!is_there(temp_path("f")));
      CHECK(!is_there(temp_path("side/partial")));
      free_job_of(j);
      mini_forget(w.net);
    }
  struct hj_job *j = fetch_to(&w, "/hops/10/f", "f", NULL, &o);
  expect_end(&o, HJ_END_DONE);
  free_job_of(j);
  close_world(&w);
}

TEST(an_error_page_is_quoted_and_its_headers_kept)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  add_thing(&w, "f", 10, MINI_PLAIN);
  struct hj_job *j = fetch_to(&w, "/f/status=403,retry=7/raw/f", "f", NULL, &o);
  expect_code(&o, HJ_E_HTTP_DENIED);
  CHECK_EQ(o.http_status, 403);
  CHECK_EQ(o.err.http, 403);
  CHECK_EQ(o.err.retry_ms, 7000);
  CHECK_HAS(o.excerpt, "<h1>Sorry?</h1>");
  CHECK_STR(o.kept[HJ_KEPT_ERROR_MESSAGE], "no");
  CHECK_HAS(o.err.url, "/raw/f");
  free_job_of(j);
  close_world(&w);
}

TEST(a_job_that_does_not_move_gives_up)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 3 * MIB, MINI_LFS);
  static const char *const paths[] = { "/f/hang/resolve/m.bin", "/c/hang/resolve/m.bin", "/c/stall=0/resolve/m.bin", "/f/status=429/resolve/m.bin" };
  for (size_t i = 0; i < 2 * sizeof paths / sizeof paths[0]; i++) {
    struct hj_limits limits = quick();
    struct hj_want want = want_store(&w, paths[i / 2], "m.bin");
    context("%s", paths[i / 2]);
    if (i % 2)
      promise(&want, t);
    limits.stall_ms = 60;
    limits.give_up_ms = 300;
    limits.tries = 1000000;
    struct hj_job *j = run_one(want, &limits, &o);
    if (i / 2 < 3 || o.err.code != HJ_E_HTTP_LIMITED)
      expect_code(&o, HJ_E_STALLED);
    free_job_of(j);
    CHECK_EQ(entries(temp_path("hub/models--a--b/.hubjet/partial"), NULL), 0);
  }
  close_world(&w);
}

/* A fault of ours, were there one: a file that is never begun. It ends with an error, not never. */
TEST(a_job_that_begins_nothing_gives_up)
{
  struct world w;
  struct hj_limits limits = quick();
  struct hj_err e = HJ_ERR_INIT;
  open_world(&w);
  add_thing(&w, "a", 5000, MINI_LFS);
  struct hj_want want = want_store(&w, "/resolve/a", "a");
  limits.give_up_ms = 100;
  struct hj_job *j = job_of(&want, 1, &limits);
  j->unknown_most = 0;
  CHECK_OK(hj_job_start(j, &e), e);
  wait_job(j);
  struct hj_outcome o = outcome_of(j, 0);
  expect_code(&o, HJ_E_STALLED);
  CHECK_EQ(o.requests, 0);
  free_job_of(j);
  close_world(&w);
}

TEST(a_file_that_only_waited_names_what_the_others_met)
{
  struct world w;
  struct hj_limits limits = quick();
  open_world(&w);
  add_thing(&w, "a", 5000, MINI_PLAIN);
  add_thing(&w, "b", 5000, MINI_PLAIN);
  struct hj_want wants[] = { want_path(&w, "/f/status=503/raw/a", "a"), want_path(&w, "/f/hang/raw/b", "b") };
  limits.stall_ms = 60000;
  limits.give_up_ms = 1000;
  struct hj_job *j = start_job(wants, 2, &limits);
  wait_job(j);
  struct hj_outcome a = outcome_of(j, 0), b = outcome_of(j, 1);
  expect_code(&a, HJ_E_HTTP_SERVER);
  expect_code(&b, HJ_E_STALLED);
  CHECK_HAS(b.err.msg, "nothing moved for 1 s; another file's trouble: ");
  CHECK_HAS(b.err.msg, "503");
  free_job_of(j);
  close_world(&w);
}

TEST(connections_are_not_exceeded_when_many_rest_and_come_back)
{
  enum { N = 40 };
  struct world w;
  struct hj_want wants[N];
  struct hj_limits limits = quick();
  open_world(&w);
  for (int i = 0; i < N; i++) {
    char name[20], path[80];
    (void)snprintf(name, sizeof name, "n%d", i);
    (void)snprintf(path, sizeof path, i % 8 == 0 ? "/f/status=429,retry=0,once/raw/%s" : "/f/status=429,retry=0,once/f/gate=3,after=1/raw/%s", name);
    add_thing(&w, name, i % 8 == 0 ? 5 * MIB : 5000, MINI_PLAIN);
    wants[i] = want_path(&w, path, name);
  }
  limits.connections = 3;
  struct hj_job *j = start_job(wants, N, &limits);
  while (hj_job_poll(j, 5) != 1)
    mini_open_gate(w.net);
  wait_job(j);
  for (int i = 0; i < N; i++) {
    struct hj_outcome o = outcome_of(j, (size_t)i);
    context("file %d", i);
    expect_end(&o, HJ_END_DONE);
    CHECK(is_whole(temp_path(w.things[i].name), &w.things[i]));
  }
  CHECK_LE(mini_peak(w.net), 3);
  free_job_of(j);
  close_world(&w);
}

/* ---- where the ranges come from ----------------------------------------------------------------------------------- */

TEST(a_url_that_is_signed_for_one_range_is_probed_once)
{
  struct world w;
  struct hj_outcome o;
  struct mini_visit v;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 15 * MIB + 3, MINI_BOUND);
  for (int promised = 0; promised < 2; promised++) {
    struct hj_job *j = store(&w, "/resolve/m.bin", "m.bin", promised ? t : NULL, &o);
    expect_end(&o, HJ_END_DONE);
    expect_stored(t, "m.bin");
    CHECK_EQ(o.from_net, t->n);
    unsigned refused = 0, good = 0;
    for (unsigned i = 0; mini_visit(w.net, i, &v); i++) {
      refused += v.status == 403;
      good += v.status == 206;
    }
    CHECK_EQ(refused, 1);
    CHECK_EQ(mini_count(w.net, "/resolve/"), good);
    free_job_of(j);
    forget_store(&w);
  }
  close_world(&w);
}

TEST(a_url_whose_time_is_up_is_resolved_anew)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 30 * MIB, MINI_LFS);
  struct hj_job *j = store(&w, "/c/status=403,after=6,times=4/resolve/m.bin", "m.bin", NULL, &o);
  expect_end(&o, HJ_END_DONE);
  expect_stored(t, "m.bin");
  CHECK_EQ(o.from_net, t->n);
  CHECK_GE(mini_count(w.net, "/resolve/"), 2);
  CHECK_LE(mini_count(w.net, "/resolve/"), 6);
  free_job_of(j);
  close_world(&w);
}

TEST(a_cdn_that_refuses_for_good_is_believed)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 3 * MIB, MINI_LFS);
  for (int promised = 0; promised < 2; promised++) {
    struct hj_job *j = store(&w, "/c/status=403/resolve/m.bin", "m.bin", promised ? t : NULL, &o);
    expect_code(&o, HJ_E_HTTP_DENIED);
    CHECK_LE(mini_visits(w.net), 40);
    free_job_of(j);
    forget_store(&w);
  }
  close_world(&w);
}

TEST(an_interrupted_bound_file_is_resumed)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 9 * MIB, MINI_BOUND);
  struct hj_want want = want_store(&w, "/c/gate=600000/resolve/m.bin", "m.bin");
  struct hj_job *j = start_job(&want, 1, NULL);
  while (hj_job_look(j).on_disk < 524288)
    (void)hj_job_poll(j, 1);
  hj_job_cancel(j);
  wait_job(j);
  free_job_of(j);
  j = store(&w, "/resolve/m.bin", "m.bin", NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK_GE(o.held, 524288);
  CHECK_EQ(o.held + o.from_net, t->n);
  expect_stored(t, "m.bin");
  free_job_of(j);
  close_world(&w);
}

/* ---- ranges that are none ----------------------------------------------------------------------------------------- */

TEST(a_server_that_sends_all_is_asked_once)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "f.bin", 9 * MIB + 9, MINI_PLAIN);
  static const char *const paths[] = { "/f/whole/raw/f.bin", "/f/whole,chunked/raw/f.bin", "/f/whole,nolen/raw/f.bin", "/f/whole,noetag/raw/f.bin" };
  for (size_t i = 0; i < 2 * sizeof paths / sizeof paths[0]; i++) {
    context("%s", paths[i / 2]);
    struct hj_job *j = fetch_to(&w, paths[i / 2], "f.bin", i % 2 ? t : NULL, &o);
    expect_end(&o, HJ_END_DONE);
    CHECK(is_whole(temp_path("f.bin"), t));
    CHECK_EQ(o.requests, 1);
    CHECK_EQ(o.from_net, t->n);
    free_job_of(j);
    mini_forget(w.net);
  }
  close_world(&w);
}

TEST(a_server_that_always_answers_another_range_is_asked_for_all)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 5 * MIB, MINI_LFS), *f = add_thing(&w, "f.bin", 5 * MIB, MINI_PLAIN);
  for (int promised = 0; promised < 2; promised++) {
    struct hj_job *j = store(&w, "/c/shift=1/resolve/m.bin", "m.bin", promised ? t : NULL, &o);
    expect_end(&o, HJ_END_DONE);
    expect_stored(t, "m.bin");
    free_job_of(j);
    forget_store(&w);
    j = fetch_to(&w, "/f/shift=1/raw/f.bin", "f.bin", promised ? f : NULL, &o);
    expect_end(&o, HJ_END_DONE);
    CHECK(is_whole(temp_path("f.bin"), f));
    free_job_of(j);
    forget_store(&w);
  }
  close_world(&w);
}

TEST(a_last_chunk_that_never_comes_does_not_hold_up_a_whole_file)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 6 * MIB, MINI_LFS);
  for (int promised = 0; promised < 2; promised++) {
    struct hj_job *j = store(&w, "/c/open/resolve/m.bin", "m.bin", promised ? t : NULL, &o);
    expect_end(&o, HJ_END_DONE);
    expect_stored(t, "m.bin");
    CHECK_EQ(o.from_net, t->n);
    free_job_of(j);
    forget_store(&w);
  }
  struct hj_job *j = fetch_to(&w, "/f/whole,open/raw/m.bin", "f.bin", NULL, &o); /* whole only when it says so */
  expect_code(&o, HJ_E_STALLED);
  CHECK(!is_there(temp_path("f.bin")));
  free_job_of(j);
  close_world(&w);
}

TEST(a_stream_that_breaks_begins_anew)
{
  static const char *const faults[] = {
    "/f/whole,chunked/f/drop=3000000,once/raw/f.bin", "/f/whole,chunked/f/drop=3000000,times=2/raw/f.bin", "/f/whole/f/drop=3000000,times=2/raw/f.bin",
    "/f/whole,chunked,noetag/f/drop=3000000,times=2/raw/f.bin", "/f/whole,noetag/f/drop=3000000,times=2/raw/f.bin",
    "/f/whole,chunked,drop=3000000,once/f/whole,after=1/raw/f.bin",      /* its length is known the second time only */
    "/f/whole,chunked,noetag,drop=3000000,once/f/whole,after=1/raw/f.bin",
    "/f/whole,chunked,drop=3000000,once/raw/f.bin",                      /* ... and then it does ranges */
    "/f/whole,drop=3000000,once/raw/f.bin",
    "/f/whole,drop=3000000,once/f/whole,chunked,after=1/raw/f.bin",      /* it was known the first time only */
  };
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "f.bin", 5 * MIB + 5, MINI_PLAIN);
  for (size_t i = 0; i < 2 * sizeof faults / sizeof faults[0]; i++) {
    context("%s, %s", faults[i / 2], i % 2 ? "promised" : "unknown");
    struct hj_job *j = fetch_to(&w, faults[i / 2], "f.bin", i % 2 ? t : NULL, &o);
    expect_end(&o, HJ_END_DONE);
    CHECK(is_whole(temp_path("f.bin"), t));
    CHECK_EQ(o.size, t->n);
    CHECK_EQ(hj_job_look(j).size, t->n);
    CHECK_EQ(hj_job_look(j).sizes_unknown, 0);
    free_job_of(j);
    forget_store(&w);
    (void)remove(temp_path("f.bin"));
  }
  close_world(&w);
}

/* ---- files that change -------------------------------------------------------------------------------------------- */

/* name and name.other: same size, other bytes. */
static const struct thing *add_two(struct world *w, const char *name, size_t n, enum mini_kind kind)
{
  char other[40];
  const struct thing *t = add_thing(w, name, n, kind);
  (void)snprintf(other, sizeof other, "%s.other", name);
  (void)add_thing(w, other, n, kind);
  return t;
}

TEST(a_file_that_changes_meanwhile_is_never_mixed)
{
  static const char *const faults[] = {
    "/f/other,after=1/raw/f.bin", "/f/other,after=2/raw/f.bin", "/f/other,noif,after=1/raw/f.bin",
    "/f/whole/f/drop=3000000,once/f/other,after=1/raw/f.bin", "/f/whole,chunked/f/drop=3000000,once/f/other,after=1/raw/f.bin",
    "/f/whole,noetag/f/drop=3000000,once/f/other,after=1/raw/f.bin", "/f/whole,chunked,noetag/f/drop=3000000,once/f/other,after=1/raw/f.bin",
    "/f/drop=700000,once/f/other,after=1/raw/f.bin",
  };
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_two(&w, "f.bin", 9 * MIB, MINI_PLAIN), *other = t + 1;
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
    context("%s", faults[i]);
    struct hj_job *j = fetch_to(&w, faults[i], "f.bin", NULL, &o);
    expect_end(&o, HJ_END_DONE);
    CHECK(is_whole(temp_path("f.bin"), other));
    CHECK(hj_promise_same(&o.proven, &other->promise));
    free_job_of(j);
    (void)remove(temp_path("f.bin"));
    forget_store(&w);
    j = fetch_to(&w, faults[i], "f.bin", t, &o);    /* the caller knows which one it wants: no other will do */
    CHECK_EQ(o.end, HJ_END_FAILED);
    CHECK(o.err.code == HJ_E_DIGEST || o.err.code == HJ_E_CHANGED);
    CHECK(!is_there(temp_path("f.bin")));
    free_job_of(j);
    forget_store(&w);
  }
  close_world(&w);
}

TEST(a_branch_that_moves_meanwhile_links_nothing_under_the_old_commit)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_two(&w, "m.bin", 9 * MIB, MINI_BOUND), *other = t + 1;
  struct hj_job *j = store(&w, "/f/other,commit=dddddddddddddddddddddddddddddddddddddddd,after=2/resolve/m.bin", "m.bin", NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK_STR(o.etag, other->etag);
  CHECK_STR(o.commit, "dddddddddddddddddddddddddddddddddddddddd");
  CHECK(is_whole(temp_path("hub/models--a--b/snapshots/dddddddddddddddddddddddddddddddddddddddd/m.bin"), other));
  CHECK(!is_there(link_at("m.bin")));
  CHECK(!is_there(blob_path(t)));
  free_job_of(j);
  close_world(&w);
}

TEST(a_file_that_changes_again_and_again_is_given_up)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  add_thing(&w, "f.bin", 9 * MIB, MINI_PLAIN);
  struct hj_job *j = fetch_to(&w, "/f/etag=a,times=2/f/etag=b,after=2,times=2/f/etag=c,after=4,times=2/f/etag=d,after=6/raw/f.bin", "f.bin", NULL, &o);
  CHECK(o.end == HJ_END_DONE || o.err.code == HJ_E_CHANGED);
  free_job_of(j);
  close_world(&w);
}

TEST(a_promised_file_whose_edges_disagree_about_its_etag_arrives)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 12 * MIB, MINI_LFS);
  for (int promised = 0; promised < 2; promised++) {
    struct hj_job *j = store(&w, "/c/etag=a,times=1/f/etag=b,after=1,times=2/f/etag=c,after=3/resolve/m.bin", "m.bin", promised ? t : NULL, &o);
    expect_end(&o, HJ_END_DONE);
    expect_stored(t, "m.bin");
    free_job_of(j);
    forget_store(&w);
    j = store(&w, "/c/etag=a,times=1/c/etag=b,after=1,times=2/c/etag=c,after=3/resolve/m.bin", "m.bin", promised ? t : NULL, &o);
    expect_end(&o, HJ_END_DONE);
    expect_stored(t, "m.bin");
    free_job_of(j);
    forget_store(&w);
  }
  close_world(&w);
}

TEST(another_size_than_was_promised_is_an_error)
{
  struct world w;
  struct hj_outcome o;
  struct hj_limits limits = hasty("");
  open_world(&w);
  add_thing(&w, "m.bin", 2 * MIB, MINI_LFS);
  add_thing(&w, "c.json", 900, MINI_SMALL);
  struct hj_want want = want_store(&w, "/resolve/m.bin", "m.bin");
  want.size = 2 * MIB + 1;
  struct hj_job *j = run_one(want, &limits, &o);
  expect_code(&o, HJ_E_SIZE);
  free_job_of(j);
  want = want_store(&w, "/resolve/c.json", "c.json");
  want.size = 899;
  limits = hasty("");
  j = run_one(want, &limits, &o);
  expect_code(&o, HJ_E_SIZE);
  free_job_of(j);
  CHECK(!is_there(temp_path("hub/models--a--b/snapshots")));
  close_world(&w);
}

TEST(a_hub_that_names_no_commit_or_no_content_is_an_error)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 2 * MIB, MINI_LFS);
  static const char *const paths[] = { "/f/nocommit/resolve/m.bin", "/f/noetag/resolve/m.bin", "/f/nosize,noetag/resolve/m.bin" };
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    context("%s", paths[i]);
    struct hj_job *j = store(&w, paths[i], "m.bin", NULL, &o);
    expect_code(&o, HJ_E_PROTOCOL);
    CHECK(!is_there(link_at("m.bin")));
    free_job_of(j);
    forget_store(&w);
  }
  struct hj_job *j = store(&w, "/f/nosize/resolve/m.bin", "m.bin", NULL, &o);
  expect_end(&o, HJ_END_DONE);
  expect_stored(t, "m.bin");
  free_job_of(j);
  close_world(&w);
}

/* ---- wrong bytes -------------------------------------------------------------------------------------------------- */

TEST(wrong_bytes_never_get_a_name)
{
  static const long long places[] = { 0, 777, 262144, MIB, 5 * MIB, 6 * MIB + 76 };
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 6 * MIB + 77, MINI_LFS), *c = add_thing(&w, "c.json", 900, MINI_SMALL);
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
    for (int promised = 0; promised < 2; promised++) {
      char path[100];
      context("byte %lld, %s", places[i], promised ? "promised" : "unknown");
      (void)snprintf(path, sizeof path, "/c/flip=%lld/resolve/m.bin", places[i]);
      struct hj_job *j = store(&w, path, "m.bin", promised ? t : NULL, &o);
      expect_code(&o, HJ_E_DIGEST);
      CHECK(!is_there(blob_path(t)));
      CHECK(!is_there(link_at("m.bin")));
      CHECK_EQ(entries(temp_path("hub/models--a--b/.hubjet/partial"), NULL), 0); /* the same bytes would fail again */
      free_job_of(j);
      j = store(&w, "/resolve/m.bin", "m.bin", promised ? t : NULL, &o);
      expect_end(&o, HJ_END_DONE);
      CHECK_EQ(o.held, 0);
      expect_stored(t, "m.bin");
      free_job_of(j);
      forget_store(&w);
    }
  struct hj_job *j = store(&w, "/c/flip=3/resolve/c.json", "c.json", NULL, &o);
  expect_code(&o, HJ_E_DIGEST);
  CHECK(!is_there(blob_path(c)));
  CHECK(!is_there(link_at("c.json")));
  CHECK_EQ(entries(temp_path("hub/models--a--b/.hubjet/tmp"), NULL), 0);
  free_job_of(j);
  j = fetch_to(&w, "/f/flip=3/raw/c.json", "c.json", c, &o);
  expect_code(&o, HJ_E_DIGEST);
  CHECK(!is_there(temp_path("c.json")));
  free_job_of(j);
  close_world(&w);
}

/* The data file of the only partial there is. */
static const char *data_of_partial(const char *dir)
{
  char name[256] = "", path[600];
  CHECK_EQ(entries(temp_path(dir), name), 1);
  (void)snprintf(path, sizeof path, "%s/%s/data", dir, name);
  return temp_path(path);
}

static void spoil(const char *path, long at)
{
  FILE *f = fopen(path, "r+b");
  CHECK(f != NULL);
  CHECK(fseek(f, at, SEEK_SET) == 0 && fputs("spoilt", f) >= 0 && fclose(f) == 0);
}

TEST(what_the_disk_lost_is_fetched_again)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 6 * MIB, MINI_PLAIN);
  static const char *const paths[] = { "/f/gate=100,from=1/raw/m.bin", "/f/whole,gate=1500000/raw/m.bin" };
  for (int no_ranges = 0; no_ranges < 2; no_ranges++) {
    struct hj_want want = want_path(&w, paths[no_ranges], "m.bin");
    context("%s", paths[no_ranges]);
    promise(&want, t);
    want.no_ranges = no_ranges;
    struct hj_job *j = start_job(&want, 1, NULL);
    while (hj_job_look(j).on_disk < MIB)
      (void)hj_job_poll(j, 1);
    spoil(data_of_partial("side/partial"), 300000);
    do
      mini_open_gate(w.net);
    while (hj_job_poll(j, 5) != 1);
    wait_job(j);
    o = outcome_of(j, 0);
    expect_end(&o, HJ_END_DONE);
    CHECK(is_whole(temp_path("m.bin"), t));
    if (!no_ranges)
      CHECK_EQ(o.from_net, t->n + 262144);       /* that piece and no other */
    CHECK_EQ(hj_job_look(j).proven, t->n);
    free_job_of(j);
    (void)remove(temp_path("m.bin"));
    mini_forget(w.net);
  }
  close_world(&w);
}

TEST(a_partial_that_was_spoilt_between_two_jobs_is_noticed)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 8 * MIB, MINI_LFS);
  struct hj_want want = want_store(&w, "/c/gate=800000/resolve/m.bin", "m.bin");
  struct hj_job *j = start_job(&want, 1, NULL);
  while (hj_job_look(j).on_disk < 786432)
    (void)hj_job_poll(j, 1);
  hj_job_cancel(j);
  wait_job(j);
  uint64_t on_disk = hj_job_look(j).on_disk;
  free_job_of(j);
  spoil(data_of_partial("hub/models--a--b/.hubjet/partial"), 10);
  j = store(&w, "/resolve/m.bin", "m.bin", NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK_LE(o.held, on_disk - 1);           /* one piece; smaller ones are written when a connection is slow */
  CHECK_GE(o.held, on_disk - HJ_PIECE);
  expect_stored(t, "m.bin");
  free_job_of(j);
  close_world(&w);
}

/* tests/c/test_mirrors.c - a file that can be had from two places: together, one instead of the other, and one of them lies. */
#include "engine_kit.h"

struct pair { struct world w; struct mini *other; };

static void open_pair(struct pair *p)
{
  p->other = mini_start();
  open_world(&p->w);
}

static void close_pair(struct pair *p)
{
  hj_engine_stop(NEVER_MS);
  mini_settle(p->other);
  close_world(&p->w);
  mini_stop(p->other);
}

static const struct thing *add_both(struct pair *p, const char *name, size_t n, enum mini_kind kind)
{
  const struct thing *t = add_thing(&p->w, name, n, kind);
  char lie[60];
  uint8_t *wrong = malloc(n + 1);
  mini_add(p->other, name, t->p, n, t->etag, kind);
  fill_bytes(wrong, n, 4711);
  (void)snprintf(lie, sizeof lie, "lie-%s", name);
  mini_add(p->other, lie, wrong, n, t->etag, kind);   /* says it is the same, and is not */
  mini_add(p->w.net, lie, wrong, n, t->etag, kind);
  free(wrong);
  return t;
}

static void add_mirror(struct hj_want *want, const char *url)
{
  struct hj_err e = HJ_ERR_INIT;
  char **more = hj_mem_zero(want->mirrors_n + 1, sizeof *more, &e);
  CHECK(more != NULL);
  if (want->mirrors_n)
    memcpy(more, want->mirrors, want->mirrors_n * sizeof *more);
  hj_mem_free(want->mirrors);
  want->mirrors = more;
  want->mirrors[want->mirrors_n++] = text_of(url);
}

static struct hj_want want_both(struct pair *p, const struct thing *t, const char *here, const char *there)
{
  struct hj_want want = want_store(&p->w, here, "m.bin");
  promise(&want, t);
  want.commit = text_of(MINI_COMMIT);
  want.auth = text_of("Bearer secret");
  want.auth_origin = text_of(mini_origin(p->w.net));
  add_mirror(&want, strstr(there, "://") ? there : mini_url(p->other, there));
  return want;
}

static struct hj_limits patient(void)
{
  struct hj_limits l = quick();
  l.stall_ms = 400;
  l.range_max = MIB;
  return l;
}

static struct hj_supplied supplied(struct hj_job *j, size_t k)
{
  struct hj_supplied s = { 0 };
  CHECK(hj_job_supplied(j, 0, k, &s));
  return s;
}

static void forget_pair(struct pair *p)
{
  hj_engine_stop(NEVER_MS);
  mini_settle(p->other);
  mini_forget(p->other);
  calm_down(&p->w);
  mini_forget(p->w.net);
  if (is_there(temp_path("hub")))
    remove_all(temp_path("hub"));
}

/* The mirror never sees what is for the hub. */
static void expect_discretion(struct pair *p)
{
  struct mini_visit v;
  for (unsigned i = 0; mini_visit(p->other, i, &v); i++)
    CHECK(!v.has_auth);
}

TEST(two_sources_bring_one_file_together)
{
  struct pair p;
  struct hj_outcome o;
  open_pair(&p);
  const struct thing *t = add_both(&p, "m.bin", 24 * MIB + 5, MINI_LFS);
  struct hj_limits l = patient();
  struct hj_want want = want_both(&p, t, "/resolve/m.bin", "/resolve/m.bin");
  struct hj_job *j = run_one(want, &l, &o);
  expect_end(&o, HJ_END_DONE);
  expect_stored(t, "m.bin");
  CHECK_EQ(o.from_net, t->n);
  CHECK_GT(supplied(j, 0).bytes, 0);
  CHECK_GT(supplied(j, 1).bytes, 0);
  CHECK_EQ(supplied(j, 0).bytes + supplied(j, 1).bytes, t->n);
  CHECK(supplied(j, 0).expelled == NULL && supplied(j, 1).expelled == NULL);
  CHECK_STR(supplied(j, 1).origin, mini_origin(p.other));
  struct hj_supplied none;
  CHECK(!hj_job_supplied(j, 0, 2, &none));
  expect_discretion(&p);
  free_job_of(j);
  close_pair(&p);
}

TEST(what_one_source_cannot_the_other_brings)
{
  static const struct { const char *here, *there; bool there_alone, here_alone, dropped; } rows[] = {
    { "/resolve/m.bin", "http://127.0.0.1:1/m.bin", false, true, false },     /* nobody listens at the mirror */
    { "http://127.0.0.1:1/m.bin", "/resolve/m.bin", true, false, false },     /* nobody listens at the hub */
    { "/resolve/m.bin", "/f/hang/raw/m.bin", false, true, false },
    { "/f/hang/resolve/m.bin", "/resolve/m.bin", true, false, false },
    { "/c/hang/resolve/m.bin", "/resolve/m.bin", true, false, false },
    { "/f/status=503/resolve/m.bin", "/resolve/m.bin", true, false, false },
    { "/c/drop=300000/resolve/m.bin", "/resolve/m.bin", false, false, false },
    { "/resolve/m.bin", "/f/stall=100000,times=3/raw/m.bin", false, false, false },
    { "/resolve/m.bin", "/f/cut,after=3/raw/m.bin", false, false, false },    /* it dies in the middle */
    { "/resolve/m.bin", "/f/status=404/raw/m.bin", false, true, true },
    { "/resolve/m.bin", "/f/status=403/raw/m.bin", false, true, true },
    { "/resolve/m.bin", "/f/status=401/raw/m.bin", false, true, true },
    { "/resolve/m.bin", "/raw/short.bin", false, true, true },                /* another size: a page, an older version */
    { "/resolve/m.bin", "/f/whole/raw/short.bin", false, true, true },
    { "/resolve/m.bin", "/f/gzip/raw/m.bin", false, true, true },
    { "/resolve/m.bin", "/f/shift=7/raw/m.bin", false, true, true },
    { "/resolve/m.bin", "/hops/40/m.bin", false, true, true },
  };
  struct pair p;
  struct hj_outcome o;
  open_pair(&p);
  const struct thing *t = add_both(&p, "m.bin", 9 * MIB + 5, MINI_LFS);
  mini_add(p.other, "short.bin", t->p, 3 * MIB, NULL, MINI_PLAIN);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_limits l = patient();
    struct hj_want want = want_both(&p, t, rows[i].here, rows[i].there);
    context("%s, mirror %s", rows[i].here, rows[i].there);
    if (strstr(rows[i].here, "://")) {
      hj_mem_free(want.url);
      want.url = text_of(rows[i].here);
    }
    struct hj_job *j = run_one(want, &l, &o);
    expect_end(&o, HJ_END_DONE);
    expect_stored(t, "m.bin");
    if (rows[i].there_alone)
      CHECK_EQ(supplied(j, 1).bytes, t->n);
    if (rows[i].here_alone)
      CHECK_EQ(supplied(j, 0).bytes, t->n);
    CHECK(!rows[i].dropped || supplied(j, 1).expelled != NULL);
    CHECK(supplied(j, 0).expelled == NULL);
    CHECK_EQ(o.from_net, t->n);                      /* no byte twice: each went on where the other stopped */
    expect_discretion(&p);
    free_job_of(j);
    forget_pair(&p);
  }
  close_pair(&p);
}

TEST(who_sends_wrong_bytes_is_found_and_expelled)
{
  static const struct { const char *here, *there; int liar; } rows[] = {
    { "/resolve/m.bin", "/resolve/lie-m.bin", 1 },
    { "/resolve/lie-m.bin", "/resolve/m.bin", 0 },
    { "/raw/m.bin", "/raw/lie-m.bin", 1 },
    { "/raw/lie-m.bin", "/raw/m.bin", 0 },
    { "/f/hang/raw/m.bin", "/raw/lie-m.bin", -1 },   /* the other one never answers: the liar's is all there is */
    { "/raw/lie-m.bin", "/raw/lie-m.bin", -1 },
  };
  struct pair p;
  struct hj_outcome o;
  open_pair(&p);
  const struct thing *t = add_both(&p, "m.bin", 12 * MIB + 5, MINI_LFS);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_limits l = patient();
    struct hj_want want = want_both(&p, t, rows[i].here, rows[i].there);
    context("%s, mirror %s", rows[i].here, rows[i].there);
    l.give_up_ms = rows[i].liar < 0 ? 2000 : 60000;
    struct hj_job *j = run_one(want, &l, &o);
    if (rows[i].liar >= 0) {
      expect_end(&o, HJ_END_DONE);
      expect_stored(t, "m.bin");
      CHECK(supplied(j, (size_t)rows[i].liar).expelled != NULL);
      CHECK(supplied(j, (size_t)!rows[i].liar).expelled == NULL);
    } else {
      expect_end(&o, HJ_END_FAILED);
      CHECK(!is_there(blob_path(t)));
    }
    expect_discretion(&p);
    free_job_of(j);
    forget_pair(&p);
  }
  close_pair(&p);
}

/* One wrong byte in one range, wherever it lies and whoever sends it. */
TEST(a_single_wrong_byte_is_traced_to_who_sent_it)
{
  struct pair p;
  struct hj_outcome o;
  unsigned lies = 0;
  open_pair(&p);
  const struct thing *t = add_both(&p, "m.bin", 12 * MIB + 5, MINI_PLAIN);
  for (size_t at = 0; at < 12; at++) {
    struct hj_limits l = patient();
    char lie[60];
    (void)snprintf(lie, sizeof lie, "/f/flip=%zu/raw/m.bin", at * MIB + 17);
    struct hj_want want = want_both(&p, t, at % 2 ? "/raw/m.bin" : lie, at % 2 ? lie : "/raw/m.bin");
    context("%s", lie);
    struct hj_job *j = run_one(want, &l, &o);
    expect_end(&o, HJ_END_DONE);
    expect_stored(t, "m.bin");
    CHECK(supplied(j, !(at % 2) ? 1 : 0).expelled == NULL);    /* never the honest one */
    lies += supplied(j, at % 2).expelled != NULL;
    CHECK(supplied(j, at % 2).expelled != NULL || o.from_net == t->n);
    free_job_of(j);
    forget_pair(&p);
  }
  CHECK_GT(lies, 0);
  close_pair(&p);
}

TEST(of_three_the_one_that_lies_is_expelled)
{
  struct pair p;
  struct hj_outcome o;
  open_pair(&p);
  const struct thing *t = add_both(&p, "m.bin", 24 * MIB + 5, MINI_PLAIN);
  for (int liar = 0; liar < 3; liar++) {
    struct hj_limits l = patient();
    struct hj_want want = want_both(&p, t, liar == 0 ? "/raw/lie-m.bin" : "/raw/m.bin", liar == 1 ? "/raw/lie-m.bin" : "/raw/m.bin");
    add_mirror(&want, mini_url(p.other, liar == 2 ? "/raw/lie-m.bin" : "/f/noetag/raw/m.bin"));
    context("liar %d", liar);
    struct hj_job *j = run_one(want, &l, &o);
    expect_end(&o, HJ_END_DONE);
    expect_stored(t, "m.bin");
    for (int k = 0; k < 3; k++) {
      context("liar %d, source %d", liar, k);
      CHECK_EQ(supplied(j, (size_t)k).expelled != NULL, k == liar);
    }
    free_job_of(j);
    forget_pair(&p);
  }
  close_pair(&p);
}

TEST(a_liar_is_remembered_by_the_process)
{
  struct pair p;
  struct hj_outcome o;
  open_pair(&p);
  const struct thing *t = add_both(&p, "m.bin", 12 * MIB + 5, MINI_PLAIN);
  for (int i = 0; i < 2; i++) {
    struct hj_limits l = patient();
    struct hj_job *j = run_one(want_both(&p, t, "/raw/m.bin", "/raw/lie-m.bin"), &l, &o);
    context("download %d", i);
    expect_end(&o, HJ_END_DONE);
    CHECK_EQ(supplied(j, 1).bytes > 0, i == 0);
    free_job_of(j);
    remove_all(temp_path("hub"));
  }
  close_pair(&p);
}

TEST(a_small_file_comes_from_the_mirror_when_the_first_lies_or_is_gone)
{
  static const char *const firsts[] = { "/raw/lie-m.bin", "/f/cut/raw/m.bin", "/f/status=502/raw/m.bin", "/f/hang/raw/m.bin", "/f/drop=10/raw/m.bin", "http://127.0.0.1:1/m.bin" };
  struct pair p;
  struct hj_outcome o;
  open_pair(&p);
  const struct thing *t = add_both(&p, "m.bin", 900, MINI_SMALL);
  for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
    struct hj_limits l = patient();
    struct hj_want want = want_both(&p, t, firsts[i], "/raw/m.bin");
    context("%s", firsts[i]);
    if (strstr(firsts[i], "://")) {
      hj_mem_free(want.url);
      want.url = text_of(firsts[i]);
    }
    struct hj_job *j = run_one(want, &l, &o);
    expect_end(&o, HJ_END_DONE);
    expect_stored(t, "m.bin");
    CHECK_EQ(supplied(j, 1).bytes, t->n);
    CHECK_EQ(supplied(j, 0).expelled != NULL, i == 0);
    free_job_of(j);
    forget_pair(&p);
  }
  close_pair(&p);
}

TEST(what_the_hub_denies_no_mirror_is_asked_for)
{
  static const struct { const char *first; enum hj_code code; } rows[] = {
    { "/f/status=401/resolve/m.bin", HJ_E_HTTP_AUTH }, { "/f/status=403/resolve/m.bin", HJ_E_HTTP_DENIED }, { "/f/status=404/resolve/m.bin", HJ_E_HTTP_MISSING },
  };
  struct pair p;
  struct hj_outcome o;
  open_pair(&p);
  const struct thing *t = add_both(&p, "m.bin", 900, MINI_SMALL);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_job *j = run_one(want_both(&p, t, rows[i].first, "/raw/m.bin"), NULL, &o);
    expect_code(&o, rows[i].code);
    CHECK_EQ(mini_visits(p.other), 0);
    free_job_of(j);
    forget_pair(&p);
  }
  close_pair(&p);
}

TEST(without_a_promise_no_mirror_is_asked)
{
  struct pair p;
  struct hj_outcome o;
  open_pair(&p);
  const struct thing *t = add_both(&p, "m.bin", 6 * MIB, MINI_PLAIN);
  struct hj_want want = want_path(&p.w, "/raw/m.bin", "f");
  add_mirror(&want, mini_url(p.other, "/raw/m.bin"));
  struct hj_job *j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK(is_whole(temp_path("f"), t));
  CHECK_EQ(mini_visits(p.other), 0);
  free_job_of(j);
  close_pair(&p);
}

/* ---- the rungs with one source ------------------------------------------------------------------------------------ */

TEST(a_server_that_is_silent_to_ranges_is_asked_for_the_whole)
{
  static const char *const paths[] = { "/f/hang,from=0/raw/m.bin", "/f/stall=0,from=0/raw/m.bin", "/c/hang,from=0/resolve/m.bin" };
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 6 * MIB + 5, MINI_LFS);
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
    for (int promised = 0; promised < 2; promised++) {
      struct hj_limits l = quick();
      struct hj_want want = want_path(&w, paths[i], "f");
      context("%s, %s", paths[i], promised ? "promised" : "not promised");
      if (promised)
        promise(&want, t);
      l.stall_ms = 150;
      struct hj_job *j = run_one(want, &l, &o);
      expect_end(&o, HJ_END_DONE);
      CHECK(is_whole(temp_path("f"), t));
      CHECK_EQ(o.from_net, t->n);
      free_job_of(j);
      remove_all(temp_path("f"));
      unsigned asked = mini_visits(w.net);
      l = quick();
      l.stall_ms = 150;
      want = want_path(&w, paths[i], "f");             /* the same process knows it now */
      promise(&want, t);
      j = run_one(want, &l, &o);
      expect_end(&o, HJ_END_DONE);
      CHECK_LE(mini_visits(w.net) - asked, 2);
      free_job_of(j);
      remove_all(temp_path("f"));
      calm_down(&w);
      mini_forget(w.net);
    }
  close_world(&w);
}

TEST(a_plain_stream_that_breaks_goes_on_where_it_was)
{
  struct world w;
  struct hj_outcome o;
  struct mini_visit v;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 6 * MIB + 5, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/f/drop=2000000,times=3/raw/m.bin", "f");
  promise(&want, t);
  want.no_ranges = true;
  struct hj_job *j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK(is_whole(temp_path("f"), t));
  CHECK_EQ(o.from_net, t->n);
  CHECK(mini_visit(w.net, 0, &v) && !v.has_range);
  CHECK(mini_visit(w.net, 1, &v) && v.has_range && v.first == 2000000 && v.status == 206);
  free_job_of(j);
  remove_all(temp_path("f"));
  mini_forget(w.net);
  want = want_path(&w, "/f/whole,drop=2000000,once/f/whole/raw/m.bin", "f");    /* a server that cannot: from 0 */
  promise(&want, t);
  want.no_ranges = true;
  j = run_one(want, NULL, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK(is_whole(temp_path("f"), t));
  free_job_of(j);
  close_world(&w);
}

TEST(more_tries_than_the_count_pass_by_while_time_heals)
{
  struct world w;
  struct hj_outcome o;
  open_world(&w);
  const struct thing *t = add_thing(&w, "m.bin", 3 * MIB, MINI_LFS);
  static const char *const paths[] = { "/c/cut,times=5/resolve/m.bin", "/c/status=503,times=5/resolve/m.bin", "/f/hang,times=5/resolve/m.bin" };
  struct hj_want before = want_path(&w, "/resolve/m.bin", "before"); /* a CDN that was never met is given up by the count */
  promise(&before, t);
  free_job_of(run_one(before, NULL, &o));
  remove_all(temp_path("before"));
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    struct hj_limits l = quick();
    struct hj_want want = want_path(&w, paths[i], "f");
    context("%s", paths[i]);
    promise(&want, t);
    l.tries = 3;
    l.stall_ms = 60;
    struct hj_job *j = run_one(want, &l, &o);
    expect_end(&o, HJ_END_DONE);
    CHECK(is_whole(temp_path("f"), t));
    free_job_of(j);
    remove_all(temp_path("f"));
    calm_down(&w);
    mini_forget(w.net);
  }
  close_world(&w);
}

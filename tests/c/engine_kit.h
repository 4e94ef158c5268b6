/* tests/c/engine_kit.h - wants, jobs and a hub for the tests of transfer/ and engine/. */
#ifndef ENGINE_KIT_H
#define ENGINE_KIT_H

#include <sched.h>

#include "engine/engine_int.h"
#include "engine/job.h"
#include "engine/plan.h"
#include "mini_server.h"
#include "store/blob.h"
#include "store/layout.h"
#include "store_kit.h"
#include "transfer/headers.h"
#include "util/ledger.h"
#include "util/mem.h"
#include "util/trace.h"

#define MIB ((size_t)1 << 20)
#define NEVER_MS 600000u          /* nothing in these tests takes so long: a hang is ended by the runner's own limit */

struct thing { char name[40], etag[72]; uint8_t *p; size_t n; struct hj_promise promise; };

struct world {
  struct mini *net;
  struct thing things[300];
  unsigned things_n;
  int64_t live;
  unsigned files;
};

/* ---- wants -------------------------------------------------------------------------------------------------------- */

static inline char *text_of(const char *t)
{
  struct hj_err e = HJ_ERR_INIT;
  char *p = hj_mem_text(t, &e);
  CHECK(p != NULL || t == NULL);
  return p;
}

static inline struct hj_want want_of(struct world *w, const char *path)
{
  struct hj_want want;
  hj_want_init(&want);
  want.url = text_of(mini_url(w->net, path));
  want.mode = 0666;
  return want;
}

static inline struct hj_want want_memory(struct world *w, const char *path)
{
  struct hj_want want = want_of(w, path);
  want.dest = HJ_DEST_MEMORY;
  want.memory = 8 * MIB;
  return want;
}

static inline struct hj_want want_path(struct world *w, const char *path, const char *to)
{
  struct hj_want want = want_of(w, path);
  want.dest = HJ_DEST_PATH;
  want.path = text_of(temp_path(to));
  want.side_dir = text_of(temp_path("side"));
  return want;
}

static inline struct hj_want want_store(struct world *w, const char *path, const char *link)
{
  struct hj_want want = want_of(w, path);
  want.dest = HJ_DEST_STORE;
  want.mode = 0444;
  want.repo_dir = text_of(temp_path("hub/models--a--b"));
  want.link_path = text_of(link);
  return want;
}

/* The caller knows what it wants: size and digest. */
static inline void promise(struct hj_want *want, const struct thing *t)
{
  want->promise = t->promise;
  want->size = t->n;
}

/* ---- jobs --------------------------------------------------------------------------------------------------------- */

static inline struct hj_limits quick(void)
{
  struct hj_limits l;
  hj_limits_init(&l);
  l.sync = false;
  l.news = true;
  return l;
}

static inline struct hj_job *job_of(struct hj_want *wants, size_t n, struct hj_limits *limits)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_limits own = quick();
  struct hj_job *j = NULL;
  CHECK_OK(hj_job_new(&j, wants, n, limits ? limits : &own, &e), e);
  return j;
}

static inline struct hj_job *start_job(struct hj_want *wants, size_t n, struct hj_limits *limits)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_job *j = job_of(wants, n, limits);
  CHECK_OK(hj_job_start(j, &e), e);
  return j;
}

static inline void wait_job(struct hj_job *j)
{
  while (hj_job_poll(j, NEVER_MS) != 1)
    ;
  struct hj_progress_view v = hj_job_look(j);
  struct hj_news_item news;
  size_t began = 0, ended = 0;
  while (hj_job_news(j, &news)) {
    began += news.kind == HJ_NEWS_BEGAN;
    ended += news.kind == HJ_NEWS_ENDED;
  }
  CHECK(!j->news || (ended == j->n && began <= ended) || !ended); /* none: it was waited for before */
  CHECK_EQ(v.state, 2);
  CHECK_EQ(v.files_done + v.files_failed, v.files);
  CHECK_EQ(v.connections, 0);
  CHECK_EQ(j->active, 0);          /* the network thread's books are closed, and balanced */
  CHECK_EQ(j->memory_used, 0);
  for (size_t i = 0; i < j->n; i++)
    CHECK(!j->fetches[i].busy && !j->fetches[i].parts && !j->fetches[i].blob && j->fetches[i].parts_n == 0);
}

static inline struct hj_outcome outcome_of(struct hj_job *j, size_t i)
{
  struct hj_outcome o;
  hj_job_outcome(j, i, &o);
  if (o.end == HJ_END_FAILED) {
    CHECK_NE(o.err.code, HJ_E_OK);
    CHECK(o.err.msg[0] != 0);
    CHECK(strstr(o.err.msg, "secret") == NULL && strstr(o.err.url, "secret") == NULL);
  } else if (o.err.code != HJ_E_OK) {
    check_failed(__FILE__, __LINE__, "an outcome that is none, yet says %s: %s", hj_code_name(o.err.code), o.err.msg);
  }
  return o;
}

static inline void expect_end(const struct hj_outcome *o, enum hj_end end)
{
  if (o->end != end)
    check_failed(__FILE__, __LINE__, "the fetch ended as %d instead of %d: %s, %s (%s)", o->end, end, hj_code_name(o->err.code), o->err.msg, o->err.url);
}

static inline void expect_code(const struct hj_outcome *o, enum hj_code code)
{
  expect_end(o, HJ_END_FAILED);
  if (o->err.code != code)
    check_failed(__FILE__, __LINE__, "the fetch failed with %s (%s) instead of %s", hj_code_name(o->err.code), o->err.msg, hj_code_name(code));
}

/* One want from start to end. */
static inline struct hj_job *run_one(struct hj_want want, struct hj_limits *limits, struct hj_outcome *o)
{
  struct hj_job *j = start_job(&want, 1, limits);
  wait_job(j);
  *o = outcome_of(j, 0);
  return j;
}

static inline void free_job_of(struct hj_job *j) { hj_job_free(j, NEVER_MS); }

/* ---- the world ---------------------------------------------------------------------------------------------------- */

static inline const struct thing *add_thing(struct world *w, const char *name, size_t n, enum mini_kind kind)
{
  struct thing *t = &w->things[w->things_n++];
  enum hj_algo algo = kind == MINI_SMALL ? HJ_GIT_SHA1 : HJ_SHA256;
  (void)snprintf(t->name, sizeof t->name, "%s", name);
  t->p = malloc(n + 1);
  t->n = n;
  fill_bytes(t->p, n, n + w->things_n);
  t->promise = promise_of(algo, t->p, n);
  etag_of(algo, t->p, n, t->etag);
  mini_add(w->net, name, t->p, n, t->etag, kind);
  return t;
}

static inline void calm_down(struct world *w)
{
  hj_engine_stop(NEVER_MS);
  mini_settle(w->net);
}

static inline void open_world(struct world *w)
{
  struct hj_outcome o;
  memset(w, 0, sizeof *w);
  may_keep_memory("what libcurl and the ledger make once; close_world checks all else");
  if (getenv("HJ_TRACE")) { /* HJ_TRACE=all runner NAME */
    CHECK(hj_trace_set(getenv("HJ_TRACE")));
    CHECK(hj_trace_file("/dev/stderr"));
  }
  w->net = mini_start();
  (void)temp_dir();
  struct hj_job *j = run_one(want_memory(w, "/echo"), NULL, &o);
  expect_end(&o, HJ_END_DONE);
  free_job_of(j);
  calm_down(w);
  mini_forget(w->net);
  w->live = hj_mem_live();
  w->files = open_files();
}

/* Nothing is left: no block, no descriptor. */
static inline void settle_world(struct world *w)
{
  calm_down(w);
  CHECK_EQ(hj_mem_live(), w->live);
  CHECK_EQ(open_files(), w->files);
}

static inline void close_world(struct world *w)
{
  settle_world(w);
  mini_stop(w->net);
  for (unsigned i = 0; i < w->things_n; i++)
    free(w->things[i].p);
}

/* ---- what lies on the disk ---------------------------------------------------------------------------------------- */

static inline const char *blob_path(const struct thing *t)
{
  char name[120];
  (void)snprintf(name, sizeof name, "hub/models--a--b/blobs/%s", t->etag);
  return temp_path(name);
}

static inline const char *link_at(const char *link)
{
  char name[200];
  (void)snprintf(name, sizeof name, "hub/models--a--b/snapshots/" MINI_COMMIT "/%s", link);
  return temp_path(name);
}

static inline bool is_whole(const char *path, const struct thing *t) { return has_bytes(path, t->p, t->n); }

static inline void expect_stored(const struct thing *t, const char *link)
{
  CHECK(is_whole(blob_path(t), t));
  CHECK(is_whole(link_at(link), t));
  CHECK_EQ(entries(temp_path("hub/models--a--b/.hubjet/partial"), NULL), 0);
  CHECK_EQ(entries(temp_path("hub/models--a--b/.hubjet/tmp"), NULL), 0);
}

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

#endif

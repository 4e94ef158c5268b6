/* tests/c/test_job_sweep.c - each memory request and each platform call of a download fails once; a kill at each of them.
 *
 * Every time: an error was reported or the result is perfect; nothing leaked; no wrong byte has a final name; a second try without
 * faults succeeds. A sample of the sites is played; HUBJET_TORTURE=1 plays all, HJ_SITE=n only the n-th. */
#include "engine_kit.h"

struct scene {
  const char *name;
  const char *path;
  bool small, to_path, promised;
  bool resumes;                  /* a partial with the first pieces is there */
};

static const struct scene cold_small = { .name = "cold small", .path = "/resolve/x", .small = true };
static const struct scene cold_lfs = { .name = "cold lfs", .path = "/resolve/x" };
static const struct scene resume_lfs = { .name = "resume", .path = "/resolve/x", .promised = true, .resumes = true };
static const struct scene to_path = { .name = "local path", .path = "/raw/x", .to_path = true };

struct stage {
  const struct scene *scene;
  struct world w;
  const struct thing *t;
  uint8_t *data, *journal;       /* of the partial to resume */
  size_t data_n, journal_n;
  bool fired;                    /* in the last play */
  const char *hub, *side, *x, *blob, *link, *partials, *old, *old_data, *old_journal;   /* paths, made once */
};

static uint8_t *load(const char *path, size_t *n)
{
  FILE *f = fopen(path, "rb");
  uint8_t *p = malloc(8 * MIB);
  CHECK(f != NULL && p != NULL);
  *n = fread(p, 1, 8 * MIB, f);
  CHECK(fclose(f) == 0);
  return p;
}

static void name_paths(struct stage *s)
{
  char path[200];
  int n = snprintf(path, sizeof path, "hub/models--a--b/.hubjet/partial/%s", s->t->etag);
  s->hub = temp_path("hub");
  s->side = temp_path("side");
  s->x = temp_path("x");
  s->blob = blob_path(s->t);
  s->link = link_at("x");
  s->partials = temp_path("hub/models--a--b/.hubjet/partial");
  s->old = temp_path(path);
  (void)snprintf(path + n, sizeof path - (size_t)n, "/data");
  s->old_data = temp_path(path);
  (void)snprintf(path + n, sizeof path - (size_t)n, "/journal");
  s->old_journal = temp_path(path);
}

static struct hj_want want_scene(struct stage *s)
{
  struct hj_want want = s->scene->to_path ? want_path(&s->w, s->scene->path, "x") : want_store(&s->w, s->scene->path, "x");
  if (!s->scene->to_path)
    want.commit = text_of(MINI_COMMIT);
  if (s->scene->promised)
    promise(&want, s->t);
  return want;
}

static void make_partial(struct stage *s)
{
  struct hj_want want = want_store(&s->w, "/c/gate=600000/resolve/x", "x");
  struct hj_job *j = start_job(&want, 1, NULL);
  while (hj_job_look(j).on_disk < 524288)
    (void)hj_job_poll(j, 1);
  hj_job_cancel(j);
  wait_job(j);
  free_job_of(j);
  calm_down(&s->w);
  s->data = load(s->old_data, &s->data_n);
  s->journal = load(s->old_journal, &s->journal_n);
}

static void clear(const char *path)
{
  if (is_there(path))
    remove_all(path);
}

static void open_stage(struct stage *s, const struct scene *scene)
{
  memset(s, 0, sizeof *s);
  s->scene = scene;
  open_world(&s->w);
  s->t = add_thing(&s->w, "x", scene->small ? 3000 : 2 * MIB + 300000, scene->small ? MINI_SMALL : scene->to_path ? MINI_PLAIN : MINI_LFS);
  name_paths(s);
  clear(s->hub);
  if (scene->resumes)
    make_partial(s);
}

static void close_stage(struct stage *s)
{
  free(s->data);
  free(s->journal);
  close_world(&s->w);
}

static void reset(struct stage *s)
{
  clear(s->hub);
  clear(s->side);
  (void)remove(s->x);
  mini_forget(s->w.net);
  if (s->scene->resumes) {
    make_dirs(s->old);
    put_file(s->old_data, s->data, s->data_n);
    put_file(s->old_journal, s->journal, s->journal_n);
  }
}

static bool final_is_right(struct stage *s)
{
  const char *name = s->scene->to_path ? s->x : s->link;
  if (is_there(s->blob)) /* without symbolic links it is moved to its readable name */
    CHECK(is_whole(s->blob, s->t));
  if (is_there(name))
    CHECK(is_whole(name, s->t));
  return is_there(name);
}

/* From nothing to its end, whatever fails on the way. */
static int play(struct stage *s, struct hj_want *want, struct hj_limits *limits, bool settle, struct hj_err *e)
{
  struct hj_job *j = NULL;
  if (!hj_job_new(&j, want, 1, limits, e) && !hj_job_start(j, e)) {
    struct hj_outcome o;
    while (hj_job_poll(j, NEVER_MS) != 1)
      ;
    hj_job_outcome(j, 0, &o);
    *e = o.err;
    CHECK_EQ(o.end == HJ_END_FAILED, o.err.code != HJ_E_OK);
  }
  hj_job_free(j, NEVER_MS);
  hj_engine_stop(NEVER_MS);
  if (settle)
    mini_settle(s->w.net);
  return (int)e->code;
}

static int play_scene(struct stage *s, void (*arm)(int64_t n, int how), int64_t n, int how, struct hj_err *e)
{
  struct hj_want want = want_scene(s);
  struct hj_limits limits = quick();
  limits.stall_ms = 300;
  limits.tries = 3;
  limits.sync = true;
  if (arm)
    arm(n, how);
  int rc = play(s, &want, &limits, true, e);
  s->fired = hj_mem_fired() || hj_fault_fired();
  hj_mem_fail_at(0);
  hj_fault_at(0, 0);
  hj_want_release(&want);
  hj_limits_release(&limits);
  return rc;
}

static void judge(struct stage *s, int rc, const struct hj_err *e)
{
  if (rc)
    CHECK(e->msg[0] != 0);
  CHECK(final_is_right(s) || rc);
  CHECK_EQ(hj_mem_live(), s->w.live);
  CHECK_EQ(open_files(), s->w.files);
}

static void play_well(struct stage *s)
{
  struct hj_err e = HJ_ERR_INIT;
  int rc = play_scene(s, NULL, 0, 0, &e);
  if (rc)
    check_failed(__FILE__, __LINE__, "without a fault: %s: %s", hj_code_name(e.code), e.msg);
  judge(s, rc, &e);
}

static void arm_memory(int64_t n, int how)
{
  (void)how;
  hj_mem_fail_at(n);
}

static void arm_platform(int64_t n, int how) { hj_fault_at(n, how); }

/* Every step-th site, the first few all; with an odd shift so that errnos meet different ones. */
static int64_t next_site(int64_t n, int64_t step) { return n < 12 || step <= 1 ? n + 1 : n + step; }

static int64_t only_site(void)
{
  const char *text = getenv("HJ_SITE");
  return text ? strtoll(text, NULL, 10) : 0;
}

static bool torture(void) { return getenv("HUBJET_TORTURE") != NULL; }

static void sweep(const struct scene *scene, const char *kind, void (*arm)(int64_t n, int how), int how, int64_t step)
{
  struct stage s;
  int64_t only = only_site(), n, played = 0, failed = 0;
  open_stage(&s, scene);
  reset(&s);
  play_well(&s);
  for (n = only ? only : 1; n < 100000; n = next_site(n, torture() ? 1 : step)) {
    struct hj_err e = HJ_ERR_INIT;
    reset(&s);
    context("%s, %s site %lld, errno %d", scene->name, kind, (long long)n, how);
    int rc = play_scene(&s, arm, n, how, &e);
    if (!s.fired) {
      CHECK_EQ(rc, HJ_E_OK);
      break;
    }
    played++;
    failed += rc != 0;
    judge(&s, rc, &e);
    play_well(&s);
    if (only)
      break;
  }
  CHECK_LT(n, 100000);
  context_end();
  printf("%s: %lld of about %lld %s sites played (errno %d), %lld ended in an error\n", scene->name, (long long)played, (long long)n, kind, how,
         (long long)failed);
  close_stage(&s);
}

TEST(a_cold_small_file_survives_each_lack_of_memory) { sweep(&cold_small, "memory", arm_memory, 0, 3); }
TEST(a_cold_lfs_file_survives_each_lack_of_memory) { sweep(&cold_lfs, "memory", arm_memory, 0, 4); }
TEST(a_resume_survives_each_lack_of_memory) { sweep(&resume_lfs, "memory", arm_memory, 0, 4); }
TEST(a_local_file_survives_each_lack_of_memory) { sweep(&to_path, "memory", arm_memory, 0, 4); }

static void sweep_errnos(const struct scene *scene, int64_t step)
{
  static const int answers[] = { EIO, ENOSPC, EOPNOTSUPP };
  for (size_t k = 0; k < sizeof answers / sizeof answers[0]; k++)
    sweep(scene, "platform", arm_platform, answers[k], step + (int64_t)k);
}

TEST(a_cold_small_file_survives_each_platform_fault) { sweep_errnos(&cold_small, 2); }
TEST(a_cold_lfs_file_survives_each_platform_fault) { sweep_errnos(&cold_lfs, 3); }
TEST(a_resume_survives_each_platform_fault) { sweep_errnos(&resume_lfs, 3); }
TEST(a_local_file_survives_each_platform_fault) { sweep_errnos(&to_path, 3); }

/* ---- kill --------------------------------------------------------------------------------------------------------- */

static int64_t kill_site;

static void die_in_child(void *user)
{
  struct stage *s = user;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_want want = want_scene(s);
  struct hj_limits limits = quick();
  limits.sync = true;
  hj_fault_at(kill_site, -1);
  _exit(play(s, &want, &limits, false, &e) ? 1 : 0);
}

static void sweep_kill(const struct scene *scene, int64_t step)
{
  struct stage s;
  int64_t played = 0, held = 0, only = only_site();
  if (UNDER_TSAN)
    skip("TSan cannot follow threads after a fork");
  open_stage(&s, scene);
  for (kill_site = only ? only : 1; kill_site < 100000; kill_site = next_site(kill_site, torture() ? 1 : step)) {
    struct hj_err e = HJ_ERR_INIT;
    reset(&s);
    context("%s, killed at platform site %lld", scene->name, (long long)kill_site);
    int end = in_child(die_in_child, &s);
    if (end == 0)
      break;
    CHECK_EQ(end, -SIGKILL);
    bool named = final_is_right(&s) || is_there(s.blob);   /* nothing, or the right thing */
    held += named;
    CHECK_EQ(play_scene(&s, NULL, 0, 0, &e), HJ_E_OK);
    CHECK(final_is_right(&s));
    judge(&s, 0, &e);
    if (!named) /* else the dead one's claim is left to hj_claim_sweep: nobody looks for it any more */
      CHECK_EQ(entries(s.partials, NULL), 0);
    played++;
    if (only)
      break;
  }
  context_end();
  printf("%s: killed at %lld of about %lld sites; %lld were finished by then\n", scene->name, (long long)played, (long long)kill_site,
         (long long)held);
  close_stage(&s);
}

TEST(a_cold_small_file_survives_each_kill) { sweep_kill(&cold_small, 2); }
TEST(a_cold_lfs_file_survives_each_kill) { sweep_kill(&cold_lfs, 4); }
TEST(a_resume_survives_each_kill) { sweep_kill(&resume_lfs, 4); }
TEST(a_local_file_survives_each_kill) { sweep_kill(&to_path, 4); }

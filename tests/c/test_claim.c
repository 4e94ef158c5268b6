/* tests/c/test_claim.c - rename decides who owns an unfinished file: between processes that race, die, and lie about their host. */
#include "store/claim.h"
#include "store/journal.h"
#include "store_kit.h"
#include "sweep.h"
#include "util/mem.h"

#define KEY "0123456789abcdef"

static const char *partial_dir(void)
{
  static char path[600];
  (void)snprintf(path, sizeof path, "%s/repo/.hubjet/partial", temp_dir());
  return path;
}

/* A journal with so many bytes, and data. */
static void put_bytes(const struct hj_claim *c, uint64_t bytes)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_journal j;
  struct hj_journal_head head = { UINT64_MAX, 1 };
  CHECK_OK(hj_journal_create(&j, c->journal, &head, &e), e);
  if (bytes)
    CHECK_OK(hj_journal_add(&j, &(struct hj_piece){ 0, bytes, 1 }, &e), e);
  hj_journal_close(&j);
  put_text(c->data, "data");
}

static struct hj_claim *take(const char *dir, const char *key, bool fresh)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_claim *c;
  CHECK_OK(hj_claim_take(&c, dir, key, fresh, &e), e);
  CHECK(is_there(c->path));
  return c;
}

static uint64_t look(const char *key)
{
  struct hj_err e = HJ_ERR_INIT;
  uint64_t bytes = 77;
  CHECK_OK(hj_claim_look(partial_dir(), key, &bytes, &e), e);
  return bytes;
}

TEST(a_dropped_claim_leaves_no_folder_behind)
{
  make_dirs(temp_path("repo"));
  CHECK_EQ(look(KEY), 0);
  struct hj_claim *c = take(partial_dir(), KEY, false);
  CHECK(!c->found);
  put_bytes(c, 10);
  hj_claim_drop(c);
  CHECK(!is_there(temp_path("repo/.hubjet")));
  CHECK(is_there(temp_path("repo")));
}

TEST(other_things_in_the_side_folder_stay)
{
  struct hj_claim *c = take(partial_dir(), KEY, false);
  put_text(temp_path("repo/.hubjet/record"), "x\n");
  hj_claim_drop(c);
  CHECK(!is_there(partial_dir()));
  CHECK_FILE(temp_path("repo/.hubjet/record"), "x\n");
  c = take(temp_path("mine/parts"), KEY, false);
  hj_claim_drop(c);
  CHECK(is_there(temp_path("mine")));
}

TEST(a_kept_partial_is_found_by_the_next_taker)
{
  struct hj_claim *c = take(partial_dir(), KEY, false);
  put_bytes(c, 1234);
  hj_claim_keep(c);
  CHECK(is_there(temp_path("repo/.hubjet/partial/" KEY "/journal")));
  CHECK_EQ(look(KEY), 1234);
  CHECK_EQ(look("0123456789abcde"), 0);
  CHECK_EQ(look("0123456789abcdef0"), 0);
  c = take(partial_dir(), KEY, false);
  CHECK(c->found);
  CHECK(!c->doubtful);
  CHECK_EQ(look(KEY), 0);                  /* in living hands: not to be had */
  CHECK_FILE(c->data, "data");
  hj_claim_drop(c);
}

TEST(fresh_claims_do_not_look_for_old_ones)
{
  struct hj_claim *c = take(partial_dir(), KEY, false);
  put_bytes(c, 5);
  hj_claim_keep(c);
  c = take(partial_dir(), KEY, true);
  CHECK(!c->found);
  CHECK_EQ(look(KEY), 5);
  hj_claim_drop(c);
  CHECK_EQ(look(KEY), 5);
}

TEST(a_partial_without_bytes_is_not_kept)
{
  struct hj_claim *c = take(partial_dir(), KEY, false);
  put_bytes(c, 0);
  hj_claim_keep(c);
  CHECK(!is_there(partial_dir()));
}

TEST(the_same_process_may_hold_one_key_twice)
{
  struct hj_claim *a = take(partial_dir(), KEY, false), *b = take(partial_dir(), KEY, false);
  CHECK(!b->found);
  CHECK(strcmp(a->path, b->path) != 0);
  put_bytes(a, 10);
  put_bytes(b, 20);
  hj_claim_keep(a);
  CHECK_EQ(look(KEY), 10);
  hj_claim_keep(b);                        /* the larger one stays */
  CHECK_EQ(look(KEY), 20);
  CHECK_EQ(entries(partial_dir(), NULL), 1);
  a = take(partial_dir(), KEY, true);
  put_bytes(a, 15);
  hj_claim_keep(a);
  CHECK_EQ(look(KEY), 20);
  CHECK_EQ(entries(partial_dir(), NULL), 1);
}

TEST(hostile_keys_make_no_folder)
{
  static const char *const keys[] = { "", "..", "a/b", "../x", "A", "a.b", "a b" };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_claim *c;
  uint64_t bytes;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    CHECK_CODE(hj_claim_take(&c, partial_dir(), keys[i], false, &e), HJ_E_NAME, e);
    CHECK(!c);
    CHECK_CODE(hj_claim_look(partial_dir(), keys[i], &bytes, &e), HJ_E_NAME, e);
    CHECK_CODE(hj_claim_clear(partial_dir(), keys[i], &e), HJ_E_NAME, e);
  }
  CHECK(!is_there(partial_dir()));
}

struct job { uint64_t bytes; int ready, go; };

static void take_and_die(void *user)
{
  const struct job *job = user;
  put_bytes(take(partial_dir(), KEY, true), job->bytes);
  (void)kill(getpid(), SIGKILL);
}

TEST(the_best_partial_of_the_dead_is_taken_over)
{
  static const uint64_t sizes[] = { 100, 300, 200 };
  for (size_t i = 0; i < 3; i++)
    CHECK_EQ(in_child(take_and_die, &(struct job){ .bytes = sizes[i] }), -SIGKILL);
  CHECK_EQ(entries(partial_dir(), NULL), 3);
  CHECK_EQ(look(KEY), 300);
  struct hj_claim *c = take(partial_dir(), KEY, false);
  CHECK(c->found);
  CHECK(!c->doubtful);
  CHECK_EQ(look(KEY), 200);
  hj_claim_keep(c);
  CHECK_EQ(look(KEY), 300);
  struct hj_err e = HJ_ERR_INIT;
  c = take(partial_dir(), KEY, true);      /* ours lives: it survives the clearing */
  CHECK_OK(hj_claim_clear(partial_dir(), KEY, &e), e);
  CHECK_EQ(entries(partial_dir(), NULL), 1);
  CHECK(is_there(c->path));
  hj_claim_drop(c);
}

static void take_and_wait(void *user)
{
  const struct job *job = user;
  char byte = 1;
  put_bytes(take(partial_dir(), KEY, false), job->bytes);
  CHECK_EQ(write(job->ready, &byte, 1), 1);
  for (;;)
    pause();
}

TEST(a_living_owner_is_left_alone_and_a_stopped_one_too)
{
  int ready[2];
  char byte;
  CHECK_EQ(pipe(ready), 0);
  pid_t child = start_child(take_and_wait, &(struct job){ .bytes = 50, .ready = ready[1] });
  CHECK_EQ(read(ready[0], &byte, 1), 1);
  CHECK_EQ(kill(child, SIGSTOP), 0);
  char name[256], held[600];
  CHECK_EQ(entries(partial_dir(), name), 1);
  (void)snprintf(held, sizeof held, "%s/%s/journal", partial_dir(), name);
  age_path(held, 10 * HJ_CLAIM_STALE_S);   /* on our own host the process decides, not the clock */
  struct hj_claim *c = take(partial_dir(), KEY, false);
  CHECK(!c->found);
  CHECK_EQ(look(KEY), 0);
  hj_claim_drop(c);
  CHECK(is_there(held));
  CHECK_EQ(kill(child, SIGKILL), 0);
  CHECK_EQ(end_of(child), -SIGKILL);
  CHECK_EQ(look(KEY), 50);
  close(ready[0]);
  close(ready[1]);
}

TEST(a_zombie_owns_nothing)
{
  pid_t child = start_child(take_and_die, &(struct job){ .bytes = 8 });
  siginfo_t info;
  CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);     /* dead, and nobody asked yet */
  CHECK_EQ(look(KEY), 8);
  CHECK_EQ(end_of(child), -SIGKILL);
}

static void go_foreign(const char *name, uint64_t bytes, int64_t age)
{
  struct hj_claim *c = take(partial_dir(), KEY, true);
  put_bytes(c, bytes);
  give_away(c, partial_dir(), name, age);
}

TEST(a_stale_claim_of_another_host_is_taken_in_doubt)
{
  go_foreign(KEY ".elsewhere.12.34.1", 400, HJ_CLAIM_STALE_S + 60);
  go_foreign(KEY ".elsewhere.12.34.2", 500, HJ_CLAIM_STALE_S / 2);       /* still growing */
  CHECK_EQ(look(KEY), 400);
  struct hj_claim *c = take(partial_dir(), KEY, false);
  CHECK(c->found);
  CHECK(c->doubtful);
  hj_claim_keep(c);
  c = take(partial_dir(), KEY, false);     /* the doubt outlives being kept */
  CHECK(c->found);
  CHECK(c->doubtful);
  hj_claim_trust(c);
  CHECK(!c->doubtful);
  hj_claim_keep(c);
  c = take(partial_dir(), KEY, false);
  CHECK(c->found);
  CHECK(!c->doubtful);
  CHECK(is_there(temp_path("repo/.hubjet/partial/" KEY ".elsewhere.12.34.2")));
  hj_claim_drop(c);
}

/* Also of a container that was started again: its processes have other numbers, and nobody can ask for the old ones. */
TEST(after_a_reboot_a_partial_is_soon_had_again)
{
  char host[32], name[200];
  hj_proc_host(host);
  char *run = host + strlen(host) - HJ_PROC_HOST_RUN;
  memcpy(run, strcmp(run, "00000000") != 0 ? "00000000" : "11111111", HJ_PROC_HOST_RUN);
  (void)snprintf(name, sizeof name, KEY ".%s.%u.%u.1", host, (unsigned)getpid(), 34u);
  go_foreign(name, 400, HJ_CLAIM_FORMER_S - 10);       /* a neighbour with our name would write */
  CHECK_EQ(look(KEY), 0);
  remove_all(partial_dir());
  go_foreign(name, 400, HJ_CLAIM_FORMER_S + 5);
  CHECK_EQ(look(KEY), 400);
  struct hj_claim *c = take(partial_dir(), KEY, false);
  CHECK(c->found);
  CHECK(c->doubtful);
  hj_claim_drop(c);
}

TEST(taking_over_makes_a_partial_young_again)
{
  struct hj_claim *c = take(partial_dir(), KEY, false);
  put_bytes(c, 9);
  hj_claim_keep(c);
  age_path(temp_path("repo/.hubjet/partial/" KEY "/journal"), 100000);
  c = take(partial_dir(), KEY, false);
  CHECK_GE(stat_of(c->journal).st_mtime, time(NULL) - 60);
  CHECK_EQ(stat_of(c->journal).st_size, HJ_JOURNAL_HEAD + HJ_JOURNAL_RECORD);
  hj_claim_drop(c);
}

TEST(a_journal_from_the_future_is_not_stale)
{
  go_foreign(KEY ".elsewhere.12.34.1", 400, -100000);
  CHECK_EQ(look(KEY), 0);
}

TEST(names_of_strangers_are_never_taken_or_removed)
{
  static const char *const names[] = {
    KEY ".elsewhere.12.34", KEY ".elsewhere.12.34.1.2", KEY ".elsewhere.x.34.1", KEY ".", KEY "..", KEY ".tar.gz", "Upper",
    "README.md", KEY ".elsewhere.0.1.1", KEY ".elsewhere.99999999999.1.1", "..x", KEY ".host..1.1",
  };
  struct hj_err e = HJ_ERR_INIT;
  uint64_t removed;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char path[600];
    (void)snprintf(path, sizeof path, "%s/%s", partial_dir(), names[i]);
    make_dirs(path);
    age_path(path, 1000000);
  }
  put_text(temp_path("repo/.hubjet/partial/" KEY), "a file, not a folder");
  unsigned before = entries(partial_dir(), NULL);
  struct hj_claim *c = take(partial_dir(), KEY, false);
  CHECK(!c->found);
  hj_claim_drop(c);
  CHECK_OK(hj_claim_clear(partial_dir(), KEY "0", &e), e);
  CHECK_OK(hj_claim_sweep(temp_path("repo/.hubjet"), 2000000, &removed, &e), e);
  CHECK_EQ(removed, 0);
  CHECK_EQ(entries(partial_dir(), NULL), before);
}

TEST(sweeping_removes_the_old_and_the_dead_only)
{
  struct hj_err e = HJ_ERR_INIT;
  uint64_t removed = 99;
  const char *side = temp_path("repo/.hubjet");
  CHECK_OK(hj_claim_sweep(side, 0, &removed, &e), e);
  CHECK_EQ(removed, 0);
  struct hj_claim *idle = take(partial_dir(), "idle", true);
  put_bytes(idle, 3);
  hj_claim_keep(idle);
  CHECK_EQ(in_child(take_and_die, &(struct job){ .bytes = 5 }), -SIGKILL);
  struct hj_claim *mine = take(partial_dir(), "mine", true);
  make_dirs(temp_path("repo/.hubjet/tmp"));
  put_text(temp_path("repo/.hubjet/tmp/elsewhere.1.2.3"), "x");
  put_text(temp_path("repo/.hubjet/tmp/stranger"), "x");
  put_text(temp_path("repo/.hubjet/tmp/young"), "x");
  age_path(temp_path("repo/.hubjet/tmp/elsewhere.1.2.3"), 2 * HJ_CLAIM_STALE_S);
  age_path(temp_path("repo/.hubjet/tmp/stranger"), 2 * HJ_CLAIM_STALE_S);
  CHECK_OK(hj_claim_sweep(side, 1000, &removed, &e), e);
  CHECK_EQ(removed, 2);                    /* the two old ones in tmp/ */
  CHECK_OK(hj_claim_sweep(side, 0, &removed, &e), e);
  CHECK_EQ(removed, 2);                    /* idle, and the dead one's */
  CHECK(is_there(mine->path));
  CHECK(is_there(temp_path("repo/.hubjet/tmp/young")));
  hj_claim_drop(mine);
  CHECK_OK(hj_claim_sweep(side, UINT64_MAX, &removed, &e), e);
  CHECK_EQ(removed, 0);
}

/* ---- races of processes ---- */

#define RACERS 6

static void race(void *user)
{
  const struct job *job = user;
  char byte;
  if (read(job->go, &byte, 1) != 0)        /* ends when the parent closes its side: everybody starts at once */
    _exit(9);
  struct hj_claim *c = take(partial_dir(), KEY, false);
  byte = is_there(c->data) ? 'w' : 'l';
  if (byte == 'w' && (!c->found || !has_bytes(c->data, "data", 4)))
    byte = '?';
  CHECK_EQ(write(job->ready, &byte, 1), 1);
  for (;;)
    pause();                               /* holding it */
}

TEST(of_racing_processes_exactly_one_gets_the_partial)
{
  for (int round = 0; round < 25; round++) {
    int go[2], ready[2], winners = 0;
    pid_t child[RACERS];
    context("round %d", round);
    remove_all(temp_path("repo"));
    struct hj_claim *c = take(partial_dir(), KEY, true);
    put_bytes(c, 70);
    hj_claim_keep(c);
    CHECK_EQ(pipe(go), 0);
    CHECK_EQ(pipe(ready), 0);
    for (int i = 0; i < RACERS; i++) {
      fflush(stdout);
      child[i] = fork();
      CHECK(child[i] >= 0);
      if (child[i] == 0) {
        close(go[1]);
        race(&(struct job){ .go = go[0], .ready = ready[1] });
      }
    }
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < RACERS; i++) {
      char byte = 0;
      CHECK_EQ(read(ready[0], &byte, 1), 1);
      CHECK(byte == 'w' || byte == 'l');
      winners += byte == 'w';
    }
    CHECK_EQ(winners, 1);
    CHECK_EQ(look(KEY), 0);
    for (int i = 0; i < RACERS; i++) {
      CHECK_EQ(kill(child[i], SIGKILL), 0);
      CHECK_EQ(end_of(child[i]), -SIGKILL);
    }
    CHECK_EQ(look(KEY), 70);
    close(ready[0]);
    close(ready[1]);
  }
}

static void take_and_drop_often(void *user)
{
  (void)user;
  for (int i = 0; i < 200; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_claim *c;
    if (hj_claim_take(&c, partial_dir(), i % 2 ? KEY : "other", i % 3 == 0, &e)) {
      fprintf(stderr, "take: %s\n", e.msg);
      _exit(1);
    }
    if (i % 5 == 0) {
      put_bytes(c, (uint64_t)i + 1);
      hj_claim_keep(c);
    } else {
      hj_claim_drop(c);
    }
  }
}

TEST(taking_works_while_others_remove_the_empty_folders)
{
  pid_t child[4];
  make_dirs(temp_path("repo"));
  for (int i = 0; i < 4; i++)
    child[i] = start_child(take_and_drop_often, NULL);
  for (int i = 0; i < 4; i++)
    CHECK_EQ(end_of(child[i]), 0);
}

/* ---- everything fails once ---- */

static int claim_scene(void *user, struct hj_err *e)
{
  struct hj_claim *c = NULL;
  uint64_t bytes = 0;
  remove_all(user);
  make_dirs(user);
  if (hj_claim_take(&c, partial_dir(), KEY, false, e))
    return (int)e->code;
  CHECK(is_there(c->path));
  struct hj_journal j = HJ_JOURNAL_INIT;
  struct hj_journal_head head = { UINT64_MAX, 1 };
  if (!hj_journal_create(&j, c->journal, &head, e))
    (void)hj_journal_add(&j, &(struct hj_piece){ 0, 66, 1 }, e);
  hj_journal_close(&j);
  hj_claim_keep(c);
  c = NULL;
  if (!e->code && !hj_claim_look(partial_dir(), KEY, &bytes, e) && !hj_claim_take(&c, partial_dir(), KEY, false, e))
    hj_claim_drop(c);
  if (!e->code)
    (void)hj_claim_clear(partial_dir(), KEY, e);
  return (int)e->code;
}

TEST(claims_survive_every_failing_allocation)
{
  sweep_memory("claim", claim_scene, (void *)(uintptr_t)temp_path("repo"));
}

TEST(claims_survive_every_failing_call)
{
  sweep_platform("claim", claim_scene, (void *)(uintptr_t)temp_path("repo"));
}

static int sweep_scene_of_sweep(void *user, struct hj_err *e)
{
  uint64_t removed;
  char *const *paths = user;
  make_dirs(paths[1]);
  make_dirs(paths[2]);
  put_text(paths[3], "x");
  put_text(paths[4], "x");
  return hj_claim_sweep(paths[0], 0, &removed, e);
}

TEST(sweeping_survives_every_failing_allocation)
{
  const char *paths[] = {
    temp_path("repo/.hubjet"), temp_path("repo/.hubjet/partial/old"), temp_path("repo/.hubjet/tmp"),
    temp_path("repo/.hubjet/partial/old/data"), temp_path("repo/.hubjet/tmp/x.1.1.1"),
  };
  sweep_memory("sweep", sweep_scene_of_sweep, paths);
}

static void take_keep_take(void *user)
{
  hj_fault_at(*(int *)user, -1);
  struct hj_err e = HJ_ERR_INIT;
  struct hj_claim *c = NULL;
  if (!hj_claim_take(&c, partial_dir(), KEY, false, &e)) {
    struct hj_journal j;
    struct hj_journal_head head = { UINT64_MAX, 1 };
    if (!hj_journal_create(&j, c->journal, &head, &e))
      (void)hj_journal_add(&j, &(struct hj_piece){ 0, 66, 1 }, &e);
    hj_journal_close(&j);
    hj_claim_keep(c);
  }
  if (!hj_claim_take(&c, partial_dir(), KEY, false, &e))
    hj_claim_keep(c);
}

TEST(a_kill_at_any_call_leaves_a_partial_that_can_be_taken)
{
  const char *side = temp_path("repo/.hubjet");
  make_dirs(temp_path("repo"));
  int n = 1;
  for (;; n++) {
    context("kill at call %d", n);
    int end = in_child(take_keep_take, &n);
    struct hj_claim *c = take(partial_dir(), KEY, false);
    if (end == 0) {
      CHECK(c->found);
      hj_claim_drop(c);
      break;
    }
    CHECK_EQ(end, -SIGKILL);
    hj_claim_drop(c);
    remove_all(side);
  }
  CHECK_GT(n, 10);
  printf("killed at %d calls\n", n - 1);
}

/* tests/c/test_rival.c - who else has the same on its way: seen truly, and of those that ask at once exactly one goes on. No flock. */
#include "store/journal.h"
#include "store/rival.h"
#include "store_kit.h"
#include "sweep.h"

#define KEY "0123456789abcdef"

static const char *partial_dir(void)
{
  static char path[600];
  (void)snprintf(path, sizeof path, "%s/repo/.hubjet/partial", temp_dir());
  return path;
}

static struct hj_claim *take(const char *key)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_claim *c;
  CHECK_OK(hj_claim_take(&c, partial_dir(), key, false, &e), e);
  return c;
}

static void put_bytes(const struct hj_claim *c, uint64_t bytes)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_journal j;
  struct hj_journal_head head = { UINT64_MAX, 1 };
  CHECK_OK(hj_journal_create(&j, c->journal, &head, &e), e);
  CHECK_OK(hj_journal_add(&j, &(struct hj_piece){ 0, bytes, 1 }, &e), e);
  hj_journal_close(&j);
  put_text(c->data, "data");
}

static int pass_over(void *user, const struct hj_piece *p, struct hj_err *e)
{
  (void)user, (void)p, (void)e;
  return HJ_E_OK;
}

static void add_bytes(const struct hj_claim *c, uint64_t bytes)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_journal j;
  CHECK_OK(hj_journal_open(&j, c->journal, &(struct hj_journal_head){ UINT64_MAX, 1 }, &e), e);
  CHECK_OK(hj_journal_each(&j, pass_over, NULL, &e), e);
  CHECK_OK(hj_journal_add(&j, &(struct hj_piece){ 10, bytes, 1 }, &e), e);
  hj_journal_close(&j);
}

static bool is_busy(const char *key, struct hj_rival *r)
{
  struct hj_err e = HJ_ERR_INIT;
  int rc = hj_rival_look(partial_dir(), key, r, &e);
  CHECK(rc == HJ_E_OK || rc == HJ_E_BUSY);
  return rc == HJ_E_BUSY;
}

static bool loses(const struct hj_claim *c)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_rival r = { 0 };
  int rc = hj_rival_contest(c, &r, &e);
  CHECK(rc == HJ_E_OK || rc == HJ_E_BUSY);
  return rc == HJ_E_BUSY;
}

TEST(a_rival_is_seen_with_its_file)
{
  struct hj_rival r = { .inode = 7, .device = 8 };
  CHECK(!is_busy(KEY, &r));
  struct hj_claim *c = take(KEY);
  CHECK(!loses(c));
  CHECK(is_busy(KEY, &r));
  CHECK_EQ(r.inode, 7);                    /* it has no file yet: what was seen before stays */
  put_bytes(c, 10);
  CHECK(is_busy(KEY, &r));
  CHECK_EQ(r.inode, stat_of(c->data).st_ino);
  CHECK_EQ(r.device, stat_of(c->data).st_dev);
  CHECK_EQ(r.bytes, 10);
  add_bytes(c, 5);
  CHECK(is_busy(KEY, &r));
  CHECK_EQ(r.bytes, 15);
  put_bytes(c, 4);                         /* its journal began anew, under the same file */
  CHECK(is_busy(KEY, &r));
  CHECK_EQ(r.bytes, 4);
  CHECK(!is_busy("0123456789abcde", &r));
  CHECK(!is_busy(KEY "0", &r));
  hj_claim_keep(c);
  CHECK(!is_busy(KEY, &r));                /* idle: anybody may have it */
}

/* Claims, then goes under a name that says it is another's. */
static void plant(const char *name, int64_t age)
{
  struct hj_claim *c = take("plant");
  put_bytes(c, 10);
  give_away(c, partial_dir(), name, age);
}

TEST(another_host_is_a_rival_while_it_writes)
{
  static const struct { int64_t age; bool busy; } cases[] = {
    { 0, true }, { HJ_RIVAL_BEAT_S - 5, true }, { HJ_RIVAL_BEAT_S + 5, false }, { HJ_CLAIM_STALE_S + 60, false },
    { -(HJ_RIVAL_BEAT_S - 5), true }, { -100000, false },   /* clocks that differ a little, and a lot */
  };
  struct hj_rival r = { 0 };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    context("age %lld", (long long)cases[i].age);
    plant(KEY ".elsewhere.12.34.1", cases[i].age);
    CHECK_EQ(is_busy(KEY, &r), cases[i].busy);
    remove_all(partial_dir());
  }
}

static void live_on(void *user)
{
  (void)user;
  for (;;)
    pause();
}

TEST(a_process_of_this_host_is_a_rival_for_long_and_for_seconds_once_it_is_stopped)
{
  struct hj_rival r = { 0 };
  char name[200], host[32];
  int status;
  pid_t child = start_child(live_on, NULL);
  hj_proc_host(host);
  (void)snprintf(name, sizeof name, KEY ".%s.%d.%llu.1", host, (int)child, (unsigned long long)hj_proc_start((uint32_t)child));
  for (int stopped = 0; stopped < 2; stopped++) {
    static const int64_t ages[] = { 0, HJ_RIVAL_BEAT_S - 5, HJ_RIVAL_BEAT_S + 5, HJ_CLAIM_STALE_S - 60, HJ_CLAIM_STALE_S + 60 };
    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
      context("stopped %d, age %lld", stopped, (long long)ages[i]);
      plant(name, ages[i]);
      CHECK_EQ(is_busy(KEY, &r), ages[i] < (stopped ? HJ_RIVAL_BEAT_S : HJ_CLAIM_STALE_S));
      remove_all(partial_dir());
    }
    if (!stopped) {
      CHECK_EQ(kill(child, SIGSTOP), 0);
      CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    }
  }
  CHECK_EQ(kill(child, SIGKILL), 0);
  CHECK_EQ(end_of(child), -SIGKILL);
}

TEST(the_former_run_of_this_host_is_waited_for_until_its_partial_may_be_had)
{
  static const struct { int64_t age; bool busy; } cases[] = {
    { 0, true }, { HJ_CLAIM_FORMER_S - 5, true }, { HJ_CLAIM_FORMER_S + 5, false }, { -(HJ_CLAIM_FORMER_S - 5), true }, { -100000, false },
  };
  struct hj_rival r = { 0 };
  char host[32], name[200];
  hj_proc_host(host);
  host[strlen(host) - 1] = host[strlen(host) - 1] == '0' ? '1' : '0';
  (void)snprintf(name, sizeof name, KEY ".%s.1.34.1", host);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    context("age %lld", (long long)cases[i].age);
    plant(name, cases[i].age);
    CHECK_EQ(is_busy(KEY, &r), cases[i].busy);
    remove_all(partial_dir());
  }
}

/* The name of a claim of ours, with another last number. */
static void name_with(char *out, size_t cap, const char *n)
{
  struct hj_claim *c = take(KEY);
  (void)snprintf(out, cap, "%s", strrchr(c->path, '/') + 1);
  hj_claim_drop(c);
  (void)snprintf(strrchr(out, '.') + 1, 24, "%s", n);
}

TEST(what_this_process_left_before_an_exec_is_nobodys)
{
  struct hj_rival r = { 0 };
  char name[300];
  name_with(name, sizeof name, "1");       /* counted by the program that was here before */
  plant(name, 0);
  CHECK(!is_busy(KEY, &r));
  struct hj_claim *c = take(KEY);
  CHECK(c->found);
  hj_claim_drop(c);
  name_with(name, sizeof name, "18446744073709551615");
  plant(name, 0);
  CHECK(!is_busy(KEY, &r));
}

TEST(a_claim_that_could_not_be_given_back_blocks_nobody)
{
  struct hj_rival r = { 0 };
  for (int drop = 0; drop < 2; drop++) {
    struct hj_claim *c = take(KEY);
    put_bytes(c, 10);
    CHECK(is_busy(KEY, &r));
    hj_fault_always(drop ? HJ_OP_REMOVE : HJ_OP_RENAME, EIO);
    if (drop)
      hj_claim_drop(c);
    else
      hj_claim_keep(c);
    hj_fault_always(drop ? HJ_OP_REMOVE : HJ_OP_RENAME, 0);
    CHECK(!is_busy(KEY, &r));
    c = take(KEY);
    CHECK(c->found);
    CHECK(!loses(c));
    CHECK(is_busy(KEY, &r));               /* the mark was the former owner's, not the folder's */
    hj_claim_drop(c);
    CHECK(!is_there(partial_dir()));
  }
}

TEST(who_has_bytes_goes_before_who_has_none)
{
  struct hj_claim *rich = take(KEY);
  put_bytes(rich, 10);
  hj_claim_keep(rich);
  struct hj_claim *poor[2];
  rich = take(KEY);
  CHECK(rich->found);
  for (int i = 0; i < 2; i++) {
    poor[i] = take(KEY);
    CHECK(loses(poor[i]));
  }
  CHECK(loses(rich));                      /* they do not go away: then they were here first */
  hj_claim_drop(poor[0]);
  CHECK(loses(rich));
  hj_claim_drop(poor[1]);
  CHECK(!loses(rich));
  hj_claim_drop(rich);
}

/* ---- many at once ---- */

#define RACERS 8

struct race { int go; };

static void run_race(void *user)
{
  const struct race *job = user;
  char byte, held[600], whole[600];
  (void)snprintf(held, sizeof held, "%s/held", temp_dir());
  (void)snprintf(whole, sizeof whole, "%s/whole", temp_dir());
  if (read(job->go, &byte, 1) != 0)
    _exit(9);
  for (int tries = 0; tries < 2000; tries++, hj_clock_pause_ms(1)) {
    struct hj_rival r = { 0 };
    struct hj_err e = HJ_ERR_INIT;
    if (is_there(whole))
      _exit(0);
    if (is_busy(KEY, &r))
      continue;
    if (is_there(whole))
      _exit(0);
    struct hj_claim *c;
    CHECK_OK(hj_claim_take(&c, partial_dir(), KEY, false, &e), e);
    if (loses(c)) {
      hj_claim_keep(c);
      continue;
    }
    if (is_there(whole)) {                 /* the winner of a moment ago has finished */
      hj_claim_drop(c);
      _exit(0);
    }
    int fd = open(held, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (fd < 0)
      _exit(3);                            /* two at once */
    close(fd);
    hj_clock_pause_ms(3);
    put_text(whole, "x");
    CHECK_EQ(unlink(held), 0);
    hj_claim_drop(c);
    _exit(0);
  }
  _exit(4);
}

TEST(of_processes_that_ask_at_once_exactly_one_goes_on)
{
  for (int round = 0; round < 40; round++) {
    int go[2];
    pid_t child[RACERS];
    char whole[600];
    context("round %d", round);
    (void)snprintf(whole, sizeof whole, "%s/whole", temp_dir());
    (void)unlink(whole);
    make_dirs(temp_path("repo"));
    if (round % 2) {
      struct hj_claim *c = take(KEY);
      put_bytes(c, 70);
      hj_claim_keep(c);
    }
    CHECK_EQ(pipe(go), 0);
    for (int i = 0; i < RACERS; i++) {
      fflush(stdout);
      child[i] = fork();
      CHECK(child[i] >= 0);
      if (child[i] == 0) {
        close(go[1]);
        run_race(&(struct race){ .go = go[0] });
      }
    }
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < RACERS; i++)
      CHECK_EQ(end_of(child[i]), 0);
    CHECK_EQ(entries(partial_dir(), NULL), 0);
  }
}

/* ---- everything fails once ---- */

static int contest_scene(void *user, struct hj_err *e)
{
  struct hj_rival r = { 0 };
  struct hj_claim *c = NULL;
  remove_all(user);
  make_dirs(user);
  if (hj_rival_look(partial_dir(), KEY, &r, e) || hj_claim_take(&c, partial_dir(), KEY, false, e))
    return (int)e->code;
  if (!hj_rival_contest(c, &r, e))
    (void)hj_rival_look(partial_dir(), KEY, &r, e);
  if (e->code == HJ_E_BUSY)                /* that is what it should say */
    hj_err_clear(e);
  hj_claim_drop(c);
  return (int)e->code;
}

TEST(looking_for_rivals_survives_every_failure)
{
  sweep_memory("rivals", contest_scene, (void *)(uintptr_t)temp_path("repo"));
  sweep_platform("rivals", contest_scene, (void *)(uintptr_t)temp_path("repo"));
}

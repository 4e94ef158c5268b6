/* tests/c/test_crowd.c - several that say numbers to each other through a folder; one that is killed; strangers' files. */
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/crowd.h"
#include "store_kit.h"

TEST(each_sees_the_others_and_not_itself)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_crowd a = { 0 }, b = { 0 }, c = { 0 };
  struct hj_crowd_words who[HJ_CROWD_MAX], w = { 5, 6, 7 };
  struct stat st;
  size_t n = 9;
  const char *dir = temp_path("run/rate");
  CHECK_OK(hj_crowd_join(&a, dir, &e), e);
  CHECK(stat(dir, &st) == 0 && (st.st_mode & 0777) == 0700);
  CHECK_OK(hj_crowd_look(&a, who, &n, &e), e);
  CHECK_EQ(n, 0);
  CHECK_OK(hj_crowd_join(&b, dir, &e), e);
  CHECK_OK(hj_crowd_look(&a, who, &n, &e), e);
  CHECK_EQ(n, 1);
  CHECK_EQ(who[0].claim, 0);
  CHECK_EQ(who[0].appetite, UINT64_MAX);
  CHECK_OK(hj_crowd_say(&b, &w, &e), e);
  CHECK_OK(hj_crowd_join(&c, dir, &e), e);
  hj_crowd_leave(&c);
  CHECK_OK(hj_crowd_look(&a, who, &n, &e), e);
  CHECK_EQ(n, 1);
  CHECK(who[0].claim == 5 && who[0].appetite == 6 && who[0].limit == 7);
  hj_crowd_leave(&a);
  hj_crowd_leave(&b);
  hj_crowd_leave(&b);
  CHECK_EQ(entries(dir, NULL), 0);
}

TEST(who_says_again_after_somebody_tidied_up_is_seen_again)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_crowd a = { 0 }, b = { 0 };
  struct hj_crowd_words who[HJ_CROWD_MAX], w = { 1, 2, 3 };
  size_t n;
  const char *dir = temp_path("run");
  CHECK_OK(hj_crowd_join(&a, dir, &e), e);
  CHECK_OK(hj_crowd_join(&b, dir, &e), e);
  CHECK(unlink(a.path) == 0);
  CHECK_OK(hj_crowd_say(&a, &w, &e), e);
  CHECK_OK(hj_crowd_look(&b, who, &n, &e), e);
  CHECK_EQ(n, 1);
  CHECK_EQ(who[0].claim, 1);
  hj_crowd_leave(&a);
  hj_crowd_leave(&b);
}

static void join_and_stay(void *dir)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_crowd mine = { 0 };
  (void)hj_crowd_join(&mine, dir, &e);
  for (;;)
    pause();
}

TEST(the_dead_the_silent_and_strangers_do_not_count)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_crowd a = { 0 }, b = { 0 };
  struct hj_crowd_words who[HJ_CROWD_MAX];
  size_t n;
  const char *dir = temp_path("run");
  CHECK_OK(hj_crowd_join(&a, dir, &e), e);
  pid_t child = start_child(join_and_stay, (void *)(uintptr_t)dir);
  while (entries(dir, NULL) < 2)
    sched_yield();
  do /* the name is there before its line */
    CHECK_OK(hj_crowd_look(&a, who, &n, &e), e);
  while (n == 0);
  CHECK_EQ(n, 1);
  CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
  CHECK_OK(hj_crowd_look(&a, who, &n, &e), e);
  CHECK_EQ(n, 0);
  CHECK_EQ(entries(dir, NULL), 1);            /* and its file is gone */
  CHECK_OK(hj_crowd_join(&b, dir, &e), e);
  age_path(b.path, 60);                       /* stopped by SIGSTOP, say */
  CHECK_OK(hj_crowd_look(&a, who, &n, &e), e);
  CHECK_EQ(n, 0);
  age_path(b.path, -3600);                    /* said before somebody set the clock back */
  put_text(temp_path("run/README"), "x");
  CHECK_OK(hj_crowd_look(&a, who, &n, &e), e);
  CHECK_EQ(n, 0);
  CHECK_EQ(entries(dir, NULL), 3);            /* it lives, and the stranger's file is not ours */
  put_text(b.path, "cut");
  CHECK_OK(hj_crowd_look(&a, who, &n, &e), e);
  CHECK_EQ(n, 0);
  hj_crowd_leave(&a);
  hj_crowd_leave(&b);
}

TEST(a_folder_that_cannot_be_is_an_error_and_nobody_has_joined)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_crowd a = { 0 };
  put_text(temp_path("file"), "x");
  CHECK(hj_crowd_join(&a, temp_path("file/run"), &e) != HJ_E_OK);
  CHECK(a.path == NULL && a.dir == NULL);
  hj_crowd_leave(&a);
}

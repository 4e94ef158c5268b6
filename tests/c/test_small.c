/* tests/c/test_small.c - a small file is the old one or the new one. */
#include "store/small.h"
#include "store_kit.h"
#include "sweep.h"

static void write_text(const char *path, const char *text, bool sync)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(hj_small_write(path, text, strlen(text), 0644, sync, &e), e);
  CHECK_FILE(path, text);
}

TEST(a_small_file_makes_its_folders)
{
  write_text(temp_path("refs/refs/pr/1"), COMMIT_A, false);
  write_text(temp_path("trees/x/y/z.json"), "{}", true);
  write_text(temp_path("empty"), "", false);
  CHECK_EQ(entries(temp_path("refs/refs/pr"), NULL), 1);
  CHECK_EQ(entries(temp_path("trees/x/y"), NULL), 1);
}

TEST(a_small_file_is_replaced_by_another_not_written_through)
{
  const char *path = temp_path("refs/main");
  write_text(path, COMMIT_A, false);
  FILE *reader = fopen(path, "r");
  char seen[41] = "";
  CHECK(reader);
  write_text(path, COMMIT_B, false);
  CHECK_EQ(fread(seen, 1, 40, reader), 40);
  CHECK_STR(seen, COMMIT_A);
  fclose(reader);
  /* a link: the link goes, what it led to stays */
  put_text(temp_path("elsewhere"), "mine");
  CHECK_EQ(symlink("../elsewhere", temp_path("refs/link")), 0);
  write_text(temp_path("refs/link"), "new", true);
  CHECK_FILE(temp_path("elsewhere"), "mine");
  CHECK(S_ISREG(stat_of(temp_path("refs/link")).st_mode));
}

TEST(equal_content_is_not_written_again)
{
  const char *path = temp_path("refs/main");
  char big[10000];
  struct hj_err e = HJ_ERR_INIT;
  write_text(path, COMMIT_A, false);
  ino_t inode = stat_of(path).st_ino;
  age_path(path, 1000);
  write_text(path, COMMIT_A, true);
  CHECK_EQ(stat_of(path).st_ino, inode);
  CHECK_LT(stat_of(path).st_mtime, time(NULL) - 900);
  fill_bytes((uint8_t *)big, sizeof big, 1);
  CHECK_OK(hj_small_write(path, big, sizeof big, 0644, false, &e), e);
  inode = stat_of(path).st_ino;
  big[sizeof big - 1] ^= 1;                /* the last byte counts, too */
  CHECK_OK(hj_small_write(path, big, sizeof big, 0644, false, &e), e);
  CHECK(has_bytes(path, big, sizeof big));
  CHECK_NE(stat_of(path).st_ino, inode);
}

TEST(where_nothing_may_be_written_nothing_is_tried)
{
  temp_for_all();
  struct hj_err e = HJ_ERR_INIT;
  uint8_t ops[100];
  const char *shut = temp_path("shut"), *inside = temp_path("shut/new/file"), *there = temp_path("shut/there");
  make_dirs(shut);
  put_text(there, "old");
  CHECK_OK(hj_small_may(inside, &e), e);
  CHECK_EQ(chmod(shut, 0555), 0);
  become_nobody();
  hj_fault_watch(ops, sizeof ops);
  CHECK_CODE(hj_small_may(inside, &e), HJ_E_DENIED, e);
  CHECK_CODE(hj_small_write(inside, "x", 1, 0666, true, &e), HJ_E_DENIED, e);
  CHECK_CODE(hj_small_write(there, "x", 1, 0666, false, &e), HJ_E_DENIED, e);
  hj_fault_watch(NULL, 0);
  become_again();
  for (size_t i = 0; i < hj_fault_watched(); i++)
    CHECK_EQ(ops[i], HJ_OP_STAT);
  CHECK_EQ(chmod(shut, 0755), 0);
  CHECK_OK(hj_small_write(inside, "x", 1, 0666, false, &e), e);
}

TEST(the_umask_is_taken_off_a_small_files_mode)
{
  static const struct { unsigned mask, mode, then; } rows[] = {
    { 022, 0666, 0644 }, { 002, 0666, 0664 }, { 077, 0666, 0600 }, { 0, 0666, 0666 }, { 022, 0600, 0600 }, { 022, 0444, 0444 },
  };
  struct hj_err e = HJ_ERR_INIT;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char name[32];
    context("row %zu", i);
    (void)snprintf(name, sizeof name, "mode-%zu", i);
    mode_t old = umask((mode_t)rows[i].mask);
    int rc = hj_small_write(temp_path(name), "x", 1, rows[i].mode, false, &e);
    (void)umask(old);
    CHECK_OK(rc, e);
    CHECK_EQ(stat_of(temp_path(name)).st_mode & 07777, rows[i].then);
  }
}

TEST(a_folder_in_the_place_is_an_error_and_leaves_nothing)
{
  struct hj_err e = HJ_ERR_INIT;
  make_dirs(temp_path("refs/main"));
  CHECK_NE(hj_small_write(temp_path("refs/main"), "x", 1, 0644, false, &e), HJ_E_OK);
  hj_err_clear(&e);
  CHECK_EQ(entries(temp_path("refs"), NULL), 1);
  put_text(temp_path("file"), "x");
  CHECK_CODE(hj_small_write(temp_path("file/below"), "x", 1, 0644, false, &e), HJ_E_EXISTS, e);
  CHECK_CODE(hj_small_write("relative", "x", 1, 0644, false, &e), HJ_E_BADARG, e);
}

struct scene { const char *root, *path; bool sync; };

static int write_twice(void *user, struct hj_err *e)
{
  const struct scene *s = user;
  remove_all(s->root);
  if (hj_small_write(s->path, "old", 3, 0644, s->sync, e))
    return (int)e->code;
  int rc = hj_small_write(s->path, "new!", 4, 0644, s->sync, e);
  CHECK(has_bytes(s->path, "new!", 4) || (rc && has_bytes(s->path, "old", 3)));
  if (!rc && !hj_small_write(s->path, "new!", 4, 0644, s->sync, e))
    CHECK(has_bytes(s->path, "new!", 4));
  return (int)e->code;
}

TEST(small_files_survive_every_failure)
{
  struct scene s = { temp_path("root"), temp_path("root/a/b/main"), true };
  sweep_memory("small", write_twice, &s);
  sweep_platform("small", write_twice, &s);
  s.sync = false;
  sweep_platform("small, no sync", write_twice, &s);
}

struct kill_job { const char *path; int at; };

static void write_and_die(void *user)
{
  const struct kill_job *job = user;
  struct hj_err e = HJ_ERR_INIT;
  hj_fault_at(job->at, -1);
  (void)hj_small_write(job->path, "new!", 4, 0644, true, &e);
}

TEST(a_kill_at_any_call_leaves_the_old_small_file_or_the_new)
{
  const char *path = temp_path("refs/main");
  struct kill_job job = { path, 1 };
  for (;; job.at++) {
    context("kill at call %d", job.at);
    write_text(path, "old", false);
    int end = in_child(write_and_die, &job);
    CHECK(has_bytes(path, "old", 3) || has_bytes(path, "new!", 4));
    if (end == 0)
      break;
    CHECK_EQ(end, -SIGKILL);
  }
  CHECK_GT(job.at, 5);
}

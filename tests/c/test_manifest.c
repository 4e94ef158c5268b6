/* tests/c/test_manifest.c - a snapshot is called whole only while every file is as it was. */
#include "store/manifest.h"
#include "store_kit.h"
#include "sweep.h"

#define COMMIT "0123456789012345678901234567890123456789"
static const char *const paths[] = { "config.json", "sub/dir/weights.bin" };

static void make_snapshot(void)
{
  make_dirs(temp_path("repo/snapshots/" COMMIT "/sub/dir"));
  make_dirs(temp_path("repo/blobs"));
  put_text(temp_path("repo/snapshots/" COMMIT "/config.json"), "{}");
  put_text(temp_path("repo/blobs/b"), "weights");
  CHECK_EQ(symlink("../../../../blobs/b", temp_path("repo/snapshots/" COMMIT "/sub/dir/weights.bin")), 0);
}

static bool is_whole(void)
{
  struct hj_err e = HJ_ERR_INIT;
  bool whole = true;
  size_t files = 99;
  CHECK_OK(hj_manifest_check(temp_path("repo"), COMMIT, "", &whole, &files, &e), e);
  CHECK_EQ(files, whole ? 2 : files);
  return whole;
}

static void note(void)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(hj_manifest_write(temp_path("repo"), COMMIT, "", paths, 2, &e), e);
  CHECK(is_whole());
}

TEST(a_snapshot_is_whole_when_it_was_noted_and_not_before)
{
  make_snapshot();
  CHECK(!is_whole());
  note();
}

TEST(a_snapshot_of_which_a_file_is_gone_cut_edited_or_replaced_is_not_whole)
{
  make_snapshot();
  note();
  put_text(temp_path("repo/blobs/b"), "weight");
  CHECK(!is_whole());
  note();
  put_text(temp_path("repo/other"), "weight");
  CHECK_EQ(rename(temp_path("repo/other"), temp_path("repo/blobs/b")), 0);
  CHECK(!is_whole());
  note();
  CHECK_EQ(unlink(temp_path("repo/blobs/b")), 0); /* the link dangles */
  CHECK(!is_whole());
}

TEST(a_touched_snapshot_is_whole_for_who_can_note_nothing)
{
  temp_for_all();
  struct hj_err e = HJ_ERR_INIT;
  const char *blob = temp_path("repo/blobs/b"), *whole = temp_path("repo/.hubjet/whole"), *side = temp_path("repo/.hubjet");
  make_snapshot();
  note();
  struct timespec was = stat_of(blob).st_ctim;
  do
    CHECK_EQ(chmod(blob, 0444), 0);
  while (stat_of(blob).st_ctim.tv_nsec == was.tv_nsec && stat_of(blob).st_ctim.tv_sec == was.tv_sec);
  CHECK(!is_whole());
  CHECK_EQ(chmod(whole, 0555), 0);
  CHECK_EQ(chmod(side, 0777), 0);
  become_nobody();
  CHECK(!is_whole());                                         /* there can still be a record */
  become_again();
  CHECK_EQ(chmod(side, 0555), 0);
  become_nobody();
  CHECK(is_whole());
  CHECK_CODE(hj_manifest_write(temp_path("repo"), COMMIT, "", paths, 2, &e), HJ_E_DENIED, e);
  become_again();
  CHECK_EQ(chmod(side, 0755), 0);
  CHECK_EQ(chmod(whole, 0755), 0);
  CHECK(!is_whole());
}

TEST(a_choice_is_whole_by_its_own_words_only)
{
  struct hj_err e = HJ_ERR_INIT;
  bool whole = true;
  size_t files = 0;
  make_snapshot();
  CHECK_OK(hj_manifest_write(temp_path("repo"), COMMIT, "*.json", paths, 1, &e), e);
  CHECK(!is_whole());
  CHECK_OK(hj_manifest_check(temp_path("repo"), COMMIT, "*.bin", &whole, &files, &e), e);
  CHECK(!whole);
  put_text(temp_path("repo/blobs/b"), "other"); /* not among the chosen */
  CHECK_OK(hj_manifest_check(temp_path("repo"), COMMIT, "*.json", &whole, &files, &e), e);
  CHECK(whole);
  CHECK_EQ(files, 1);
  put_text(temp_path("repo/snapshots/" COMMIT "/config.json"), "{ }");
  CHECK_OK(hj_manifest_check(temp_path("repo"), COMMIT, "*.json", &whole, &files, &e), e);
  CHECK(!whole);
}

TEST(a_file_that_is_not_there_cannot_be_noted)
{
  static const char *const wrong[] = { "config.json", "nothing" };
  struct hj_err e = HJ_ERR_INIT;
  make_snapshot();
  CHECK_EQ(hj_manifest_write(temp_path("repo"), COMMIT, "", wrong, 2, &e), HJ_E_NONE);
  CHECK(!is_whole());
}

TEST(a_manifest_that_leads_out_of_the_snapshot_is_not_written)
{
  static const char *const wrong[] = { "../../../x" };
  struct hj_err e = HJ_ERR_INIT;
  make_snapshot();
  CHECK_EQ(hj_manifest_write(temp_path("repo"), COMMIT, "", wrong, 1, &e), HJ_E_NAME);
}

/* Found by the fuzz target "manifest": somebody else's manifest had any file of the machine looked at. */
TEST(a_manifest_that_names_what_is_outside_says_not_whole)
{
  static const char *const names[] = { "../../outside", "sub/../config.json", "./config.json", "sub//dir/weights.bin" };
  char line[1200], path[1200];
  make_snapshot();
  put_text(temp_path("repo/outside"), "not of this snapshot");
  note(); /* makes the folder */
  for (size_t i = 0; i < sizeof names / sizeof names[0] + 1; i++) {
    bool absolute = i == sizeof names / sizeof names[0];
    const char *name = absolute ? temp_path("repo/outside") : names[i];
    (void)snprintf(path, sizeof path, "%s/%s", absolute ? "" : temp_path("repo/snapshots/" COMMIT), name);
    struct stat st;
    CHECK_EQ(stat(path, &st), 0);
    context("%s", name);
    (void)snprintf(line, sizeof line, "%lld %lld %llu %s\nend 1\n", (long long)st.st_size,
                   (long long)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, (unsigned long long)st.st_ino, name);
    put_text(temp_path("repo/.hubjet/whole/" COMMIT), line);
    CHECK(!is_whole());
  }
}

TEST(a_file_from_before_1970_does_not_make_it_less_whole)
{
  const struct timespec then[2] = { { -1000, 5 }, { -1000, 5 } };
  make_snapshot();
  CHECK_EQ(utimensat(AT_FDCWD, temp_path("repo/blobs/b"), then, 0), 0);
  note();
}

TEST(a_manifest_of_nonsense_says_not_whole)
{
  static const char *const texts[] = { "", "end 0", "end 1\n", "x\n", "1 2\n", "1 2 3\n", "9999999999999999999999 1 1 config.json\nend 1\n",
                                       "2 1 1 config.json\n", "\n", "end \n", "-2 1 1 config.json\nend 1\n" };
  make_snapshot();
  note();
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    put_text(temp_path("repo/.hubjet/whole/" COMMIT), texts[i]);
    context("text %zu", i);
    CHECK(!is_whole());
  }
}

static int note_scene(void *user, struct hj_err *e)
{
  (void)user;
  return hj_manifest_write(temp_path("repo"), COMMIT, "", paths, 2, e);
}

static int check_scene(void *user, struct hj_err *e)
{
  bool whole = false;
  size_t files = 0;
  (void)user;
  return hj_manifest_check(temp_path("repo"), COMMIT, "", &whole, &files, e); /* trouble reads as "not whole" */
}

TEST(noting_and_checking_survive_no_memory_and_a_disk_that_fails)
{
  make_snapshot();
  sweep_memory("note", note_scene, NULL);
  sweep_platform("note", note_scene, NULL);
  CHECK(is_whole());
  sweep_memory("check", check_scene, NULL);
  sweep_platform("check", check_scene, NULL);
  CHECK(is_whole());
}

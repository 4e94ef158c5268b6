/* tests/c/test_adopt.c - a file that lies elsewhere gets a name of ours: proven first, its owner's stays as it is. */
#include <stdatomic.h>
#include "store/adopt.h"
#include "store_kit.h"
#include "sweep.h"

#define TEXT "the weights that somebody else has"

static char etag[65];

static const char *repo(void)
{
  static char path[600];
  (void)snprintf(path, sizeof path, "%s/models--o--n", temp_dir());
  return path;
}

static const char *blob(void)
{
  char name[120];
  (void)snprintf(name, sizeof name, "models--o--n/blobs/%s", etag);
  return temp_path(name);
}

static const char *theirs(void) { return temp_path("theirs"); }

static void put_theirs(const char *text, unsigned mode)
{
  (void)unlink(theirs());
  put_text(theirs(), text);
  CHECK(chmod(theirs(), (mode_t)mode) == 0);
  etag_of(HJ_SHA256, TEXT, strlen(TEXT), etag);
}

static struct hj_adopt_way way_of(const char *tactics)
{
  return (struct hj_adopt_way){ .source = theirs(), .tactics = tactics, .size = strlen(TEXT), .mode = 0444 };
}

static bool is_as_before(const struct stat *before)
{
  struct stat now = stat_of(theirs());
  return now.st_ino == before->st_ino && now.st_mode == before->st_mode && now.st_size == before->st_size &&
         now.st_mtim.tv_sec == before->st_mtim.tv_sec && now.st_mtim.tv_nsec == before->st_mtim.tv_nsec &&
         now.st_atim.tv_sec == before->st_atim.tv_sec && now.st_atim.tv_nsec == before->st_atim.tv_nsec;
}

static char take(const char *tactics)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_adopt_way way = way_of(tactics);
  enum hj_blob_state state;
  char how;
  struct stat before = stat_of(theirs());
  CHECK_OK(hj_adopt_blob(repo(), etag, &way, &how, &e), e);
  CHECK(is_as_before(&before));                      /* before we read through what may be a link */
  CHECK_FILE(blob(), TEXT);
  CHECK_OK(hj_record_look(repo(), etag, &state, &e), e);
  CHECK_EQ(state, HJ_BLOB_SAME);
  return how;
}

static enum hj_code refused(const char *tactics)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_adopt_way way = way_of(tactics);
  char how;
  CHECK(hj_adopt_blob(repo(), etag, &way, &how, &e) != 0);
  CHECK(!is_there(blob()));
  return e.code;
}

TEST(a_copy_is_ours_and_its_source_stays_as_it_is)
{
  put_theirs(TEXT, 0644);
  struct stat before = stat_of(theirs());
  CHECK_EQ(take("y"), 'y');
  CHECK_EQ(before.st_nlink, stat_of(theirs()).st_nlink);
  CHECK_EQ(stat_of(blob()).st_mode & 0777, 0444);
  CHECK(stat_of(blob()).st_ino != before.st_ino);
}

TEST(a_link_costs_no_bytes_and_an_edit_behind_it_is_noticed)
{
  struct hj_err e = HJ_ERR_INIT;
  enum hj_blob_state state;
  put_theirs(TEXT, 0644);
  CHECK_EQ(take("cly"), 'l');
  CHECK(S_ISLNK(stat_of(blob()).st_mode));
  put_text(theirs(), "THE weights that somebody else has");
  CHECK_OK(hj_record_look(repo(), etag, &state, &e), e);
  CHECK_EQ(state, HJ_BLOB_CHANGED);
  CHECK(unlink(theirs()) == 0);
  CHECK_OK(hj_record_look(repo(), etag, &state, &e), e);
  CHECK_EQ(state, HJ_BLOB_MISSING);
}

TEST(a_second_name_is_for_files_that_nobody_may_write_to)
{
  put_theirs(TEXT, 0644);
  CHECK_EQ(refused("h"), HJ_E_NONE);
  CHECK_EQ(take("hy"), 'y');
  CHECK(unlink(blob()) == 0);
  CHECK(chmod(theirs(), 0444) == 0);
  struct stat before = stat_of(theirs());
  CHECK_EQ(take("hy"), 'h');
  CHECK_EQ(stat_of(blob()).st_ino, before.st_ino);
}

TEST(no_link_to_what_everybody_may_write_to)
{
  put_theirs(TEXT, 0666);
  CHECK_EQ(refused("l"), HJ_E_NONE);
  CHECK_EQ(refused("c"), HJ_E_NONE);                /* the folder of tests has no clones; test_adopt.py has one that does */
  CHECK_EQ(take("cly"), 'y');
}

TEST(other_bytes_never_get_the_name)
{
  static const char *const all[] = { "y", "l", "cly", "hy" };
  put_theirs("the weightz that somebody else has", 0444);
  for (unsigned i = 0; i < 4; i++)
    CHECK_EQ(refused(all[i]), HJ_E_DIGEST);
  put_theirs("shorter", 0444);
  CHECK_EQ(refused("cly"), HJ_E_SIZE);
  CHECK(unlink(theirs()) == 0);
  CHECK_EQ(refused("cly"), HJ_E_NONE);
  make_dirs(theirs());
  CHECK_EQ(refused("cly"), HJ_E_NONE);
}

TEST(who_loses_the_race_for_the_name_has_won_all_the_same)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_adopt_way way;
  char how;
  put_theirs(TEXT, 0644);
  make_dirs(temp_path("models--o--n/blobs"));
  put_text(blob(), TEXT);
  CHECK_EQ(take("ly"), '=');
  CHECK(unlink(blob()) == 0);
  put_text(blob(), "something else");
  way = way_of("y");
  CHECK_EQ(hj_adopt_blob(repo(), etag, &way, &how, &e), HJ_E_EXISTS);
  CHECK_FILE(blob(), "something else");
  CHECK(unlink(blob()) == 0);
  CHECK(symlink("nowhere", blob()) == 0);
  CHECK_EQ(take("ly"), 'l');
}

TEST(a_stopped_adoption_leaves_nothing)
{
  struct hj_err e = HJ_ERR_INIT;
  atomic_int stop = 1;
  struct hj_adopt_way way;
  char how;
  put_theirs(TEXT, 0644);
  way = way_of("cly");
  way.stop = &stop;
  CHECK_EQ(hj_adopt_blob(repo(), etag, &way, &how, &e), HJ_E_CANCELLED);
  CHECK(!is_there(blob()));
  CHECK(!is_there(temp_path("theirs.tmp")));
}

TEST(what_was_hashed_before_is_not_hashed_again_while_it_is_as_it_was)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_adopt_way way;
  char how;
  put_theirs("the weightz that somebody else has", 0644);   /* other bytes: only who hashes them would know */
  way = way_of("l");
  struct stat st = stat_of(theirs());
  way.known = true;
  way.device = st.st_dev;
  way.inode = st.st_ino;
  way.mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
  CHECK_OK(hj_adopt_blob(repo(), etag, &way, &how, &e), e);
  CHECK(unlink(blob()) == 0);
  way.tactics = "y";                                        /* a copy is digested as it passes, whatever is known */
  CHECK_CODE(hj_adopt_blob(repo(), etag, &way, &how, &e), HJ_E_DIGEST, e);
  hj_err_clear(&e);
  way.tactics = "l";
  way.mtime_ns++;
  CHECK_CODE(hj_adopt_blob(repo(), etag, &way, &how, &e), HJ_E_DIGEST, e);
}

TEST(any_file_may_get_any_name)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_adopt_way way;
  char how;
  put_theirs(TEXT, 0600);
  way = way_of("cy");
  way.mode = 0644;
  CHECK_OK(hj_adopt_file(temp_path("deep/er/mine.bin"), temp_path("side/tmp"), etag, &way, &how, &e), e);
  CHECK_EQ(how, 'y');
  CHECK_FILE(temp_path("deep/er/mine.bin"), TEXT);
  way.tactics = "q";
  CHECK_EQ(hj_adopt_file(temp_path("other.bin"), temp_path("side/tmp"), etag, &way, &how, &e), HJ_E_BADARG);
}

static int adopt_scene(void *user, struct hj_err *e)
{
  struct hj_adopt_way way;
  char how = 0;
  (void)unlink(blob());
  way = way_of(user);
  way.sync = true;
  if (!hj_adopt_blob(repo(), etag, &way, &how, e))
    CHECK_FILE(blob(), TEXT);
  return (int)e->code;
}

TEST(adopting_survives_every_failure)
{
  static char copy[] = "y", link_it[] = "cly", second[] = "h";
  put_theirs(TEXT, 0444);
  sweep_platform("adopt, copied", adopt_scene, copy);
  sweep_platform("adopt, linked", adopt_scene, link_it);
  sweep_platform("adopt, hard link", adopt_scene, second);
  sweep_memory("adopt, copied", adopt_scene, copy);
  sweep_memory("adopt, linked", adopt_scene, link_it);
}

struct kill_job { const char *tactics; int at; };

static void adopt_and_die(void *user)
{
  const struct kill_job *job = user;
  struct hj_adopt_way way = way_of(job->tactics);
  struct hj_err e = HJ_ERR_INIT;
  char how;
  way.sync = true;
  hj_fault_at(job->at, -1);
  (void)hj_adopt_blob(repo(), etag, &way, &how, &e);
}

TEST(a_kill_at_any_call_of_an_adoption_leaves_the_whole_blob_or_none)
{
  static const char *const tactics[] = { "y", "l", "h" };
  for (size_t i = 0; i < 3; i++) {
    struct kill_job job = { tactics[i], 1 };
    for (;; job.at++) {
      struct hj_err e = HJ_ERR_INIT;
      enum hj_blob_state state;
      context("%s, kill at call %d", tactics[i], job.at);
      remove_all(repo());
      put_theirs(TEXT, 0444);
      struct stat before = stat_of(theirs());
      int end = in_child(adopt_and_die, &job);
      CHECK(is_as_before(&before));
      if (is_there(blob())) {
        CHECK_FILE(blob(), TEXT);
        CHECK_OK(hj_record_look(repo(), etag, &state, &e), e);
        CHECK_NE(state, HJ_BLOB_NEW);                /* its owner's edits are noticed from the moment it has its name */
      }
      char how = take(tactics[i]);
      CHECK(how == *tactics[i] || how == '=');
      if (end == 0)
        break;
      CHECK_EQ(end, -SIGKILL);
    }
    CHECK_GT(job.at, 8);
    printf("%s: killed at %d calls\n", tactics[i], job.at - 1);
  }
}

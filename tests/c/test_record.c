/* tests/c/test_record.c - unchanged, edited, never seen: told apart by a stat. */
#include "store/layout.h"
#include "store/record.h"
#include "store/record_int.h"
#include "store_kit.h"
#include "sweep.h"
#include "util/mem.h"

static char etag[65], etag_small[65];

/* Two blobs in a repository, not recorded yet. */
static const char *make_repo(void)
{
  const char *repo = temp_path("models--o--n");
  char path[700];
  make_dirs(temp_path("models--o--n/blobs"));
  etag_of(HJ_SHA256, "large content", 13, etag);
  etag_of(HJ_GIT_SHA1, "small", 5, etag_small);
  (void)snprintf(path, sizeof path, "%s/blobs/%s", repo, etag);
  put_text(path, "large content");
  (void)snprintf(path, sizeof path, "%s/blobs/%s", repo, etag_small);
  put_text(path, "small");
  return repo;
}

static enum hj_blob_state look(const char *repo, const char *of)
{
  struct hj_err e = HJ_ERR_INIT;
  enum hj_blob_state state = HJ_BLOB_MISSING;
  CHECK_OK(hj_record_look(repo, of, &state, &e), e);
  return state;
}

static const char *blob_path(const char *repo, const char *of)
{
  char name[200];
  (void)repo;
  (void)snprintf(name, sizeof name, "models--o--n/blobs/%s", of);
  return temp_path(name);
}

TEST(unchanged_since_proven_is_a_stat_and_an_edit_is_seen)
{
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo(), *blob = blob_path(repo, etag);
  CHECK_EQ(look(repo, etag), HJ_BLOB_NEW);
  CHECK_OK(record_one(repo, etag, &e), e);
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
  CHECK_EQ(look(repo, etag_small), HJ_BLOB_NEW);
  age_path(blob, 5);                                          /* touched */
  CHECK_EQ(look(repo, etag), HJ_BLOB_CHANGED);
  CHECK_OK(record_one(repo, etag, &e), e);
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
  put_text(blob, "large content, edited");
  CHECK_EQ(look(repo, etag), HJ_BLOB_CHANGED);
  CHECK_EQ(unlink(blob), 0);
  CHECK_EQ(look(repo, etag), HJ_BLOB_MISSING);
  CHECK_CODE(record_one(repo, etag, &e), HJ_E_NONE, e);
  CHECK_CODE(record_one(repo, "../../x", &e), HJ_E_NAME, e);
  enum hj_blob_state state;
  CHECK_CODE(hj_record_look(repo, "../../x", &state, &e), HJ_E_NAME, e);
}

TEST(a_replaced_file_of_equal_size_and_time_is_seen_by_its_inode)
{
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo(), *blob = blob_path(repo, etag);
  CHECK_OK(record_one(repo, etag, &e), e);
  struct stat st = stat_of(blob);
  put_text(temp_path("other"), "LARGE CONTENT");
  struct timespec times[2] = { st.st_atim, st.st_mtim };
  CHECK_EQ(utimensat(AT_FDCWD, temp_path("other"), times, 0), 0);
  CHECK_EQ(rename(temp_path("other"), blob), 0);
  CHECK_EQ(look(repo, etag), HJ_BLOB_CHANGED);
}

TEST(proving_hashes_and_renews_the_record)
{
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo();
  bool good = false;
  CHECK_OK(hj_record_prove(repo, etag, NULL, &good, &e), e);
  CHECK(good);
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
  CHECK_OK(hj_record_prove(repo, etag_small, NULL, &good, &e), e);
  CHECK(good);
  CHECK_EQ(look(repo, etag_small), HJ_BLOB_SAME);
  put_text(blob_path(repo, etag), "lArge content");
  CHECK_OK(hj_record_prove(repo, etag, NULL, &good, &e), e);
  CHECK(!good);
  CHECK_EQ(look(repo, etag), HJ_BLOB_CHANGED);
  atomic_int stop = 1;
  CHECK_CODE(hj_record_prove(repo, etag, &stop, &good, &e), HJ_E_CANCELLED, e);
  CHECK_EQ(unlink(blob_path(repo, etag)), 0);
  CHECK_CODE(hj_record_prove(repo, etag, NULL, &good, &e), HJ_E_NONE, e);
}

/* An edit of the same size, and the old time put back: only the time nobody can set tells. */
TEST(an_edit_whose_time_was_put_back_is_seen)
{
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo(), *blob = blob_path(repo, etag);
  struct stat was = stat_of(blob);
  struct timespec times[2] = { was.st_atim, was.st_mtim };
  CHECK_OK(record_one(repo, etag, &e), e);
  put_text(blob, "LARGE CONTENT");
  CHECK_EQ(utimensat(AT_FDCWD, blob, times, 0), 0);
  CHECK_EQ(stat_of(blob).st_mtim.tv_nsec, was.st_mtim.tv_nsec);
  CHECK_EQ(look(repo, etag), HJ_BLOB_CHANGED);
}

TEST(a_line_of_an_earlier_version_is_believed_without_the_time_it_lacks)
{
  const char *repo = make_repo();
  struct stat st = stat_of(blob_path(repo, etag));
  char line[300];
  make_dirs(temp_path("models--o--n/.hubjet"));
  (void)snprintf(line, sizeof line, "%s 13 %lld%09ld %llu\n", etag, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (unsigned long long)st.st_ino);
  put_text(temp_path("models--o--n/.hubjet/record"), line);
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
}

TEST(what_was_served_unproven_is_watched_and_not_believed)
{
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo(), *blob = blob_path(repo, etag);
  bool known, same, good;
  struct hj_stat st;
  CHECK_OK(hj_record_saw(repo, blob, etag, &e), e);
  CHECK_EQ(look(repo, etag), HJ_BLOB_SEEN);
  CHECK_OK(hj_path_stat(blob, true, &st, &e), e);
  CHECK_OK(hj_record_match(repo, etag, &st, &known, &same, &e), e);
  CHECK(!known && !same);
  put_text(blob, "LARGE CONTENT");
  CHECK_EQ(look(repo, etag), HJ_BLOB_CHANGED);
  put_text(blob, "large content");
  CHECK_OK(hj_record_prove(repo, etag, NULL, &good, &e), e);
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
  CHECK_CODE(hj_record_saw(repo, temp_path("none"), etag, &e), HJ_E_NONE, e);
}

/* So that its ctime is another one: the clock of a file system ticks every few milliseconds. */
static void touch_mode(const char *path)
{
  struct timespec was = stat_of(path).st_ctim;
  do
    CHECK_EQ(chmod(path, 0444), 0);
  while (stat_of(path).st_ctim.tv_nsec == was.tv_nsec && stat_of(path).st_ctim.tv_sec == was.tv_sec);
}

/* As a user who may only read, from here on. */
static void shut_for_us(const char *side)
{
  char path[700];
  (void)snprintf(path, sizeof path, "%s/record", side);
  CHECK_EQ(chmod(path, 0444), 0);
  CHECK_EQ(chmod(side, 0555), 0);
  become_nobody();
}

TEST(of_a_touched_file_the_time_of_change_counts_for_who_can_note_what_he_found)
{
  temp_for_all();
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo(), *blob = blob_path(repo, etag), *small = blob_path(repo, etag_small), *side = temp_path("models--o--n/.hubjet");
  bool known, same, good;
  struct hj_stat st;
  uint8_t ops[200];
  size_t opens = 0;
  CHECK_OK(record_one(repo, etag, &e), e);
  CHECK_OK(hj_record_saw(repo, small, etag_small, &e), e);
  CHECK(!hj_record_is_shut(repo));
  touch_mode(blob);
  touch_mode(small);
  CHECK_EQ(look(repo, etag), HJ_BLOB_CHANGED);
  CHECK_EQ(look(repo, etag_small), HJ_BLOB_CHANGED);
  shut_for_us(side);
  CHECK(hj_record_is_shut(repo));
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
  CHECK_EQ(look(repo, etag_small), HJ_BLOB_SEEN);             /* and no more than that */
  CHECK_OK(hj_path_stat(blob, true, &st, &e), e);
  CHECK_OK(hj_record_match(repo, etag, &st, &known, &same, &e), e);
  CHECK(known && same);
  st.mtime_ns++;
  CHECK_OK(hj_record_match(repo, etag, &st, &known, &same, &e), e);
  CHECK(known && !same);
  hj_fault_watch(ops, sizeof ops);                            /* nothing is opened in order to be written to */
  CHECK_CODE(hj_record_add(repo, (const char *const[]){ etag }, 1, &e), HJ_E_DENIED, e);
  CHECK_CODE(hj_record_saw(repo, small, etag_small, &e), HJ_E_DENIED, e);
  hj_fault_watch(NULL, 0);
  for (size_t i = 0; i < hj_fault_watched(); i++)
    opens += ops[i] == HJ_OP_OPEN || ops[i] == HJ_OP_MKDIR;
  CHECK_EQ(opens, 0);
  CHECK_OK(hj_record_prove(repo, etag, NULL, &good, &e), e);
  CHECK(good);
  become_again();
  CHECK_EQ(chmod(side, 0755), 0);
  CHECK_EQ(chmod(temp_path("models--o--n/.hubjet/record"), 0644), 0);
  CHECK_EQ(look(repo, etag), HJ_BLOB_CHANGED);
}

/* Two plain files of one content, each with a line of its own. */
TEST(plain_files_are_known_by_their_inodes)
{
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo();
  char a[300], b[300];
  struct hj_stat st;
  enum hj_blob_state state;
  (void)snprintf(a, sizeof a, "%s", temp_path("a"));
  (void)snprintf(b, sizeof b, "%s", temp_path("b"));
  put_text(a, "large content");
  put_text(b, "large content");
  const char *all[] = { a, b };
  for (int i = 0; i < 2; i++) {
    CHECK_OK(hj_path_stat(all[i], true, &st, &e), e);
    CHECK_OK(hj_record_note(repo, etag, &st, &e), e);
  }
  for (int i = 0; i < 2; i++)
    for (int known = 0; known < 2; known++) {
      CHECK_OK(hj_record_look_plain(repo, all[i], known ? etag : NULL, &state, &e), e);
      CHECK_EQ(state, HJ_BLOB_SAME);
    }
  put_text(a, "LARGE CONTENT");
  CHECK_OK(hj_record_look_plain(repo, a, NULL, &state, &e), e);
  CHECK_EQ(state, HJ_BLOB_CHANGED);
  CHECK_OK(hj_record_look_plain(repo, blob_path(repo, etag_small), NULL, &state, &e), e);
  CHECK_EQ(state, HJ_BLOB_NEW);
  CHECK_OK(hj_record_look_plain(repo, temp_path("none"), etag, &state, &e), e);
  CHECK_EQ(state, HJ_BLOB_MISSING);
}

TEST(a_blob_behind_two_links_is_recorded)
{
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo(), *blob = blob_path(repo, etag);
  make_dirs(temp_path("blobs/ab"));
  CHECK_EQ(rename(blob, temp_path("blobs/ab/payload")), 0);
  CHECK_EQ(symlink("../../blobs/ab/payload", blob), 0);
  CHECK_OK(record_one(repo, etag, &e), e);
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
  CHECK_EQ(unlink(temp_path("blobs/ab/payload")), 0);
  CHECK_EQ(look(repo, etag), HJ_BLOB_MISSING);
}

TEST(a_broken_record_is_read_as_far_as_it_makes_sense)
{
  static const char *const lines[] = {
    "", "\n\n", "garbage\n", "%s\n", "%s 13\n", "%s 13 1 1 1 1\n", "%s 13 1 1 1seen\n", "%s seen\n", "%s 13 1 seen\n", "%s 13 1 1 1 seen \n", "%s 13 1 -1\n", "%s 13  1 1\n", "%s 13 1 1", " %s 13 1 1\n", "%s 99999999999999999999 1 1\n",
    "%.39s 13 1 1\n", "%sa 13 1 1\n", "%s 13 1 1x\n", "%s x13 1 1\n",
  };
  const char *repo = make_repo(), *record = temp_path("models--o--n/.hubjet/record");
  make_dirs(temp_path("models--o--n/.hubjet"));
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    char text[300];
    context("row %zu", i);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(text, sizeof text, lines[i], etag);
#pragma GCC diagnostic pop
    put_text(record, text);
    CHECK_EQ(look(repo, etag), HJ_BLOB_NEW);
  }
  char text[300];
  (void)snprintf(text, sizeof text, "garbage\n%s 12 1 1\n\n%s 13", etag, etag);
  put_text(record, text);
  CHECK_EQ(look(repo, etag), HJ_BLOB_CHANGED);
  uint8_t noise[5000];
  fill_bytes(noise, sizeof noise, 3);
  put_file(record, noise, sizeof noise);
  CHECK_EQ(look(repo, etag), HJ_BLOB_NEW);
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(record_one(repo, etag, &e), e);       /* the first line after noise is lost with it; the next one counts */
  CHECK_OK(record_one(repo, etag, &e), e);
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
}

TEST(the_record_does_not_grow_with_every_proof)
{
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo();
  CHECK_OK(record_one(repo, etag_small, &e), e);
  off_t most = 0;
  for (int i = 0; i < 3000; i++) {
    CHECK_OK(record_one(repo, etag, &e), e);
    off_t size = stat_of(temp_path("models--o--n/.hubjet/record")).st_size;
    most = size > most ? size : most;
  }
  CHECK_LT(most, 40000);
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
  CHECK_EQ(look(repo, etag_small), HJ_BLOB_SAME);
  CHECK_EQ(entries(temp_path("models--o--n/.hubjet"), NULL), 1);
}

TEST(of_an_endless_record_the_end_counts)
{
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo(), *record = temp_path("models--o--n/.hubjet/record");
  CHECK_OK(record_one(repo, etag, &e), e);
  char line[200];
  FILE *f = fopen(record, "r");
  CHECK(f && fgets(line, sizeof line, f));
  fclose(f);
  f = fopen(record, "w");
  CHECK(f);
  CHECK_EQ(fseek(f, 20 << 20, SEEK_SET), 0);         /* a hole, then the line */
  CHECK_EQ(fputc('\n', f), '\n');
  CHECK(fputs(line, f) >= 0);
  CHECK_EQ(fclose(f), 0);
  hj_mem_mark();
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
  CHECK_LT(hj_mem_peak_bytes(), (16 << 20) + 100000);
}

static void add_often(void *user)
{
  struct hj_err e = HJ_ERR_INIT;
  for (int i = 0; i < 400; i++)
    if (record_one(user, i % 2 ? etag : etag_small, &e))
      _exit(1);
}

TEST(appends_of_many_processes_keep_their_lines_whole)
{
  const char *repo = make_repo();
  pid_t child[3];
  for (int i = 0; i < 3; i++)
    child[i] = start_child(add_often, (void *)(uintptr_t)repo);
  for (int i = 0; i < 3; i++)
    CHECK_EQ(end_of(child[i]), 0);
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
  FILE *f = fopen(temp_path("models--o--n/.hubjet/record"), "r");
  char line[300];
  CHECK(f);
  while (fgets(line, sizeof line, f)) {
    CHECK(strspn(line, "0123456789abcdef") == 64 || strspn(line, "0123456789abcdef") == 40);
    CHECK(strchr(line, '\n'));
  }
  fclose(f);
}

static int record_scene(void *user, struct hj_err *e)
{
  const char *const *paths = user;
  enum hj_blob_state state;
  bool good;
  remove_all(paths[1]);
  if (hj_record_look(paths[0], etag, &state, e))
    return (int)e->code;
  CHECK_EQ(state, HJ_BLOB_NEW);
  if (record_one(paths[0], etag, e) || hj_record_look(paths[0], etag, &state, e))
    return (int)e->code;
  CHECK_EQ(state, HJ_BLOB_SAME);
  if (hj_record_prove(paths[0], etag_small, NULL, &good, e))
    return (int)e->code;
  CHECK(good);
  return HJ_E_OK;
}

static int compact_scene(void *user, struct hj_err *e)
{
  const char *const *paths = user;
  enum hj_blob_state state;
  static char text[33000];
  size_t n = 0;
  make_dirs(paths[1]);
  while (n < 32700)                         /* one more line and it is looked at */
    n += (size_t)snprintf(text + n, sizeof text - n, "%s 1 1 1\n", etag_small);
  put_text(paths[2], text);
  if (record_one(paths[0], etag, e) || hj_record_look(paths[0], etag, &state, e))
    return (int)e->code;
  CHECK_EQ(state, HJ_BLOB_SAME);
  if (hj_record_look(paths[0], etag_small, &state, e))
    return (int)e->code;
  CHECK_EQ(state, HJ_BLOB_CHANGED);
  return HJ_E_OK;
}

TEST(records_survive_every_failure)
{
  const char *paths[] = { make_repo(), temp_path("models--o--n/.hubjet"), temp_path("models--o--n/.hubjet/record") };
  sweep_memory("record", record_scene, paths);
  sweep_platform("record", record_scene, paths);
  sweep_memory("record, rewritten", compact_scene, paths);
  sweep_platform("record, rewritten", compact_scene, paths);
}

/* ---- many ---- */

TEST(many_are_noted_in_one_write_and_a_missing_one_hinders_none)
{
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo();
  const char *all[] = { etag, "00000000000000000000000000000000000000ff", etag_small };
  CHECK_CODE(hj_record_add(repo, all, 3, &e), HJ_E_NONE, e);
  CHECK_EQ(look(repo, etag), HJ_BLOB_SAME);
  CHECK_EQ(look(repo, etag_small), HJ_BLOB_SAME);
  CHECK_OK(hj_record_add(repo, all, 0, &e), e);
}

/* Each look at the whole record is one read of it. 4,000 blobs are 340 KB of lines: doublings at 32, 64, 128 and 256 KB; every 32 KB
 * would be ten. All are different ones: of two that take turns a look would leave two lines, and the record would never grow. */
TEST(a_growing_record_is_looked_through_at_its_doublings_only)
{
  enum { N = 4000 };
  struct hj_err e = HJ_ERR_INIT;
  const char *repo = make_repo();
  char first[700], path[700], name[65];
  static uint8_t ops[1 << 20];
  unsigned reads = 0;
  (void)snprintf(first, sizeof first, "%s/blobs/%s", repo, etag_small);
  for (int i = 0; i < N; i++) {
    (void)snprintf(path, sizeof path, "%s/blobs/%064x", repo, (unsigned)i);
    CHECK_EQ(link(first, path), 0);
  }
  hj_fault_watch(ops, sizeof ops);
  for (int i = 0; i < N; i++) {
    (void)snprintf(name, sizeof name, "%064x", (unsigned)i);
    CHECK_OK(record_one(repo, name, &e), e);
  }
  hj_fault_watch(NULL, 0);
  CHECK_LT(hj_fault_watched(), sizeof ops);
  for (size_t i = 0; i < hj_fault_watched(); i++)
    reads += ops[i] == HJ_OP_READ;
  CHECK_LT(0, reads);
  CHECK_LT(reads, 6);
}

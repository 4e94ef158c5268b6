/* tests/c/test_dir.c - folders. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "plat/fault.h"
#include "plat/plat.h"
#include "sweep.h"

static enum hj_kind kind(const char *path)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_stat st = { .kind = HJ_KIND_NONE };
  (void)hj_path_stat(path, false, &st, &e);
  return st.kind;
}

TEST(one_folder_is_made_once)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(hj_dir_make(temp_path("a"), &e), e);
  CHECK_CODE(hj_dir_make(temp_path("a"), &e), HJ_E_EXISTS, e);
  CHECK_CODE(hj_dir_make(temp_path("x/y"), &e), HJ_E_NONE, e);
  put_text(temp_path("file"), "");
  CHECK_CODE(hj_dir_make(temp_path("file"), &e), HJ_E_EXISTS, e);
  CHECK_CODE(hj_dir_remove(temp_path("file"), &e), HJ_E_NONE, e);
  put_text(temp_path("a/x"), "");
  CHECK_CODE(hj_dir_remove(temp_path("a"), &e), HJ_E_EXISTS, e);
  CHECK_OK(hj_path_remove(temp_path("a/x"), &e), e);
  CHECK_OK(hj_dir_remove(temp_path("a"), &e), e);
  CHECK_CODE(hj_dir_remove(temp_path("a"), &e), HJ_E_NONE, e);
}

TEST(folders_are_made_with_their_parents)
{
  static const char *const rows[] = { "a/b/c/d", "a/b/c/d", "a", "e//f///g", "e/f/g/", "h", "h/", "e/./i", "l/j" };
  struct hj_err e = HJ_ERR_INIT;
  CHECK(mkdir(temp_path("real"), 0700) == 0);
  CHECK(symlink("real", temp_path("l")) == 0);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("%s", rows[i]);
    CHECK_OK(hj_dir_make_all(temp_path(rows[i]), &e), e);
    CHECK_EQ(kind(temp_path(rows[i])), HJ_KIND_DIR);
  }
  CHECK_EQ(kind(temp_path("real/j")), HJ_KIND_DIR);
  CHECK_OK(hj_dir_make_all("/", &e), e);
  CHECK_OK(hj_dir_make_parents(temp_path("p/q/file"), &e), e);
  CHECK_EQ(kind(temp_path("p/q")), HJ_KIND_DIR);
  CHECK_EQ(kind(temp_path("p/q/file")), HJ_KIND_NONE);
  CHECK_OK(hj_dir_make_parents("/x", &e), e);
  CHECK_OK(hj_dir_make_parents("x", &e), e);
}

TEST(what_is_in_the_way_of_a_folder_exists)
{
  struct hj_err e = HJ_ERR_INIT;
  put_text(temp_path("file"), "kept");
  CHECK(symlink("nowhere", temp_path("dangling")) == 0);
  CHECK(symlink("file", temp_path("tofile")) == 0);
  CHECK_CODE(hj_dir_make_all(temp_path("file"), &e), HJ_E_EXISTS, e);
  CHECK_CODE(hj_dir_make_all(temp_path("file/a/b"), &e), HJ_E_EXISTS, e);
  CHECK_CODE(hj_dir_make_all(temp_path("tofile/a"), &e), HJ_E_EXISTS, e);
  CHECK_CODE(hj_dir_make_all(temp_path("dangling/a"), &e), HJ_E_EXISTS, e);
  CHECK_CODE(hj_dir_make_all(temp_path("dangling"), &e), HJ_E_EXISTS, e);
  CHECK_FILE(temp_path("file"), "kept");
  CHECK_EQ(kind(temp_path("nowhere")), HJ_KIND_NONE);
}

TEST(another_process_that_makes_the_folder_first_is_no_failure)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK(mkdir(temp_path("a"), 0700) == 0);
  hj_fault_at(1, ENOENT);   /* looked too early: not there; mkdir() then says EEXIST */
  CHECK_OK(hj_dir_make_all(temp_path("a"), &e), e);
  hj_fault_at(0, 0);
}

struct seen { int n; bool a, b, hidden; int stop_at; };

static int see(void *user, const char *name, struct hj_err *e)
{
  struct seen *s = user;
  s->n++;
  s->a |= strcmp(name, "a") == 0;
  s->b |= strcmp(name, "b") == 0;
  s->hidden |= strcmp(name, ".hidden") == 0;
  CHECK(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
  return s->n == s->stop_at ? hj_fail(e, HJ_E_STALE, "enough") : HJ_E_OK;
}

TEST(a_list_shows_each_entry_once)
{
  struct hj_err e = HJ_ERR_INIT;
  struct seen s = { 0 };
  CHECK_OK(hj_dir_list(temp_dir(), see, &s, &e), e);
  CHECK_EQ(s.n, 0);
  put_text(temp_path("a"), "");
  put_text(temp_path(".hidden"), "");
  CHECK(mkdir(temp_path("b"), 0700) == 0);
  CHECK_OK(hj_dir_list(temp_dir(), see, &s, &e), e);
  CHECK_EQ(s.n, 3);
  CHECK(s.a && s.b && s.hidden);
  s = (struct seen){ .stop_at = 2 };
  unsigned open = open_files();
  CHECK_CODE(hj_dir_list(temp_dir(), see, &s, &e), HJ_E_STALE, e);
  CHECK_EQ(s.n, 2);
  CHECK_EQ(open_files(), open);
  CHECK_CODE(hj_dir_list(temp_path("none"), see, &s, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_dir_list(temp_path("a"), see, &s, &e), HJ_E_NONE, e);
}

static void make_tree(void)
{
  CHECK(mkdir(temp_path("t"), 0700) == 0);
  CHECK(mkdir(temp_path("t/d"), 0700) == 0);
  CHECK(mkdir(temp_path("t/d/e"), 0700) == 0);
  CHECK(mkdir(temp_path("out"), 0700) == 0);
  put_text(temp_path("out/kept"), "kept");
  put_text(temp_path("t/x"), "");
  put_text(temp_path("t/d/y"), "");
  put_text(temp_path("t/d/e/z"), "");
  CHECK(chmod(temp_path("t/d/e/z"), 0444) == 0);
  CHECK(symlink("../../out", temp_path("t/d/link")) == 0);
  CHECK(symlink("../out/kept", temp_path("t/filelink")) == 0);
  CHECK(symlink("nowhere", temp_path("t/dangling")) == 0);
  CHECK(mkfifo(temp_path("t/pipe"), 0600) == 0);
}

TEST(removing_a_tree_follows_no_link)
{
  struct hj_err e = HJ_ERR_INIT;
  make_tree();
  CHECK_OK(hj_dir_remove_tree(temp_path("t"), &e), e);
  CHECK_EQ(kind(temp_path("t")), HJ_KIND_NONE);
  CHECK_FILE(temp_path("out/kept"), "kept");
  CHECK_OK(hj_dir_remove_tree(temp_path("t"), &e), e);   /* nothing there: as wanted */
}

TEST(a_link_or_a_file_is_not_removed_as_a_tree)
{
  struct hj_err e = HJ_ERR_INIT;
  make_tree();
  CHECK(symlink("out", temp_path("l")) == 0);
  CHECK_CODE(hj_dir_remove_tree(temp_path("l"), &e), HJ_E_DENIED, e);
  CHECK_CODE(hj_dir_remove_tree(temp_path("out/kept"), &e), HJ_E_DENIED, e);
  CHECK_EQ(kind(temp_path("l")), HJ_KIND_LINK);
  CHECK_FILE(temp_path("out/kept"), "kept");
}

static void make_deep(const char *top, int levels)
{
  char path[1024];
  size_t n = (size_t)snprintf(path, sizeof path, "%s", temp_path(top));
  CHECK(mkdir(path, 0700) == 0);
  for (int i = 1; i < levels; i++) {
    n += (size_t)snprintf(path + n, sizeof path - n, "/d");
    CHECK(mkdir(path, 0700) == 0);
  }
}

TEST(a_tree_is_removed_to_a_stated_depth)
{
  struct hj_err e = HJ_ERR_INIT;
  unsigned open = open_files();
  make_deep("just", 64);
  CHECK_OK(hj_dir_remove_tree(temp_path("just"), &e), e);
  make_deep("deep", 65);
  CHECK_CODE(hj_dir_remove_tree(temp_path("deep"), &e), HJ_E_NAME, e);
  CHECK_EQ(open_files(), open);
}

TEST(a_folder_of_many_files_is_removed)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK(mkdir(temp_path("m"), 0700) == 0);
  for (int i = 0; i < 3000; i++) {
    char path[300];
    (void)snprintf(path, sizeof path, "%s/m/%d", temp_dir(), i);
    put_text(path, "");
  }
  CHECK_OK(hj_dir_remove_tree(temp_path("m"), &e), e);
  CHECK_EQ(kind(temp_path("m")), HJ_KIND_NONE);
}

TEST(a_folder_that_cannot_be_synced_is_no_failure)
{
  static const int tolerated[] = { EINVAL, ENOSYS, ENOTSUP, EBADF, EACCES };
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(hj_dir_sync(temp_dir(), &e), e);
  for (size_t i = 0; i < sizeof tolerated / sizeof tolerated[0]; i++) {
    hj_fault_at(1, tolerated[i]);
    CHECK_OK(hj_dir_sync(temp_dir(), &e), e);
  }
  hj_fault_at(1, EIO);
  CHECK_CODE(hj_dir_sync(temp_dir(), &e), HJ_E_IO, e);
  hj_fault_at(0, 0);
  CHECK_CODE(hj_dir_sync(temp_path("none"), &e), HJ_E_NONE, e);
}

static int build_and_remove(void *user, struct hj_err *e)
{
  struct seen s = { 0 };
  (void)user;
  if (hj_dir_make_all(temp_path("r/a/c"), e) || hj_dir_make_parents(temp_path("r/b/x"), e))
    return (int)e->code;
  put_text(temp_path("r/a/x"), "");
  if (hj_dir_list(temp_path("r"), see, &s, e))
    return (int)e->code;
  CHECK(s.a && s.b && s.n == 2);
  if (hj_dir_sync(temp_path("r"), e) || hj_dir_remove(temp_path("r/b"), e) || hj_dir_make(temp_path("r/b"), e) ||
      hj_dir_remove_tree(temp_path("r"), e))
    return (int)e->code;
  CHECK_EQ(kind(temp_path("r")), HJ_KIND_NONE);
  return HJ_E_OK;
}

TEST(every_call_on_folders_reports_its_failure)
{
  CHECK_GE(sweep_platform("folders", build_and_remove, NULL), 20);
  CHECK_GE(sweep_memory("folders", build_and_remove, NULL), 2);
}

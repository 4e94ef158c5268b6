/* tests/c/test_file.c - one open file, and one file by its name. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "plat/fault.h"
#include "plat/plat.h"
#include "sweep.h"

static struct hj_stat look(const char *path)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_stat st;
  CHECK_OK(hj_path_stat(path, false, &st, &e), e);
  return st;
}

TEST(what_is_written_at_an_offset_is_read_there)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  char got[16];
  size_t n;
  CHECK_OK(hj_file_open(&f, temp_path("x"), HJ_OPEN_NEW, 0600, &e), e);
  CHECK_OK(hj_file_write_at(&f, 6, "world", 5, &e), e);
  CHECK_OK(hj_file_write_at(&f, 0, "hello", 5, &e), e);
  CHECK_OK(hj_file_write_at(&f, 3, "", 0, &e), e);
  CHECK_OK(hj_file_read_at(&f, 0, got, sizeof got, &n, &e), e);
  CHECK_EQ(n, 11);
  CHECK_MEM(got, "hello\0world", 11);
  CHECK_OK(hj_file_read_at(&f, 6, got, 3, &n, &e), e);
  CHECK_EQ(n, 3);
  CHECK_MEM(got, "wor", 3);
  CHECK_OK(hj_file_read_at(&f, 11, got, 3, &n, &e), e);
  CHECK_EQ(n, 0);
  CHECK_OK(hj_file_read_at(&f, 1000, got, 3, &n, &e), e);
  CHECK_EQ(n, 0);
  hj_file_close(&f);
  CHECK_EQ(f.fd, -1);
  hj_file_close(&f);
}

TEST(offsets_are_64_bits_wide)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  struct hj_stat st;
  char got[4];
  size_t n;
  const uint64_t far = (5ull << 30) + 7;
  CHECK_OK(hj_file_open(&f, temp_path("x"), HJ_OPEN_NEW, 0600, &e), e);
  CHECK_OK(hj_file_write_at(&f, far, "far", 3, &e), e);
  CHECK_OK(hj_file_stat(&f, &st, &e), e);
  CHECK_EQ(st.size, far + 3);
  CHECK_LT(st.held, 1 << 20);   /* sparse */
  CHECK_OK(hj_file_read_at(&f, far, got, 4, &n, &e), e);
  CHECK_EQ(n, 3);
  CHECK_MEM(got, "far", 3);
  CHECK_EQ(hj_file_write_at(&f, UINT64_MAX - 1, "x", 1, &e), HJ_E_IO);
  CHECK_EQ(e.sys, EFBIG);
  hj_err_clear(&e);
  CHECK_CODE(hj_file_write_at(&f, INT64_MAX, "x", 1, &e), HJ_E_IO, e);
  CHECK_CODE(hj_file_read_at(&f, UINT64_MAX, got, 1, &n, &e), HJ_E_IO, e);
  CHECK_CODE(hj_file_resize(&f, UINT64_MAX, &e), HJ_E_IO, e);
  CHECK_CODE(hj_file_reserve(&f, UINT64_MAX, &e), HJ_E_NOSPACE, e);
  hj_fault_always(HJ_OP_FREE, EIO);   /* where free space cannot be told */
  CHECK_EQ(hj_file_reserve(&f, UINT64_MAX, &e), HJ_E_IO);
  CHECK_EQ(e.sys, EFBIG);
  hj_err_clear(&e);
  hj_fault_always(HJ_OP_FREE, 0);
  hj_file_close(&f);
}

TEST(each_way_to_open_keeps_its_word)
{
  enum { ABSENT, PLAIN, LINK, DANGLING, FOLDER, KINDS };
  static const struct { enum hj_open how; enum hj_code answer[KINDS]; } rows[] = {
    { HJ_OPEN_READ, { HJ_E_NONE, HJ_E_OK, HJ_E_OK, HJ_E_NONE, HJ_E_OK } },
    { HJ_OPEN_NEW, { HJ_E_OK, HJ_E_EXISTS, HJ_E_EXISTS, HJ_E_EXISTS, HJ_E_EXISTS } },
    { HJ_OPEN_UPDATE, { HJ_E_NONE, HJ_E_OK, HJ_E_DENIED, HJ_E_DENIED, HJ_E_DENIED } },
    { HJ_OPEN_APPEND, { HJ_E_OK, HJ_E_OK, HJ_E_DENIED, HJ_E_DENIED, HJ_E_DENIED } },
    { HJ_OPEN_LOCK, { HJ_E_OK, HJ_E_OK, HJ_E_DENIED, HJ_E_DENIED, HJ_E_DENIED } },
  };
  struct hj_err e = HJ_ERR_INIT;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    for (int kind = 0; kind < KINDS; kind++) {
      hj_file f = HJ_FILE_INIT;
      char name[32];
      (void)snprintf(name, sizeof name, "%zu-%d", i, kind);
      const char *path = temp_path(name);
      context("way %d, kind %d", (int)rows[i].how, kind);
      if (kind == PLAIN)
        put_text(path, "content");
      else if (kind == LINK)
        CHECK(symlink("target", path) == 0);
      else if (kind == DANGLING)
        CHECK(symlink(name + 1, path) == 0);
      else if (kind == FOLDER)
        CHECK(mkdir(path, 0700) == 0);
      put_text(temp_path("target"), "content");
      CHECK_CODE(hj_file_open(&f, path, rows[i].how, 0600, &e), rows[i].answer[kind], e);
      CHECK_EQ(f.fd >= 0, rows[i].answer[kind] == HJ_E_OK);
      if (f.fd >= 0)
        CHECK(fcntl(f.fd, F_GETFD) & FD_CLOEXEC);
      hj_file_close(&f);
      if (kind == PLAIN)
        CHECK_FILE(path, "content");
    }
  hj_file f = HJ_FILE_INIT;
  CHECK_CODE(hj_file_open(&f, temp_path("z"), (enum hj_open)99, 0600, &e), HJ_E_BUG, e);
}

TEST(a_fifo_in_the_way_does_not_hang_a_reader)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  struct hj_stat st;
  (void)alarm(20);
  CHECK(mkfifo(temp_path("pipe"), 0600) == 0);
  CHECK_OK(hj_file_open(&f, temp_path("pipe"), HJ_OPEN_READ, 0, &e), e);
  CHECK_OK(hj_file_stat(&f, &st, &e), e);
  CHECK_EQ(st.kind, HJ_KIND_OTHER);
  hj_file_close(&f);
  (void)alarm(0);
}

TEST(a_fifo_in_the_way_does_not_hang_a_writer)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  (void)alarm(20);
  CHECK(mkfifo(temp_path("pipe"), 0600) == 0);
  CHECK_NE(hj_file_open(&f, temp_path("pipe"), HJ_OPEN_APPEND, 0600, &e), HJ_E_OK);
  CHECK_EQ(f.fd, -1);
  (void)alarm(0);
}

TEST(appending_never_overwrites)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file a = HJ_FILE_INIT, b = HJ_FILE_INIT;
  const char *path = temp_path("log");
  put_text(path, "0");
  CHECK_OK(hj_file_open(&a, path, HJ_OPEN_APPEND, 0600, &e), e);
  CHECK_OK(hj_file_open(&b, path, HJ_OPEN_APPEND, 0600, &e), e);
  CHECK_OK(hj_file_append(&a, "aa", 2, &e), e);
  CHECK_OK(hj_file_append(&b, "b", 1, &e), e);
  CHECK_OK(hj_file_append(&a, "c", 1, &e), e);
  CHECK_OK(hj_file_append(&a, "", 0, &e), e);
  hj_file_close(&a);
  hj_file_close(&b);
  CHECK_FILE(path, "0aabc");
}

TEST(a_reservation_takes_real_blocks_and_keeps_content)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  struct hj_stat st;
  CHECK_OK(hj_file_open(&f, temp_path("x"), HJ_OPEN_NEW, 0600, &e), e);
  CHECK_OK(hj_file_write_at(&f, 0, "kept", 4, &e), e);
  CHECK_OK(hj_file_reserve(&f, 1 << 20, &e), e);
  CHECK_OK(hj_file_stat(&f, &st, &e), e);
  CHECK_EQ(st.size, 1 << 20);
  if (st.held < 1 << 20)
    skip("the temporary folder's file system has no fallocate");
  CHECK_OK(hj_file_reserve(&f, 10, &e), e);
  CHECK_OK(hj_file_reserve(&f, 0, &e), e);
  CHECK_OK(hj_file_stat(&f, &st, &e), e);
  CHECK_EQ(st.size, 1 << 20);
  char got[5] = "";
  size_t n;
  CHECK_OK(hj_file_read_at(&f, 0, got, 4, &n, &e), e);
  CHECK_STR(got, "kept");
  CHECK_OK(hj_file_resize(&f, 2, &e), e);
  CHECK_OK(hj_file_stat(&f, &st, &e), e);
  CHECK_EQ(st.size, 2);
  hj_file_close(&f);
}

TEST(without_fallocate_the_size_is_sparse_and_never_shrinks)
{
  static const int answers[] = { EOPNOTSUPP, ENOSYS, EINVAL };
  for (size_t i = 0; i < 3; i++) {
    struct hj_err e = HJ_ERR_INIT;
    hj_file f = HJ_FILE_INIT;
    struct hj_stat st;
    char name[8];
    (void)snprintf(name, sizeof name, "%zu", i);
    CHECK_OK(hj_file_open(&f, temp_path(name), HJ_OPEN_NEW, 0600, &e), e);
    hj_fault_at(2, answers[i]);   /* 1: the question for free space, 2: fallocate */
    CHECK_OK(hj_file_reserve(&f, 1 << 20, &e), e);
    CHECK_EQ(hj_fault_fired(), 1);
    CHECK_EQ(hj_fault_op(), HJ_OP_RESERVE);
    CHECK_OK(hj_file_stat(&f, &st, &e), e);
    CHECK_EQ(st.size, 1 << 20);
    CHECK_EQ(st.held, 0);
    hj_fault_at(2, answers[i]);
    CHECK_OK(hj_file_reserve(&f, 10, &e), e);
    hj_fault_at(0, 0);
    CHECK_OK(hj_file_stat(&f, &st, &e), e);
    CHECK_EQ(st.size, 1 << 20);
    hj_file_close(&f);
  }
}

TEST(too_little_space_is_told_before_anything_is_taken)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  struct hj_stat st;
  uint64_t free_bytes;
  CHECK_OK(hj_disk_free(temp_dir(), &free_bytes, &e), e);
  CHECK_OK(hj_file_open(&f, temp_path("x"), HJ_OPEN_NEW, 0600, &e), e);
  CHECK_EQ(hj_file_reserve(&f, 2 * free_bytes + (1 << 30), &e), HJ_E_NOSPACE);
  CHECK_EQ(e.sys, ENOSPC);
  CHECK_HAS(e.msg, "bytes are needed");
  CHECK_HAS(e.msg, "are free");
  hj_err_clear(&e);
  CHECK_OK(hj_file_stat(&f, &st, &e), e);
  CHECK_EQ(st.size, 0);
  CHECK_EQ(st.held, 0);
  hj_fault_at(1, EIO);            /* not being able to ask is no reason to refuse */
  CHECK_OK(hj_file_reserve(&f, 4096, &e), e);
  CHECK_EQ(hj_fault_fired(), 2);
  hj_fault_at(0, 0);
  hj_file_close(&f);
}

TEST(a_full_disk_is_no_space)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  CHECK_OK(hj_file_open(&f, "/dev/full", HJ_OPEN_UPDATE, 0, &e), e);
  CHECK_EQ(hj_file_write_at(&f, 0, "x", 1, &e), HJ_E_NOSPACE);
  CHECK_EQ(e.sys, ENOSPC);
  hj_err_clear(&e);
  CHECK_CODE(hj_file_append(&f, "x", 1, &e), HJ_E_NOSPACE, e);
  hj_file_close(&f);
}

TEST(a_limit_on_the_size_is_reported_after_a_short_write)
{
  /* RLIMIT_FSIZE takes the first bytes and refuses the rest, as a quota or a disk that fills up does. */
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  struct rlimit before, small = { 4096, 4096 };
  char piece[8192] = "";
  (void)signal(SIGXFSZ, SIG_IGN);
  CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
  small.rlim_max = before.rlim_max;
  CHECK_OK(hj_file_open(&f, temp_path("x"), HJ_OPEN_NEW, 0600, &e), e);
  CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
  int at = hj_file_write_at(&f, 0, piece, sizeof piece, &e), sys = e.sys;
  hj_err_clear(&e);
  int append = hj_file_append(&f, piece, sizeof piece, &e);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK_EQ(at, HJ_E_IO);
  CHECK_EQ(sys, EFBIG);
  CHECK_EQ(append, HJ_E_IO);
  CHECK_EQ(look(temp_path("x")).size, 4096);
  hj_file_close(&f);
}

TEST(permissions_are_set_exactly)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  mode_t before = umask(077);
  const char *path = temp_path("x");
  CHECK_OK(hj_file_open(&f, path, HJ_OPEN_NEW, 0666, &e), e);
  CHECK_EQ(look(path).mode, 0600);   /* less umask */
  CHECK_OK(hj_file_mode(&f, 0444, &e), e);
  CHECK_EQ(look(path).mode, 0444);
  CHECK_OK(hj_path_mode(path, 0751, &e), e);
  CHECK_EQ(look(path).mode, 0751);
  hj_file_close(&f);
  (void)umask(before);
  CHECK_CODE(hj_path_mode(temp_path("none"), 0600, &e), HJ_E_NONE, e);
}

TEST(a_lock_excludes_others_until_it_is_closed)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file a = HJ_FILE_INIT, b = HJ_FILE_INIT;
  const char *path = temp_path("lock");
  int up[2], status;
  char byte;
  CHECK_OK(hj_file_open(&a, path, HJ_OPEN_LOCK, 0600, &e), e);
  CHECK_OK(hj_file_open(&b, path, HJ_OPEN_LOCK, 0600, &e), e);
  CHECK_OK(hj_file_lock(&a, &e), e);
  CHECK_OK(hj_file_lock(&a, &e), e);          /* its holder may ask again */
  CHECK_CODE(hj_file_lock(&b, &e), HJ_E_BUSY, e);
  hj_file_close(&a);
  CHECK(pipe(up) == 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    (void)hj_file_open(&a, path, HJ_OPEN_LOCK, 0600, &e);
    int rc = hj_file_lock(&a, &e);
    (void)!write(up[1], rc ? "n" : "y", 1);
    for (;;)
      (void)pause();
  }
  CHECK_EQ(read(up[0], &byte, 1), 1);
  CHECK_EQ(byte, 'y');
  CHECK_CODE(hj_file_lock(&b, &e), HJ_E_BUSY, e);
  CHECK(kill(child, SIGKILL) == 0);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_OK(hj_file_lock(&b, &e), e);          /* the dead hold nothing */
  hj_file_close(&b);
  (void)close(up[0]);
  (void)close(up[1]);
}

TEST(a_file_system_without_locks_says_none)
{
  static const int answers[] = { ENOSYS, ENOLCK, EINVAL, ENOTSUP };
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  CHECK_OK(hj_file_open(&f, temp_path("x"), HJ_OPEN_LOCK, 0600, &e), e);
  for (size_t i = 0; i < 4; i++) {
    hj_fault_at(1, answers[i]);
    CHECK_EQ(hj_file_lock(&f, &e), HJ_E_NONE);
    CHECK_EQ(e.sys, answers[i]);
    hj_err_clear(&e);
  }
  hj_fault_at(1, EIO);
  CHECK_CODE(hj_file_lock(&f, &e), HJ_E_IO, e);
  hj_fault_at(0, 0);
  hj_file_close(&f);
}

TEST(a_look_tells_what_is_there)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_stat a, b;
  const char *path = temp_path("x");
  int64_t before = hj_clock_wall_ns();
  put_text(path, "12345");
  CHECK(chmod(path, 0640) == 0);
  CHECK(link(path, temp_path("y")) == 0);
  CHECK_OK(hj_path_stat(path, true, &a, &e), e);
  CHECK_EQ(a.kind, HJ_KIND_FILE);
  CHECK_EQ(a.size, 5);
  CHECK_EQ(a.mode, 0640);
  CHECK_EQ(a.links, 2);
  CHECK_EQ(a.owner, geteuid());
  CHECK_LT(before - 3000000000, a.mtime_ns);   /* file systems' clocks are coarser than ours */
  CHECK_LT(a.mtime_ns, hj_clock_wall_ns() + 3000000000);
  CHECK_OK(hj_path_stat(temp_path("y"), true, &b, &e), e);
  CHECK_EQ(a.inode, b.inode);
  CHECK_EQ(a.device, b.device);
  CHECK_EQ(look(temp_dir()).kind, HJ_KIND_DIR);
  CHECK(symlink("x", temp_path("l")) == 0);
  CHECK_EQ(look(temp_path("l")).kind, HJ_KIND_LINK);
  CHECK_OK(hj_path_stat(temp_path("l"), true, &b, &e), e);
  CHECK_EQ(b.inode, a.inode);
}

/* Found by the fuzz target "claim". Not every file system keeps such times. */
TEST(a_time_billions_of_years_away_stays_at_the_border)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_stat st;
  const int64_t times[] = { INT64_MAX / 4, INT64_MIN / 4 };
  CHECK_EQ(hj_clock_span_ns(INT64_MIN, hj_clock_wall_ns()), INT64_MAX);
  CHECK_EQ(hj_clock_span_ns(INT64_MAX, -2), INT64_MIN);
  CHECK_EQ(hj_clock_span_ns(-5, INT64_MAX - 5), INT64_MAX);
  CHECK_EQ(hj_clock_span_ns(100, 1), -99);
  for (int i = 0; i < 2; i++) {
    struct timespec t[2] = { { times[i], 999999999 }, { times[i], 999999999 } };
    struct stat kept;
    put_text(temp_path("f"), "x");
    if (utimensat(AT_FDCWD, temp_path("f"), t, 0) != 0 || stat(temp_path("f"), &kept) != 0 || kept.st_mtim.tv_sec != times[i])
      continue;
    CHECK_OK(hj_path_stat(temp_path("f"), false, &st, &e), e);
    CHECK_EQ(st.mtime_ns, times[i] > 0 ? INT64_MAX : INT64_MIN);
  }
}

TEST(nothing_there_has_one_code)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_stat st;
  put_text(temp_path("file"), "");
  CHECK(symlink("nowhere", temp_path("dangling")) == 0);
  CHECK(symlink("loop", temp_path("loop")) == 0);
  CHECK_CODE(hj_path_stat(temp_path("none"), true, &st, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_path_stat(temp_path("none/x"), false, &st, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_path_stat(temp_path("file/x"), true, &st, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_path_stat(temp_path("dangling"), true, &st, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_path_stat(temp_path("loop"), true, &st, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_path_remove(temp_path("none"), &e), HJ_E_NONE, e);
  CHECK_CODE(hj_path_rename(temp_path("none"), temp_path("x"), &e), HJ_E_NONE, e);
  CHECK_CODE(hj_path_rename_new(temp_path("none"), temp_path("x"), &e), HJ_E_NONE, e);
}

TEST(a_name_too_long_is_a_name_and_its_end_is_shown)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_stat st;
  char name[400];
  memset(name, 'n', sizeof name);
  memcpy(name + 390, "the-end", 8);
  CHECK_EQ(hj_path_stat(temp_path(name), true, &st, &e), HJ_E_NAME);
  CHECK_EQ(e.sys, ENAMETOOLONG);
  CHECK_HAS(e.msg, "the-end: ");
  CHECK_HAS(e.msg, "...nnn");
  hj_err_clear(&e);
  for (size_t shift = 0; shift < 3; shift++) {   /* the cut falls on each byte of a character */
    for (size_t i = 0; i + 3 < sizeof name; i += 3)
      memcpy(name + i, "\xe4\xb8\xad", 3);
    name[390 + shift] = 0;
    CHECK_EQ(hj_path_stat(temp_path(name), true, &st, &e), HJ_E_NAME);
    CHECK_HAS(e.msg, "...\xe4\xb8\xad");
    hj_err_clear(&e);
  }
}

TEST(a_name_that_the_file_system_refuses_is_a_name)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  hj_fault_at(1, EINVAL);   /* vfat and exfat: "a:b" */
  CHECK_EQ(hj_file_open(&f, temp_path("a:b"), HJ_OPEN_NEW, 0600, &e), HJ_E_NAME);
  CHECK_EQ(e.sys, EINVAL);
  hj_fault_at(0, 0);
}

TEST(a_refusal_is_denied)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  CHECK(mkdir(temp_path("d"), 0755) == 0);
  put_text(temp_path("d/x"), "");
  CHECK(chmod(temp_path("d/x"), 0400) == 0);
  CHECK(chmod(temp_path("d"), 0555) == 0);
  become_nobody();
  CHECK_CODE(hj_file_open(&f, temp_path("d/y"), HJ_OPEN_NEW, 0600, &e), HJ_E_DENIED, e);
  CHECK_CODE(hj_path_remove(temp_path("d/x"), &e), HJ_E_DENIED, e);
  CHECK_CODE(hj_path_rename(temp_path("d/x"), temp_path("d/z"), &e), HJ_E_DENIED, e);
  CHECK_CODE(hj_dir_make(temp_path("d/e"), &e), HJ_E_DENIED, e);
  CHECK_CODE(hj_dir_make_all(temp_path("d/e/f"), &e), HJ_E_DENIED, e);
  become_again();
  CHECK_EQ(hj_path_remove(temp_dir(), &e), HJ_E_DENIED);   /* a folder */
}

TEST(renaming_replaces)
{
  struct hj_err e = HJ_ERR_INIT;
  put_text(temp_path("a"), "new");
  put_text(temp_path("b"), "old");
  CHECK_OK(hj_path_rename(temp_path("a"), temp_path("b"), &e), e);
  CHECK_FILE(temp_path("b"), "new");
  CHECK_CODE(hj_path_remove(temp_path("a"), &e), HJ_E_NONE, e);
}

enum way { BY_RENAMEAT2, BY_LINK, BY_LOOKING };

/* Takes away what a kernel or a file system may lack. */
static void only(enum way way)
{
  hj_fault_always(HJ_OP_RENAME, way >= BY_LINK ? EINVAL : 0);
  hj_fault_always(HJ_OP_LINK, way >= BY_LOOKING ? EPERM : 0);
}

static void rename_new_keeps_what_is_there(enum way way)
{
  struct hj_err e = HJ_ERR_INIT;
  const char *a = temp_path("a"), *b = temp_path("b"), *dir = temp_path("dir"), *dangling = temp_path("dangling");
  const char *taken[] = { b, dir, dangling };
  put_text(a, "new");
  put_text(b, "old");
  CHECK(mkdir(dir, 0700) == 0);
  CHECK(symlink("nowhere", dangling) == 0);
  only(way);
  for (size_t i = 0; i < 3; i++) {
    context("way %d, %s", (int)way, taken[i]);
    CHECK_CODE(hj_path_rename_new(a, taken[i], &e), HJ_E_EXISTS, e);
    CHECK_FILE(a, "new");
  }
  CHECK_FILE(b, "old");
  CHECK_EQ(look(dangling).kind, HJ_KIND_LINK);
  CHECK_OK(hj_path_rename_new(a, temp_path("c"), &e), e);
  CHECK_CODE(hj_path_rename_new(a, temp_path("d"), &e), HJ_E_NONE, e);
  CHECK_CODE(hj_path_rename_new(temp_path("c"), temp_path("none/x"), &e), HJ_E_NONE, e);
  only(BY_RENAMEAT2);
  CHECK_FILE(temp_path("c"), "new");
  CHECK_CODE(hj_path_remove(a, &e), HJ_E_NONE, e);
  CHECK_EQ(look(temp_path("c")).links, 1);
}

TEST(rename_new_never_replaces)
{
  rename_new_keeps_what_is_there(BY_RENAMEAT2);
}

TEST(rename_new_never_replaces_where_renameat2_is_missing)
{
  rename_new_keeps_what_is_there(BY_LINK);
}

TEST(rename_new_looks_first_where_links_are_missing_too)
{
  rename_new_keeps_what_is_there(BY_LOOKING);
}

TEST(a_link_that_was_made_although_the_answer_was_lost_is_ours)
{
  struct hj_err e = HJ_ERR_INIT;
  put_text(temp_path("a"), "x");
  CHECK(link(temp_path("a"), temp_path("b")) == 0);
  only(BY_LINK);
  CHECK_OK(hj_path_rename_new(temp_path("a"), temp_path("b"), &e), e);
  only(BY_RENAMEAT2);
  CHECK_CODE(hj_path_remove(temp_path("a"), &e), HJ_E_NONE, e);
  CHECK_FILE(temp_path("b"), "x");
}

TEST(rename_new_moves_folders_too)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK(mkdir(temp_path("a"), 0700) == 0);
  CHECK(mkdir(temp_path("b"), 0700) == 0);
  put_text(temp_path("a/x"), "1");
  for (enum way way = BY_RENAMEAT2; way <= BY_LOOKING; way++) {   /* a folder cannot be linked: the third way is taken */
    context("way %d", (int)way);
    only(way);
    CHECK_CODE(hj_path_rename_new(temp_path("a"), temp_path("b"), &e), HJ_E_EXISTS, e);
    CHECK_OK(hj_path_rename_new(temp_path("a"), temp_path("c"), &e), e);
    only(BY_RENAMEAT2);
    CHECK_FILE(temp_path("c/x"), "1");
    CHECK_OK(hj_path_rename(temp_path("c"), temp_path("a"), &e), e);
  }
}

static void race_for_one_name(enum way way)
{
  enum { RIVALS = 8 };
  struct hj_err e = HJ_ERR_INIT;
  pid_t child[RIVALS];
  int wins = 0, go[2];
  CHECK(pipe(go) == 0);
  for (int i = 0; i < RIVALS; i++) {
    char name[16];
    (void)snprintf(name, sizeof name, "rival%d", i);
    put_text(temp_path(name), name);
    child[i] = fork();
    CHECK(child[i] >= 0);
    if (child[i] == 0) {
      char byte;
      (void)close(go[1]);
      (void)!read(go[0], &byte, 1);   /* returns for all at once when the parent closes its end */
      only(way);
      int rc = hj_path_rename_new(temp_path(name), temp_path("prize"), &e);
      _exit(rc == HJ_E_OK ? 0 : rc == HJ_E_EXISTS ? 1 : 2);
    }
  }
  (void)close(go[0]);
  (void)close(go[1]);
  for (int i = 0; i < RIVALS; i++) {
    int status;
    CHECK_EQ(waitpid(child[i], &status, 0), child[i]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
    wins += WEXITSTATUS(status) == 0;
  }
  CHECK_EQ(wins, 1);
}

TEST(of_many_who_rename_to_one_name_one_wins)
{
  race_for_one_name(BY_RENAMEAT2);
}

TEST(of_many_who_link_to_one_name_one_wins)
{
  race_for_one_name(BY_LINK);
}

TEST(links_are_made_and_read)
{
  struct hj_err e = HJ_ERR_INIT;
  char out[8];
  const char *path = temp_path("l");
  CHECK_OK(hj_path_symlink("../a/b", path, &e), e);
  CHECK_OK(hj_path_readlink(path, out, sizeof out, &e), e);
  CHECK_STR(out, "../a/b");
  CHECK_OK(hj_path_readlink(path, out, 7, &e), e);
  CHECK_CODE(hj_path_readlink(path, out, 6, &e), HJ_E_NAME, e);
  CHECK_STR(out, "");
  CHECK_CODE(hj_path_readlink(path, out, 0, &e), HJ_E_BUG, e);
  CHECK_CODE(hj_path_symlink("x", path, &e), HJ_E_EXISTS, e);
  CHECK_CODE(hj_path_symlink("x", temp_path("none/l"), &e), HJ_E_NONE, e);
  CHECK_CODE(hj_path_readlink(temp_dir(), out, sizeof out, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_path_readlink(temp_path("none"), out, sizeof out, &e), HJ_E_NONE, e);
  CHECK_OK(hj_path_remove(path, &e), e);
  hj_fault_at(1, ENOSYS);   /* what Drive's FUSE was seen to say */
  CHECK_CODE(hj_path_symlink("x", path, &e), HJ_E_DENIED, e);
  hj_fault_at(0, 0);
}

TEST(free_space_is_that_of_the_nearest_folder)
{
  struct hj_err e = HJ_ERR_INIT;
  uint64_t here = 0, there = 0, root = 0;
  put_text(temp_path("file"), "");
  CHECK_OK(hj_disk_free(temp_dir(), &here, &e), e);
  CHECK_GT(here, 0);
  CHECK_OK(hj_disk_free(temp_path("not/yet/made"), &there, &e), e);
  CHECK_LT(here / 2, there);
  CHECK_OK(hj_disk_free(temp_path("file/below"), &there, &e), e);
  CHECK_OK(hj_disk_free("/", &root, &e), e);
  CHECK_OK(hj_disk_free("/no-such-folder", &there, &e), e);
  CHECK_LT(root / 2, there);
  CHECK_CODE(hj_disk_free("no-such-relative", &there, &e), HJ_E_NONE, e);
}

TEST(hints_and_syncs_that_are_not_offered_do_no_harm)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT, closed = HJ_FILE_INIT;
  CHECK_OK(hj_file_open(&f, temp_path("x"), HJ_OPEN_NEW, 0600, &e), e);
  CHECK_OK(hj_file_write_at(&f, 0, "x", 1, &e), e);
  hj_file_flush_hint(&f, 0, 1);
  hj_file_flush_hint(&f, UINT64_MAX, 1);
  hj_file_sequential_hint(&f);
  hj_file_flush_hint(&closed, 0, 1);
  hj_file_sequential_hint(&closed);
  CHECK_OK(hj_file_sync(&f, &e), e);
  hj_fault_at(1, EINVAL);
  CHECK_OK(hj_file_sync(&f, &e), e);
  hj_fault_at(1, EIO);
  CHECK_CODE(hj_file_sync(&f, &e), HJ_E_IO, e);
  hj_fault_at(0, 0);
  CHECK_CODE(hj_file_sync(&closed, &e), HJ_E_IO, e);
  hj_file_close(&f);
}

static int publish(void *user, struct hj_err *e)
{
  hj_file f = HJ_FILE_INIT;
  struct hj_stat st;
  char got[8] = "";
  size_t n;
  (void)user;
  const char *temp = temp_path("part"), *final = temp_path("blob");
  (void)unlink(temp);
  (void)unlink(final);
  if (hj_file_open(&f, temp, HJ_OPEN_NEW, 0600, e) || hj_file_reserve(&f, 4, e) || hj_file_write_at(&f, 0, "blob", 4, e) ||
      hj_file_mode(&f, 0444, e) || hj_file_sync(&f, e) || hj_path_rename_new(temp, final, e) ||
      hj_dir_sync(temp_dir(), e) || hj_file_stat(&f, &st, e) || hj_file_read_at(&f, 0, got, 8, &n, e))
    goto out;
  CHECK_EQ(st.size, 4);
  CHECK_EQ(st.mode, 0444);
  CHECK_STR(got, "blob");
  CHECK_FILE(final, "blob");
out:
  hj_file_close(&f);
  if (e->code && access(final, F_OK) == 0)   /* whoever sees the name sees all of it */
    CHECK_FILE(final, "blob");
  return (int)e->code;
}

TEST(a_file_is_published_whole_or_not_at_all)
{
  CHECK_GE(sweep_platform("publish", publish, NULL), 9);
}

static int open_append_link(void *user, struct hj_err *e)
{
  hj_file f = HJ_FILE_INIT;
  struct hj_stat st;
  char out[8];
  uint64_t free_bytes;
  (void)user;
  (void)unlink(temp_path("log"));
  (void)unlink(temp_path("log2"));
  (void)unlink(temp_path("link"));
  if (hj_file_open(&f, temp_path("log"), HJ_OPEN_APPEND, 0600, e) || hj_file_append(&f, "line", 4, e) ||
      hj_file_resize(&f, 2, e) || hj_file_lock(&f, e) || hj_path_symlink("log2", temp_path("link"), e) ||
      hj_path_rename(temp_path("log"), temp_path("log2"), e) || hj_path_mode(temp_path("log2"), 0600, e) ||
      hj_path_readlink(temp_path("link"), out, sizeof out, e) || hj_path_stat(temp_path("link"), true, &st, e) ||
      hj_disk_free(temp_dir(), &free_bytes, e) || hj_path_remove(temp_path("link"), e))
    goto out;
  CHECK_STR(out, "log2");
  CHECK_EQ(st.size, 2);
  CHECK_FILE(temp_path("log2"), "li");
out:
  hj_file_close(&f);
  return (int)e->code;
}

TEST(every_call_on_files_reports_its_failure)
{
  CHECK_EQ(sweep_platform("files", open_append_link, NULL), 11);
  CHECK_GE(sweep_memory("files", open_append_link, NULL), 1);
}

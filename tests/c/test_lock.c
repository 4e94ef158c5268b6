/* tests/c/test_lock.c - who holds it, said truly; and the stock client's rules. */
#include <sys/file.h>
#include <sys/wait.h>

#include "plat/posix_int.h"
#include "store/holder.h"
#include "store/lock.h"
#include "store_kit.h"
#include "sweep.h"

static const char *lock_path(void)
{
  static char path[600];
  (void)snprintf(path, sizeof path, "%s/.locks/models--o--n/x.lock", temp_dir());
  return path;
}

TEST(a_lock_is_had_once_and_names_its_holder)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_lock a = HJ_LOCK_INIT, b = HJ_LOCK_INIT;
  char who[64];
  CHECK_OK(hj_lock_try(&a, lock_path(), &e), e);
  hj_lock_sign(&a);
  CHECK_EQ(hj_lock_try(&b, lock_path(), &e), HJ_E_BUSY);
  (void)snprintf(who, sizeof who, "process %ld on this host", (long)getpid());
  CHECK_HAS(e.msg, who);
  hj_err_clear(&e);
  hj_lock_drop(&b);
  hj_lock_drop(&a);
  CHECK(is_there(lock_path()));
  CHECK_OK(hj_lock_try(&b, lock_path(), &e), e);
  hj_lock_drop(&b);
  hj_lock_drop(&b);
}

TEST(a_lock_file_is_0664_whatever_the_umask)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_lock l = HJ_LOCK_INIT;
  mode_t old = umask(077);
  int rc = hj_lock_try(&l, lock_path(), &e);
  (void)umask(old);
  CHECK_OK(rc, e);
  CHECK_EQ(stat_of(lock_path()).st_mode & 07777, 0664);
  hj_lock_drop(&l);
}

TEST(the_stock_clients_flock_is_respected_both_ways)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_lock l = HJ_LOCK_INIT;
  make_dirs(temp_path(".locks/models--o--n"));
  int fd = open(lock_path(), O_RDWR | O_CREAT, 0664);
  CHECK(fd >= 0);
  CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
  CHECK_EQ(hj_lock_try(&l, lock_path(), &e), HJ_E_BUSY);
  CHECK_HAS(e.msg, "another program");
  hj_err_clear(&e);
  CHECK_EQ(flock(fd, LOCK_UN), 0);
  CHECK_OK(hj_lock_try(&l, lock_path(), &e), e);
  CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), -1);
  CHECK_FILE(lock_path(), "");             /* theirs stays as they left it */
  hj_lock_drop(&l);
  CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
  close(fd);
}

TEST(another_programs_text_in_a_lock_stays)
{
  static const char *const texts[] = { "hello", "12345", "12345 ", "12345 HOST\n", "pid host\n", "1 a\n2 b\n" };
  struct hj_err e = HJ_ERR_INIT;
  make_dirs(temp_path(".locks/models--o--n"));
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct hj_lock l = HJ_LOCK_INIT;
    put_text(lock_path(), texts[i]);
    CHECK_OK(hj_lock_try(&l, lock_path(), &e), e);
    hj_lock_sign(&l);
    hj_lock_drop(&l);
    CHECK_FILE(lock_path(), texts[i]);
  }
}

TEST(the_name_of_a_holder_who_left_is_not_told)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_lock l = HJ_LOCK_INIT;
  CHECK_OK(hj_lock_try(&l, lock_path(), &e), e);
  hj_lock_sign(&l);
  hj_lock_drop(&l);
  CHECK_FILE(lock_path(), "");             /* as the stock client leaves it */
  int fd = open(lock_path(), O_RDWR);
  CHECK_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
  CHECK_EQ(hj_lock_try(&l, lock_path(), &e), HJ_E_BUSY);
  CHECK_HAS(e.msg, "another program");
  hj_err_clear(&e);
  close(fd);
}

static void lock_and_die(void *user)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_lock l = HJ_LOCK_INIT;
  (void)user;
  CHECK_OK(hj_lock_try(&l, lock_path(), &e), e);
  (void)kill(getpid(), SIGKILL);
}

TEST(the_lock_of_a_killed_process_is_free)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_lock l = HJ_LOCK_INIT;
  CHECK_EQ(in_child(lock_and_die, NULL), -SIGKILL);
  CHECK_OK(hj_lock_try(&l, lock_path(), &e), e);
  hj_lock_drop(&l);
}

static void live_on(void *user)
{
  (void)user;
  for (;;)
    pause();
}

TEST(a_child_forked_meanwhile_does_not_keep_the_lock)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_lock l = HJ_LOCK_INIT, m = HJ_LOCK_INIT;
  CHECK_OK(hj_lock_try(&l, lock_path(), &e), e);
  pid_t child = start_child(live_on, NULL);
  hj_lock_drop(&l);
  CHECK_OK(hj_lock_try(&m, lock_path(), &e), e);
  hj_lock_drop(&m);
  CHECK_EQ(kill(child, SIGKILL), 0);
  CHECK_EQ(end_of(child), -SIGKILL);
}

/* ---- who has it does not move ------------------------------------------------------------------------------------ */

TEST(a_holder_is_given_up_after_its_time)
{
  struct { uint64_t waited, silent; bool idle, over; } rows[] = {
    { 9999, 9999, true, false },    { 10000, 9999, true, false }, { 10000, 10000, true, true }, { 9999, 2000000, true, false },
    { 10000, 10000, false, false }, { 899999, 899999, false, false }, { 900000, 900000, false, true }, { 10000, 900000, false, true },
    { 9999, 900000, false, false }, { 5000000, 3000, false, false }, { 0, 0, true, false },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("row %zu", i);
    CHECK_EQ(hj_holder_is_over(rows[i].waited, rows[i].silent, rows[i].idle), rows[i].over);
  }
}

TEST(the_systems_list_of_locks_is_read_right)
{
  struct { const char *line; uint32_t pid; } rows[] = {
    { "3: FLOCK  ADVISORY  WRITE 4242 fe:01:77 0 EOF\n", 4242 },
    { "3: -> FLOCK  ADVISORY  WRITE 4242 fe:01:77 0 EOF\n", 0 },
    { "3: POSIX  ADVISORY  WRITE 4242 fe:01:77 0 EOF\n", 0 },
    { "3: FLOCK  ADVISORY  WRITE 4242 fe:02:77 0 EOF\n", 0 },
    { "3: FLOCK  ADVISORY  WRITE 4242 fe:01:78 0 EOF\n", 0 },
    { "3: FLOCK  ADVISORY  WRITE 4242 fe:01:777 0 EOF\n", 0 },
    { "3: FLOCK  ADVISORY  WRITE 0 fe:01:77 0 EOF\n", 0 },
    { "3: FLOCK  ADVISORY  WRITE -1 fe:01:77 0 EOF\n", 0 },
    { "3: FLOCK  ADVISORY  WRITE 4242 fe:01", 0 }, { "FLOCK", 0 }, { "", 0 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("row %zu", i);
    CHECK_EQ(hj_os_flock_line(rows[i].line, 0xfe, 1, 77), rows[i].pid);
  }
}

struct scene { int fd; int ready[2]; };

/* As a program that is killed while a child it forked lives on with its descriptors. */
static void lock_fork_and_die(void *user)
{
  struct scene *s = user;
  s->fd = open(lock_path(), O_RDWR);
  if (flock(s->fd, LOCK_EX | LOCK_NB) != 0)
    _exit(3);
  pid_t child = fork();
  if (child == 0) {
    char byte;
    close(s->ready[1]);
    while (read(s->ready[0], &byte, 1) < 0)      /* until the test closes its end */
      ;
    _exit(0);
  }
  (void)kill(getpid(), SIGKILL);
}

TEST(a_lock_left_to_a_forked_child_is_not_waited_for)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_lock l = HJ_LOCK_INIT;
  struct hj_holder h = { 0 };
  struct scene s = { .fd = -1 };
  make_dirs(temp_path(".locks/models--o--n"));
  put_text(lock_path(), "");
  CHECK_EQ(pipe(s.ready), 0);
  pid_t holder = start_child(lock_fork_and_die, &s);
  CHECK_EQ(end_of(holder), -SIGKILL);
  CHECK_EQ(hj_lock_try(&l, lock_path(), &e), HJ_E_BUSY);
  CHECK_EQ(hj_proc_flock_holder(stat_of(lock_path()).st_dev, stat_of(lock_path()).st_ino), (uint32_t)holder);
  CHECK(!hj_holder_is_silent(&h, lock_path(), temp_path("blobs/x"), "x", 1000));
  CHECK(!hj_holder_is_silent(&h, lock_path(), temp_path("blobs/x"), "x", 10999));
  CHECK(hj_holder_is_silent(&h, lock_path(), temp_path("blobs/x"), "x", 12000));
  close(s.ready[1]);
  close(s.ready[0]);
}

TEST(a_stopped_holder_is_not_waited_for_and_one_that_writes_is)
{
  struct hj_holder h = { 0 }, other = { 0 };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_lock l = HJ_LOCK_INIT;
  CHECK_OK(hj_lock_try(&l, lock_path(), &e), e);   /* by ourselves: we are alive, so it has all its time */
  make_dirs(temp_path("blobs"));
  put_text(temp_path("blobs/x.1234abcd.incomplete"), "a");
  uint64_t now = 5000;
  for (int i = 0; i < 40; i++, now += 60000) {     /* for 40 minutes it writes, a byte a minute */
    char text[60] = "";
    memset(text, 'b', (size_t)i + 1);
    put_text(temp_path("blobs/x.1234abcd.incomplete"), text);
    CHECK(!hj_holder_is_silent(&h, lock_path(), temp_path("blobs/x"), "x", now));
  }
  now -= 60000;
  CHECK(!hj_holder_is_silent(&h, lock_path(), temp_path("blobs/x"), "x", now + 899000));
  CHECK(hj_holder_is_silent(&h, lock_path(), temp_path("blobs/x"), "x", now + 900000));
  put_text(temp_path("blobs/y.incomplete"), "another file");
  CHECK(hj_holder_is_silent(&h, lock_path(), temp_path("blobs/x"), "x", now + 901000));
  struct timespec long_ago[2] = { { 1000, 0 }, { 1000, 0 } };
  CHECK_EQ(utimensat(AT_FDCWD, temp_path("blobs/x.1234abcd.incomplete"), long_ago, 0), 0);
  CHECK(!hj_holder_is_silent(&other, lock_path(), temp_path("blobs/x"), "x", 1000));   /* it may be about to go on with what it left */
  CHECK(hj_holder_is_silent(&other, lock_path(), temp_path("blobs/x"), "x", 11000));
  hj_lock_drop(&l);
}

TEST(a_stopped_process_is_seen_to_be)
{
  pid_t child = start_child(live_on, NULL);
  int status;
  CHECK(!hj_proc_is_stopped((uint32_t)child));
  CHECK_EQ(kill(child, SIGSTOP), 0);
  CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
  CHECK(hj_proc_is_stopped((uint32_t)child));
  CHECK(!hj_proc_is_stopped(0));
  CHECK(!hj_proc_is_stopped(UINT32_MAX));
  CHECK_EQ(kill(child, SIGKILL), 0);
  CHECK_EQ(end_of(child), -SIGKILL);
}

TEST(a_link_in_the_place_of_a_lock_is_refused)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_lock l = HJ_LOCK_INIT;
  make_dirs(temp_path(".locks/models--o--n"));
  put_text(temp_path("victim"), "precious");
  CHECK_EQ(symlink(temp_path("victim"), lock_path()), 0);
  CHECK_CODE(hj_lock_try(&l, lock_path(), &e), HJ_E_DENIED, e);
  CHECK_FILE(temp_path("victim"), "precious");
}

static void lock_often(void *user)
{
  int *shared = user;
  for (int i = 0; i < 300; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_lock l = HJ_LOCK_INIT;
    int rc = hj_lock_try(&l, lock_path(), &e);
    if (rc == HJ_E_OK) {
      /* only the holder of the lock that has the name counts; another unlinks it now and then */
      char byte;
      if (read(shared[0], &byte, 1) != 1)
        _exit(1);                          /* somebody else is inside */
      if (write(shared[1], &byte, 1) != 1)
        _exit(1);
      if (i % 7 == 0)
        (void)unlink(lock_path());
      hj_lock_drop(&l);
    } else if (rc != HJ_E_BUSY) {
      fprintf(stderr, "%s\n", e.msg);
      _exit(2);
    }
  }
}

TEST(a_lock_unlinked_meanwhile_is_no_lock)
{
  int token[2];                            /* a pipe with one byte in it: empty while somebody is inside */
  pid_t child[3];
  CHECK_EQ(pipe2(token, O_NONBLOCK), 0);
  CHECK_EQ(write(token[1], "t", 1), 1);
  for (int i = 0; i < 3; i++)
    child[i] = start_child(lock_often, token);
  for (int i = 0; i < 3; i++)
    CHECK_EQ(end_of(child[i]), 0);
  close(token[0]);
  close(token[1]);
}

static int lock_scene(void *user, struct hj_err *e)
{
  struct hj_lock l = HJ_LOCK_INIT, m = HJ_LOCK_INIT;
  remove_all(user);
  if (!hj_lock_try(&l, lock_path(), e)) {
    struct hj_err s = HJ_ERR_INIT;
    CHECK_NE(hj_lock_try(&m, lock_path(), &s), HJ_E_OK);
  }
  hj_lock_drop(&l);
  if (!e->code && !hj_lock_try(&l, lock_path(), e))
    hj_lock_drop(&l);
  return (int)e->code;
}

TEST(locks_survive_every_failure)
{
  sweep_memory("lock", lock_scene, (void *)(uintptr_t)temp_path(".locks"));
  sweep_platform("lock", lock_scene, (void *)(uintptr_t)temp_path(".locks"));
}

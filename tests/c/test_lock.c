/* tests/c/test_lock.c - who holds it, said truly; and the stock client's rules. */
#include <sys/file.h>

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

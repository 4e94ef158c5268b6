/* tests/c/test_proc.c - this process, others, and dice. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "plat/fault.h"
#include "plat/plat.h"
#include "plat/posix_int.h"

static pid_t child_that_waits(void)
{
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0)
    for (;;)
      (void)pause();
  return child;
}

TEST(a_process_has_a_start_that_does_not_change)
{
  uint32_t me = hj_proc_id();
  CHECK_EQ(me, getpid());
  uint64_t start = hj_proc_start(me);
  CHECK_GT(start, 0);
  CHECK_EQ(hj_proc_start(me), start);
  CHECK(hj_proc_alive(me, start));
  CHECK(hj_proc_alive(me, 0));
  CHECK(!hj_proc_alive(me, start + 1));   /* an earlier process with our number */
}

TEST(the_dead_are_not_alive)
{
  pid_t child = child_that_waits();
  uint64_t start = hj_proc_start((uint32_t)child);
  int status;
  CHECK_GT(start, 0);
  CHECK(hj_proc_alive((uint32_t)child, start));
  CHECK(kill(child, SIGKILL) == 0);
  siginfo_t info;
  CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);   /* ended, but not yet asked for: a zombie */
  CHECK(!hj_proc_alive((uint32_t)child, start));
  CHECK(!hj_proc_alive((uint32_t)child, 0));
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(!hj_proc_alive((uint32_t)child, start));
  CHECK_EQ(hj_proc_start((uint32_t)child), 0);
}

TEST(numbers_that_are_no_process_are_not_alive)
{
  CHECK(!hj_proc_alive(0, 0));            /* kill(0) would ask the whole group */
  CHECK(!hj_proc_alive(UINT32_MAX, 0));   /* kill(-1) would ask everybody */
  CHECK(!hj_proc_alive(0x80000000u, 0));
  CHECK_EQ(hj_proc_start(0), 0);
}

TEST(a_process_of_another_user_is_alive)
{
  if (getuid() != 0)
    skip("only root can become somebody else");
  pid_t child = child_that_waits();
  int status;
  CHECK(seteuid(65534) == 0);
  bool alive = hj_proc_alive((uint32_t)child, 0);
  CHECK(seteuid(0) == 0);
  CHECK(alive);
  CHECK(kill(child, SIGKILL) == 0);
  CHECK_EQ(waitpid(child, &status, 0), child);
}

TEST(a_program_name_with_parentheses_and_blanks_does_not_confuse)
{
  uint64_t start = hj_proc_start(hj_proc_id());
  char before[16];
  CHECK(pthread_getname_np(pthread_self(), before, sizeof before) == 0);
  CHECK(pthread_setname_np(pthread_self(), "a) Z 1 (b) 2 3") == 0);
  CHECK_EQ(hj_proc_start(hj_proc_id()), start);
  CHECK(hj_proc_alive(hj_proc_id(), start));
  CHECK(pthread_setname_np(pthread_self(), before) == 0);
}

TEST(the_host_has_a_short_plain_name)
{
  char a[32], b[32];
  memset(a, '#', sizeof a);
  hj_proc_host(a);
  hj_proc_host(b);
  CHECK_STR(a, b);
  CHECK_GE(strlen(a), 16);
  CHECK_EQ(strspn(a, "abcdefghijklmnopqrstuvwxyz0123456789"), strlen(a));
}

TEST(a_container_with_the_same_host_name_is_another_host)
{
  char here[32], there[32] = "";
  int up[2], status;
  hj_proc_host(here);
  CHECK(pipe(up) == 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (unshare(CLONE_NEWPID) != 0)
      _exit(77);
    pid_t inner = fork();   /* the first child is the first process of the new namespace */
    if (inner == 0) {
      hj_proc_host(there);
      _exit(write(up[1], there, sizeof there) == sizeof there ? 0 : 1);
    }
    (void)waitpid(inner, &status, 0);
    _exit(inner > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    (void)close(up[0]);
    (void)close(up[1]);
    skip("no right to make a process namespace here");
  }
  CHECK_EQ(status, 0);
  CHECK_EQ(read(up[0], there, sizeof there), sizeof there);
  CHECK(strcmp(here, there) != 0);
  (void)close(up[0]);
  (void)close(up[1]);
}

TEST(dice_fall_differently)
{
  struct hj_err e = HJ_ERR_INIT;
  static uint8_t a[100000], b[100000];
  unsigned zeros = 0;
  CHECK_OK(hj_random(a, sizeof a, &e), e);
  CHECK_OK(hj_random(b, sizeof b, &e), e);
  CHECK(memcmp(a, b, sizeof a) != 0);
  for (size_t i = 0; i < sizeof a; i++)
    zeros += a[i] == 0;
  CHECK_GT(zeros, 100000 / 256 / 2);   /* filled to the end */
  CHECK_LT(zeros, 100000 / 256 * 2);
  CHECK_OK(hj_random(a, 0, &e), e);
  hj_fault_at(1, 5);
  CHECK_CODE(hj_random(a, 1, &e), HJ_E_IO, e);
  hj_fault_at(0, 0);
}

TEST(the_umask_is_told_and_not_changed)
{
  mode_t before = umask(027);
  CHECK_EQ(hj_proc_umask(), 027);
  CHECK_EQ(umask(0), 027);
  CHECK_EQ(hj_proc_umask(), 0);
  CHECK_EQ(umask(before), 0);
}

TEST(there_is_at_least_one_cpu_and_the_mask_is_obeyed)
{
  unsigned all = hj_proc_cpus();
  cpu_set_t before, one;
  CHECK_GE(all, 1);
  CHECK_LE(all, 65536);
  CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE; i++)
    if (CPU_ISSET(i, &before)) {
      CPU_SET(i, &one);
      break;
    }
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK_EQ(hj_proc_cpus(), 1);
  CHECK(sched_setaffinity(0, sizeof before, &before) == 0);
  CHECK_EQ(hj_proc_cpus(), all);
}

TEST(available_memory_is_what_the_system_and_the_cgroup_allow)
{
  static const char info[] = "MemTotal:       24683968 kB\nMemFree:        20000000 kB\nMemAvailable:   22000000 kB\nBuffers:  1 kB\n";
  static const struct { const char *meminfo, *most; uint64_t bytes; } rows[] = {
    { info, "max\n", 22000000ull << 10 }, { info, "", 22000000ull << 10 }, { info, "1073741824\n", 1 << 30 },
    { info, "92233720368547\n", 22000000ull << 10 }, { "MemTotal: 1 kB\n", "max\n", 0 }, { "", "1024\n", 0 },
    { "MemAvailable: many kB\n", "max\n", 0 }, { "MemAvailable: 18446744073709551615 kB\n", "max\n", 0 }, { "MemAvailable:", "max\n", 0 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("row %zu", i);
    CHECK_EQ(hj_os_memory(rows[i].meminfo, rows[i].most), rows[i].bytes);
  }
  context_end();
  CHECK_GT(hj_proc_memory(), 1 << 20);
}

TEST(a_quota_of_time_is_rounded_up_to_cores)
{
  static const struct { const char *text; unsigned cpus; } rows[] = {
    { "200000 100000\n", 2 }, { "150000 100000\n", 2 }, { "1000 100000\n", 1 }, { "200000 100000", 2 }, { "max 100000\n", 0 },
    { "", 0 }, { "200000", 0 }, { "200000 ", 0 }, { "200000 \n", 0 }, { "200000 0\n", 0 }, { "-1 100000\n", 0 },
    { "200000 x\n", 0 }, { "18446744073709551615 1\n", UINT32_MAX },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("\"%s\"", rows[i].text);
    CHECK_EQ(hj_os_quota_cpus(rows[i].text), rows[i].cpus);
  }
}

/* Exit status of a child in which /proc is an empty folder; 77 if that cannot be had. */
static int without_proc(int (*look)(void))
{
  int status;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", "/proc", "tmpfs", 0, NULL) != 0)
      _exit(77);
    _exit(look());
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static int look_around(void)
{
  uint32_t me = hj_proc_id();
  char host[32];
  hj_proc_host(host);
  (void)umask(027);
  if (hj_proc_start(me) != 0)
    return 1;
  if (!hj_proc_alive(me, 0) || !hj_proc_alive(me, 4711)) /* only the number can be compared */
    return 2;
  if (hj_proc_alive(0x7ffffff0u, 0))
    return 3;
  if (hj_proc_umask() != 027 || umask(0) != 027)
    return 4;
  if (hj_proc_cpus() < 1)
    return 5;
  return strlen(host) >= 16 ? 0 : 6;
}

TEST(without_proc_the_facts_are_fewer_but_right)
{
  int status = without_proc(look_around);
  if (status == 77)
    skip("no right to mount here");
  CHECK_EQ(status, 0);
}

TEST(monotonic_time_never_goes_back)
{
  uint64_t last = hj_clock_ns();
  for (int i = 0; i < 10000; i++) {
    uint64_t now = hj_clock_ns();
    CHECK_LE(last, now);
    last = now;
  }
  CHECK_LE(hj_clock_ms(), hj_clock_ns() / 1000000);
  time_t wall = time(NULL);
  CHECK_LE(hj_clock_wall_ns() / 1000000000 - wall, 2);
  CHECK_LE(wall - hj_clock_wall_ns() / 1000000000, 2);
}

static volatile sig_atomic_t noticed;
static void notice(void) { noticed++; }

TEST(a_fork_is_noticed_in_the_child_once_per_registration)
{
  struct hj_err e = HJ_ERR_INIT;
  int status;
  CHECK_OK(hj_proc_on_fork(notice, &e), e);
  CHECK_OK(hj_proc_on_fork(notice, &e), e);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0)
    _exit(noticed);
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(WEXITSTATUS(status), 2);
  CHECK_EQ(noticed, 0);
  hj_fault_at(1, 12);
  CHECK_CODE(hj_proc_on_fork(notice, &e), HJ_E_NOMEM, e);
  hj_fault_at(0, 0);
}

TEST(a_fault_that_kills_leaves_no_time_for_goodbyes)
{
  int status;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    struct hj_err e = HJ_ERR_INIT;
    uint8_t byte;
    hj_fault_at(2, -1);
    (void)hj_random(&byte, 1, &e);
    (void)hj_random(&byte, 1, &e);
    _exit(0);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFSIGNALED(status));
  CHECK_EQ(WTERMSIG(status), SIGKILL);
}

TEST(benign_stretches_are_told_apart)
{
  hj_fault_at(1, 5);
  HJ_BENIGN_BEGIN();
  HJ_BENIGN_BEGIN();
  HJ_BENIGN_END();
  CHECK_EQ(hj_fault(HJ_OP_SYNC), 5);
  HJ_BENIGN_END();
  CHECK_EQ(hj_fault_fired(), 2);
  CHECK_EQ(hj_fault_op(), HJ_OP_SYNC);
  hj_fault_at(2, 5);
  CHECK_EQ(hj_fault(HJ_OP_OPEN), 0);
  CHECK_EQ(hj_fault_fired(), 0);
  CHECK_EQ(hj_fault(HJ_OP_LINK), 5);
  CHECK_EQ(hj_fault_fired(), 1);
  CHECK_EQ(hj_fault_op(), HJ_OP_LINK);
  CHECK_EQ(hj_fault(HJ_OP_LINK), 0);
  hj_fault_at(0, 0);
  hj_fault_always(HJ_OP_LINK, 7);
  CHECK_EQ(hj_fault(HJ_OP_LINK), 7);
  CHECK_EQ(hj_fault(HJ_OP_LINK), 7);
  CHECK_EQ(hj_fault(HJ_OP_OPEN), 0);
  CHECK_EQ(hj_fault_fired(), 0);
  hj_fault_always(HJ_OP_LINK, 0);
  CHECK_EQ(hj_fault(HJ_OP_LINK), 0);
}

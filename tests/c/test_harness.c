/* tests/c/test_harness.c - a check that cannot fail is no check: each one is made to fail in a child. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"
#include "harness.h"
#include "plat/fault.h"
#include "plat/plat.h"
#include "sweep.h"
#include "util/mem.h"

static volatile int one = 1;

static void quietly(void)
{
  (void)!freopen("/dev/null", "w", stderr);
  (void)!freopen("/dev/null", "w", stdout);
}

/* The exit status of a child that runs this: 0, 1 for a failed check, 77 for a skip, 100 + the signal. */
static int status_of(void (*run)(void))
{
  int status;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    const char *why;
    quietly();
    _exit(harness_run(run, &why) ? 0 : 77);
  }
  CHECK_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static void good(void)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK(one);
  CHECK_EQ(one, 1);
  CHECK_NE(one, 2);
  CHECK_LT(one, 2);
  CHECK_LE(one, 1);
  CHECK_GT(-1, -2);
  CHECK_GE(one, 1);
  CHECK_STR(NULL, NULL);
  CHECK_HAS("abc", "b");
  CHECK_MEM("abc", "abd", 2);
  CHECK_OK(0, e);
  CHECK_CODE(hj_fail(&e, HJ_E_IO, "x"), HJ_E_IO, e);
}

static void bad_check(void) { CHECK(!one); }
static void bad_eq(void) { CHECK_EQ(one, 2); }
static void bad_ne(void) { CHECK_NE(one, 1); }
static void bad_lt(void) { CHECK_LT(one, 1); }
static void bad_le(void) { CHECK_LE(one, 0); }
static void bad_gt(void) { CHECK_GT(-2, -1); }
static void bad_ge(void) { CHECK_GE(0, one); }
static void bad_str(void) { CHECK_STR("a", "b"); }
static void bad_str_null(void) { CHECK_STR(NULL, ""); }
static void bad_has(void) { CHECK_HAS("abc", "x"); }
static void bad_mem(void) { CHECK_MEM("abc", "abd", 3); }
static void bad_file(void) { CHECK_FILE(temp_path("none"), ""); }

static void bad_file_more(void)
{
  put_text(temp_path("x"), "abc");
  CHECK_FILE(temp_path("x"), "ab");
}

static void bad_ok(void)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(hj_fail(&e, HJ_E_IO, "x"), e);
}

static void bad_code(void)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_CODE(hj_fail(&e, HJ_E_IO, "x"), HJ_E_NAME, e);
}

static void bad_silent(void)
{
  struct hj_err e = HJ_ERR_INIT;
  e.code = HJ_E_IO;
  CHECK_CODE((int)HJ_E_IO, HJ_E_IO, e);
}

static void bad_unfilled(void)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_CODE((int)HJ_E_IO, HJ_E_IO, e);   /* a code without its cause */
}

static void bad_leak(void) { CHECK(hj_mem_c_malloc(1) != NULL); }

TEST(checks_fail_when_they_should)
{
  static void (*const bad[])(void) = {
    bad_check, bad_eq, bad_ne, bad_lt, bad_le, bad_gt, bad_ge, bad_str, bad_str_null, bad_has, bad_mem, bad_file,
    bad_file_more, bad_ok, bad_code, bad_silent, bad_unfilled, bad_leak,
  };
  CHECK_EQ(status_of(good), 0);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    context("bad check %zu", i);
    CHECK_EQ(status_of(bad[i]), 1);
  }
}

enum sin { NONE, LEAK, LEAK_FILE, SILENT, WRONG_CODE, NO_SECOND_TRY };

/* Asks for memory and for random numbers; on failure commits the sin. */
static int scene(void *user, struct hj_err *e)
{
  const enum sin *sin = user;
  static bool spoiled;
  uint8_t byte;
  if (*sin == NO_SECOND_TRY && spoiled)
    return hj_fail(e, HJ_E_IO, "spoiled by the failure before");
  void *a = hj_mem_new(10, e);
  if (!a || hj_random(&byte, 1, e)) {
    spoiled = true;
    if (*sin == LEAK)
      CHECK(hj_mem_c_malloc(1) != NULL);
    if (*sin == LEAK_FILE)
      CHECK(dup(0) >= 0);
    if (*sin == SILENT)
      e->msg[0] = 0;
    if (*sin == WRONG_CODE) {
      hj_mem_free(a);
      return HJ_E_NAME;   /* not what *e says */
    }
  }
  hj_mem_free(a);
  return (int)e->code;
}

static enum sin now;
static void sweep_both(void)
{
  CHECK_EQ(sweep_memory("scene", scene, &now), 1);
  CHECK_EQ(sweep_platform("scene", scene, &now), 1);
}
static void sweep_platform_only(void) { (void)sweep_platform("scene", scene, &now); }

TEST(sweeps_find_leaks_silence_and_lasting_damage)
{
  for (now = NONE; now <= NO_SECOND_TRY; now++) {
    context("sin %d", (int)now);
    CHECK_EQ(status_of(sweep_both), now == NONE ? 0 : 1);
    CHECK_EQ(status_of(sweep_platform_only), now == NONE ? 0 : 1);
  }
  now = NONE;
}

static int does_nothing(void *user, struct hj_err *e)
{
  (void)user;
  (void)e;
  return 0;
}

static void sweep_nothing(void) { (void)sweep_memory("nothing", does_nothing, NULL); }

TEST(a_sweep_without_sites_fails)
{
  CHECK_EQ(status_of(sweep_nothing), 1);
}

static void read_too_far(void)
{
  struct guard g = guard_copy("abc", 3);
  (void)signal(SIGSEGV, SIG_DFL);
  one = g.p[3];
}

TEST(one_byte_behind_the_guard_kills)
{
  CHECK_EQ(status_of(read_too_far), 100 + SIGSEGV);
}

static void skips(void) { skip("no reason"); }

TEST(a_skip_is_no_success)
{
  CHECK_EQ(status_of(skips), 77);
}

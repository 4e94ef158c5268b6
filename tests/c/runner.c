/* tests/c/runner.c - `runner --list`, `runner NAME ...`, `runner --file test_buf`. 0 passed, 1 failed, 77 skipped, 2 misused. */
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "list.h"
#include "plat/plat.h"

/* Asked by the sanitizers when they are in. A request for too much is a test of ours, not an error. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1:detect_leaks=1:detect_stack_use_after_return=1"; }
const char *__tsan_default_options(void) { return "allocator_may_return_null=1:halt_on_error=1"; }

#define COUNT (sizeof tests / sizeof tests[0])
#define SKIPPED 77

static int run_one(const struct test *t)
{
  const char *why = NULL;
  printf("run  %s\n", t->name);
  fflush(stdout);
  bool ran = harness_run(t->run, &why);
  if (ran)
    printf("ok   %s\n", t->name);
  else
    printf("skip %s: %s\n", t->name, why);
  fflush(stdout);
  return ran ? 0 : SKIPPED;
}

static int run_where(const char *file, const char *name)
{
  int found = 0, result = 0;
  for (size_t i = 0; i < COUNT; i++)
    if (file ? strcmp(tests[i].file, file) == 0 : strcmp(tests[i].name, name) == 0) {
      found = 1;
      int rc = run_one(&tests[i]);
      if (name)
        result = rc;
    }
  if (!found) {
    fprintf(stderr, "no such test: %s\n", file ? file : name);
    return 2;
  }
  return result;
}

int main(int argc, char **argv)
{
  hj_plat_init();
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    for (size_t i = 0; i < COUNT; i++)
      printf("%s %s\n", tests[i].file, tests[i].name);
    return 0;
  }
  if (argc == 3 && strcmp(argv[1], "--file") == 0)
    return run_where(argv[2], NULL);
  if (argc < 2) {
    fprintf(stderr, "usage: runner --list | --file FILE | NAME ...\n");
    return 2;
  }
  int worst = 0;
  for (int i = 1; i < argc; i++) {
    int rc = run_where(NULL, argv[i]);
    worst = rc > worst ? rc : worst;
  }
  return worst;
}

/* tests/c/harness.c - see harness.h. */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

#define PATHS_MOST 4096

static char now_at[512];
static char dir[256];
static bool for_all;
static char *paths[PATHS_MOST];
static size_t path_count;
static const char *skip_why, *keep_why;
static jmp_buf back;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
  (void)st;
  (void)kind;
  (void)where;
  return remove(path);
}

static int open_up(const char *path, const struct stat *st, int kind, struct FTW *where)
{
  (void)where;
  if (kind == FTW_D || kind == FTW_DNR)
    (void)chmod(path, st->st_mode | 0700); /* tests take rights away from folders */
  return 0;
}

static void clean_up(void)
{
  if (dir[0]) {
    (void)nftw(dir, open_up, 16, FTW_PHYS);
    (void)nftw(dir, remove_one, 16, FTW_PHYS | FTW_DEPTH);
  }
  dir[0] = 0;
  for_all = false;
  while (path_count)
    free(paths[--path_count]);
  now_at[0] = 0;
}

void check_failed(const char *file, int line, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  fflush(stdout);
  fprintf(stderr, "%s:%d: ", file, line);
  vfprintf(stderr, fmt, ap);
  fprintf(stderr, "\n");
  va_end(ap);
  if (now_at[0])
    fprintf(stderr, "  at %s\n", now_at);
  clean_up();
  fflush(stderr);
  _exit(1);
}

void check_equal(const char *file, int line, const char *what, bool equal, uint64_t a, uint64_t b)
{
  if ((a == b) != equal)
    check_failed(file, line, "%s: %lld (0x%llx) and %lld (0x%llx)", what, (long long)a, (unsigned long long)a,
                 (long long)b, (unsigned long long)b);
}

void check_order(const char *file, int line, const char *what, int64_t low, int64_t high, bool may_equal)
{
  if (!(low < high || (may_equal && low == high)))
    check_failed(file, line, "%s: %lld and %lld", what, (long long)low, (long long)high);
}

void check_text(const char *file, int line, const char *what, const char *a, const char *b)
{
  if (!a || !b ? a != b : strcmp(a, b) != 0)
    check_failed(file, line, "%s:\n  \"%s\"\n  \"%s\"", what, a ? a : "(NULL)", b ? b : "(NULL)");
}

void check_has(const char *file, int line, const char *what, const char *text, const char *part)
{
  if (!text || !strstr(text, part))
    check_failed(file, line, "%s:\n  \"%s\"\n  \"%s\"", what, text ? text : "(NULL)", part);
}

static void print_bytes(const char *name, const uint8_t *p, size_t from, size_t n)
{
  fprintf(stderr, "  %s[%zu..]:", name, from);
  for (size_t i = from; i < n && i < from + 16; i++)
    fprintf(stderr, " %02x", p[i]);
  fprintf(stderr, "\n");
}

void check_bytes(const char *file, int line, const char *what, const void *a, const void *b, size_t n)
{
  const uint8_t *x = a, *y = b;
  for (size_t i = 0; i < n; i++)
    if (x[i] != y[i]) {
      print_bytes("left ", x, i, n);
      print_bytes("right", y, i, n);
      check_failed(file, line, "%s: byte %zu of %zu differs", what, i, n);
    }
}

void check_file(const char *file, int line, const char *path, const char *text)
{
  size_t n = strlen(text);
  char *got = calloc(1, n + 2);
  FILE *f = fopen(path, "r");
  if (!got || !f)
    check_failed(file, line, "cannot read %s: %s", path, strerror(errno));
  size_t k = fread(got, 1, n + 1, f);
  (void)fclose(f);
  if (k != n || memcmp(got, text, n) != 0)
    check_failed(file, line, "%s holds\n  \"%s\"%s\n  and should hold\n  \"%s\"", path, got, k > n ? " and more" : "", text);
  free(got);
}

void check_code(const char *file, int line, const char *call, int rc, enum hj_code want, struct hj_err *e)
{
  if (rc != (int)want || e->code != want)
    check_failed(file, line, "%s: answered %s, its error says %s (%s, errno %d), expected %s", call,
                 hj_code_name((enum hj_code)rc), hj_code_name(e->code), e->msg, e->sys, hj_code_name(want));
  if (want != HJ_E_OK && !e->msg[0])
    check_failed(file, line, "%s: failed as expected, but says nothing", call);
  hj_err_clear(e);
}

void context(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  (void)vsnprintf(now_at, sizeof now_at, fmt, ap);
  va_end(ap);
}

void context_end(void)
{
  now_at[0] = 0;
}

void skip(const char *why)
{
  skip_why = why;
  longjmp(back, 1);
}

void may_keep_memory(const char *why)
{
  keep_why = why;
}

const char *temp_dir(void)
{
  if (!dir[0]) {
    const char *base = getenv("TMPDIR");
    (void)snprintf(dir, sizeof dir, "%s/hjtest-XXXXXX", base && *base && !for_all ? base : "/tmp");
    if (!mkdtemp(dir))
      check_failed(__FILE__, __LINE__, "mkdtemp %s: %s", dir, strerror(errno));
  }
  return dir;
}

const char *temp_path(const char *name)
{
  char *p = NULL;
  if (path_count == PATHS_MOST || asprintf(&p, "%s/%s", temp_dir(), name) < 0)
    check_failed(__FILE__, __LINE__, "too many temporary paths");
  paths[path_count++] = p;
  return p;
}

void put_file(const char *path, const void *p, size_t n)
{
  FILE *f = fopen(path, "w");
  if (!f || fwrite(p, 1, n, f) != n || fclose(f) != 0)
    check_failed(__FILE__, __LINE__, "cannot write %s: %s", path, strerror(errno));
}

void put_text(const char *path, const char *text)
{
  put_file(path, text, strlen(text));
}

unsigned open_files(void)
{
  unsigned n = 0;
  DIR *d = opendir("/proc/self/fd");
  while (d && readdir(d))
    n++;
  if (d)
    (void)closedir(d);
  return n;
}

bool harness_run(void (*run)(void), const char **skipped)
{
  int64_t live = hj_mem_live();
  skip_why = keep_why = NULL;
  if (setjmp(back) == 0)
    run();
  clean_up();
  if (!skip_why && !keep_why)
    check_equal(__FILE__, __LINE__, "blocks of hj_mem alive after and before the test", true, (uint64_t)hj_mem_live(),
                (uint64_t)live);
  *skipped = skip_why;
  return skip_why == NULL;
}

void temp_for_all(void)
{
  CHECK(!dir[0]);
  for_all = true;
}

void become_nobody(void)
{
  CHECK(chmod(temp_dir(), 0755) == 0);
  if (geteuid() == 0)
    CHECK(seteuid(65534) == 0);
}

void become_again(void)
{
  if (getuid() == 0)
    CHECK(seteuid(0) == 0);
}

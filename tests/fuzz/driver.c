/* tests/fuzz/driver.c - one target under libFuzzer; compiled once for each, with -DFUZZ_TARGET=fuzz_<name>. */
#include "fuzz.h"

#include <ftw.h>
#include <unistd.h>

#include "plat/plat.h"
#include "util/mem.h"

void FUZZ_TARGET(const uint8_t *p, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static char dir[128];

void fuzz_broken(const char *file, int line, const char *what)
{
  fprintf(stderr, "%s:%d: broken: %s\n", file, line, what);
  abort();
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
  (void)st;
  (void)kind;
  (void)where;
  return remove(path);
}

static void clear(void)
{
  (void)nftw(dir, remove_one, 16, FTW_PHYS | FTW_DEPTH);
}

const char *fuzz_dir(void)
{
  if (!dir[0]) {
    (void)snprintf(dir, sizeof dir, "%s/hjfuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir))
      abort();
    (void)atexit(clear);
  }
  return dir;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
  (void)argc;
  (void)argv;
  hj_plat_init();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
  int64_t live = hj_mem_live();
  FUZZ_TARGET(p, n);
  MUST(hj_mem_live() == live);
  return 0;
}

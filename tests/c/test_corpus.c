/* tests/c/test_corpus.c - every input that a fuzz target was ever interested in, again: no clang and no luck needed (tests/fuzz/README.md). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"
#include "harness.h"
#include "util/mem.h"

void fuzz_broken(const char *file, int line, const char *what)
{
  check_failed(file, line, "broken: %s", what);
}

const char *fuzz_dir(void)
{
  return temp_dir();
}

static void replay_one(const char *path, void (*target)(const uint8_t *p, size_t n))
{
  FILE *f = fopen(path, "rb");
  uint8_t *bytes = malloc(1u << 16);
  if (!f || !bytes)
    check_failed(__FILE__, __LINE__, "cannot read %s", path);
  size_t n = fread(bytes, 1, 1u << 16, f);
  (void)fclose(f);
  uint8_t *exact = malloc(n ? n : 1); /* a sanitizer sees where it ends */
  memcpy(exact, bytes, n);
  free(bytes);
  int64_t live = hj_mem_live();
  context("%s", path);
  target(exact, n);
  CHECK_EQ(hj_mem_live(), live);
  free(exact);
}

static void replay(const char *name, void (*target)(const uint8_t *p, size_t n))
{
  char path[1200];
  unsigned seen = 0;
  struct dirent *one;
  (void)snprintf(path, sizeof path, "%s/%s", HJ_CORPUS, name);
  DIR *d = opendir(path);
  CHECK(d != NULL);
  while ((one = readdir(d)) != NULL) {
    if (one->d_name[0] == '.')
      continue;
    (void)snprintf(path, sizeof path, "%s/%s/%s", HJ_CORPUS, name, one->d_name);
    replay_one(path, target);
    seen++;
  }
  (void)closedir(d);
  CHECK_GE(seen, 5);
  target((const uint8_t *)"", 0);
}

#define REPLAY(name) FUZZ(name); TEST(the_corpus_of_##name##_holds) { replay(#name, fuzz_##name); }
#include "fuzz.gen" /* REPLAY(name) for each FUZZ(name) that build.py found */

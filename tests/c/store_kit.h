/* tests/c/store_kit.h - bytes, folders and children for the tests of store/. */
#ifndef STORE_KIT_H
#define STORE_KIT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "digest/algo.h"
#include "harness.h"
#include "plat/fault.h"
#include "plat/plat.h"
#include "store/blob.h"
#include "store/claim.h"
#include "store/record.h"
#include "util/text.h"

#define COMMIT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define COMMIT_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static inline uint64_t next_dice(uint64_t *state)          /* splitmix64 */
{
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static inline void fill_bytes(uint8_t *p, size_t n, uint64_t seed)
{
  for (size_t i = 0; i < n; i++)
    p[i] = (uint8_t)(next_dice(&seed) >> 32);
}

static inline struct hj_promise promise_of(enum hj_algo algo, const void *p, size_t n)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise made = { .algo = algo };
  CHECK_OK(hj_digest_bytes(algo, p, n, made.bytes, &e), e);
  return made;
}

static inline void etag_of(enum hj_algo algo, const void *p, size_t n, char out[65])
{
  struct hj_promise made = promise_of(algo, p, n);
  hj_text_hex(made.bytes, hj_algo_size(algo), out);
}

static inline bool is_there(const char *path)
{
  struct stat st;
  return lstat(path, &st) == 0;
}

static inline struct stat stat_of(const char *path)
{
  struct stat st;
  if (lstat(path, &st) != 0)
    check_failed(__FILE__, __LINE__, "no %s: %s", path, strerror(errno));
  return st;
}

static inline bool has_bytes(const char *path, const void *p, size_t n)    /* follows links */
{
  uint8_t *got = malloc(n + 1);
  FILE *f = fopen(path, "rb");
  bool same = got && f && fread(got, 1, n + 1, f) == n && memcmp(got, p, n) == 0;
  if (f)
    (void)fclose(f);
  free(got);
  return same;
}

static inline int prove_one(struct hj_blob *b, uint64_t budget, const atomic_int *stop, struct hj_err *e)
{
  struct hj_proof alone = { b, stop, e };
  hj_blobs_prove(&alone, 1, budget);
  return (int)e->code;
}

static inline int record_one(const char *repo_dir, const char *etag, struct hj_err *e) { return hj_record_add(repo_dir, &etag, 1, e); }

/* Entries of a folder; 0 if it is not there. The name of one of them stays in name[256] if that is not NULL. */
static inline unsigned entries(const char *path, char *name)
{
  unsigned n = 0;
  DIR *d = opendir(path);
  struct dirent *one;
  while (d && (one = readdir(d)) != NULL) {
    if (strcmp(one->d_name, ".") == 0 || strcmp(one->d_name, "..") == 0)
      continue;
    n++;
    if (name)
      (void)snprintf(name, 256, "%s", one->d_name);
  }
  if (d)
    (void)closedir(d);
  return n;
}

/* These two go past plat: a sweep must not count them. */
static inline void make_dirs(const char *path)
{
  char at[4096];
  CHECK(strlen(path) < sizeof at);
  for (size_t n = 1; n <= strlen(path); n++)
    if (path[n] == '/' || path[n] == 0) {
      memcpy(at, path, n);
      at[n] = 0;
      if (mkdir(at, 0777) != 0 && errno != EEXIST)
        check_failed(__FILE__, __LINE__, "mkdir %s: %s", at, strerror(errno));
    }
}

static inline int remove_one_path(const char *path, const struct stat *st, int kind, struct FTW *where)
{
  (void)st;
  (void)kind;
  (void)where;
  return remove(path);
}

static inline void remove_all(const char *path)
{
  (void)nftw(path, remove_one_path, 16, FTW_PHYS | FTW_DEPTH);
  CHECK(!is_there(path));
}

static inline void age_path(const char *path, int64_t seconds)             /* last changed so long ago */
{
  struct timespec times[2] = { { time(NULL) - seconds, 0 }, { time(NULL) - seconds, 0 } };
  if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) != 0)
    check_failed(__FILE__, __LINE__, "utimensat %s: %s", path, strerror(errno));
}

/* A claim goes under a name that says it is another's, last written to so long ago. */
static inline void give_away(struct hj_claim *c, const char *dir, const char *name, int64_t age)
{
  char to[600], file[700];
  (void)snprintf(to, sizeof to, "%s/%s", dir, name);
  CHECK_EQ(rename(c->path, to), 0);
  hj_claim_forget(c);
  (void)snprintf(file, sizeof file, "%s/journal", to);
  age_path(file, age);
  (void)snprintf(file, sizeof file, "%s/data", to);
  age_path(file, age);
  age_path(to, age);
}

/* Runs fn in a process of its own, which ends without cleaning up anything. */
static inline pid_t start_child(void (*fn)(void *user), void *user)
{
  (void)temp_dir();                        /* one for both, not one each */
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0)
    check_failed(__FILE__, __LINE__, "fork: %s", strerror(errno));
  if (pid == 0) {
    fn(user);
    _exit(0);
  }
  return pid;
}

/* Its exit code, or minus the signal that killed it. */
static inline int end_of(pid_t pid)
{
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static inline int in_child(void (*fn)(void *user), void *user)
{
  return end_of(start_child(fn, user));
}

#endif

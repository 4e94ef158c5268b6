/* tests/fuzz/fuzz_disk.h - files in the folder of a fuzz target, past plat: what is looked at must not be what does the looking. */
#ifndef FUZZ_DISK_H
#define FUZZ_DISK_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

/* "<fuzz_dir>/<name>", valid for the next 31 calls. */
static inline const char *disk_path(const char *name)
{
  static char paths[32][512];
  static unsigned next;
  char *to = paths[next++ % 32];
  (void)snprintf(to, sizeof paths[0], "%s/%s", fuzz_dir(), name);
  return to;
}

static inline void disk_parents(const char *path)
{
  char at[600];
  size_t n = strlen(path);
  if (n >= sizeof at)
    abort();
  for (size_t i = 1; i < n; i++)
    if (path[i] == '/') {
      memcpy(at, path, i);
      at[i] = 0;
      if (mkdir(at, 0777) && errno != EEXIST)
        abort();
    }
}

/* A new file in the place of whatever was there. */
static inline void disk_put(const char *path, const void *p, size_t n)
{
  (void)unlink(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (fd < 0) {
    disk_parents(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  }
  if (fd < 0 || write(fd, p, n) != (ssize_t)n || close(fd))
    abort();
}

static inline void disk_once(const char *path, const char *text)
{
  if (access(path, F_OK))
    disk_put(path, text, strlen(text));
}

static inline bool disk_holds(const char *path, const uint8_t *p, size_t n)
{
  int fd = open(path, O_RDONLY);
  uint8_t *got = malloc(n + 1);
  if (!got)
    abort();
  bool same = fd >= 0 && read(fd, got, n + 1) == (ssize_t)n && !memcmp(got, p, n);
  if (fd >= 0)
    (void)close(fd);
  free(got);
  return same;
}

static inline int disk_remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
  (void)st;
  (void)kind;
  (void)where;
  return remove(path);
}

/* Nothing of that name is left. */
static inline void disk_clear(const char *name)
{
  (void)nftw(disk_path(name), disk_remove_one, 16, FTW_PHYS | FTW_DEPTH);
}

#endif

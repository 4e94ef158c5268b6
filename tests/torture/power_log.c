/* tests/torture/power_log.c - LD_PRELOAD: notes each change below POWER_UNDER in the order in which it happened, into the file POWER_LOG.
 *
 * A record is one line and the bytes it counts; powercut.py reads them. Inodes are numbers of the kernel, which it uses again: C begins one.
 *   C ino n\npath       a file was made          D ino n\npath       a folder was          L ino n m\nptarget    a symbolic link was
 *   H ino n\npath       a second name            R n m\nfromto       renamed               U n\npath             a name was removed
 *   W ino at n\nbytes   written                  T ino size\n        cut, or grown         S ino\n               synced (file or folder)
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* order in the log is order on the disk */
static char under[4096];
static int log_fd = -1;

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void)
{
  const char *place = getenv("POWER_UNDER"), *file = getenv("POWER_LOG");
  int (*real)(const char *, int, ...) = next("open");
  if (!place || !file)
    return;
  snprintf(under, sizeof under, "%s", place);
  log_fd = real(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static bool is_under(const char *path)
{
  size_t n = strlen(under);
  return log_fd >= 0 && path && strncmp(path, under, n) == 0 && (path[n] == '/' || path[n] == 0);
}

/* The path of an open file below POWER_UNDER. */
static bool path_of(int fd, char path[4096])
{
  char name[64];
  if (log_fd < 0)
    return false;
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(name, path, 4095);
  if (n <= 0)
    return false;
  path[n] = 0;
  return is_under(path);
}

static bool fd_is_under(int fd)
{
  char path[4096];
  return path_of(fd, path);
}

static void note(const char *head, const void *a, size_t n, const void *b, size_t m)
{
  struct iovec parts[3] = { { (void *)(size_t)head, strlen(head) }, { (void *)(size_t)a, n }, { (void *)(size_t)b, m } };
  ssize_t (*real)(int, const struct iovec *, int) = next("writev");
  if (real(log_fd, parts, 3) != (ssize_t)(parts[0].iov_len + n + m))
    abort();
}

static unsigned long long inode_at(const char *path)
{
  struct stat st;
  return lstat(path, &st) == 0 ? (unsigned long long)st.st_ino : 0;
}

static unsigned long long inode_of(int fd)
{
  struct stat st;
  return fstat(fd, &st) == 0 ? (unsigned long long)st.st_ino : 0;
}

static void note_path(char kind, unsigned long long ino, const char *path)
{
  char head[80];
  snprintf(head, sizeof head, "%c %llu %zu\n", kind, ino, strlen(path));
  note(head, path, strlen(path), "", 0);
}

static void note_size(int fd, unsigned long long size)
{
  char head[80];
  snprintf(head, sizeof head, "T %llu %llu\n", inode_of(fd), size);
  note(head, "", 0, "", 0);
}

static void note_two(const char *from, const char *to)
{
  char head[80];
  snprintf(head, sizeof head, "R %zu %zu\n", strlen(from), strlen(to));
  note(head, from, strlen(from), to, strlen(to));
}

static void note_gone(const char *path)
{
  char head[80];
  snprintf(head, sizeof head, "U %zu\n", strlen(path));
  note(head, path, strlen(path), "", 0);
}

#define LOCKED(statement)          \
  do {                             \
    pthread_mutex_lock(&lock);     \
    statement;                     \
    int kept = errno;              \
    pthread_mutex_unlock(&lock);   \
    errno = kept;                  \
  } while (0)

static int open_noted(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
  if (!is_under(path) || !(flags & (O_CREAT | O_TRUNC)))
    return real(path, flags, mode);
  int fd;
  LOCKED({
    unsigned long long before = inode_at(path);
    fd = real(path, flags, mode);
    int sys = errno;
    if (fd >= 0 && !before)
      note_path('C', inode_of(fd), path);
    else if (fd >= 0 && flags & O_TRUNC)
      note_size(fd, 0);
    errno = sys;
  });
  return fd;
}

#define OPEN(name)                                                          \
  int name(const char *path, int flags, ...);                               \
  int name(const char *path, int flags, ...)                                \
  {                                                                         \
    va_list ap;                                                             \
    va_start(ap, flags);                                                    \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0; \
    va_end(ap);                                                             \
    return open_noted(next(#name), path, flags, mode);                      \
  }
OPEN(open)
OPEN(open64)

static void note_write(int fd, off_t at, const void *p, ssize_t n)
{
  char head[120];
  if (n <= 0)
    return;
  int sys = errno;
  snprintf(head, sizeof head, "W %llu %lld %zd\n", inode_of(fd), (long long)at, n);
  note(head, p, (size_t)n, "", 0);
  errno = sys;
}

#define PWRITE(name)                                                  \
  ssize_t name(int fd, const void *p, size_t n, off_t at)             \
  {                                                                   \
    ssize_t (*real)(int, const void *, size_t, off_t) = next(#name), k; \
    if (!fd_is_under(fd))                                             \
      return real(fd, p, n, at);                                      \
    LOCKED(k = real(fd, p, n, at); note_write(fd, at, p, k));         \
    return k;                                                         \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int fd, const void *p, size_t n)
{
  ssize_t (*real)(int, const void *, size_t) = next("write"), k;
  struct stat st;
  if (!fd_is_under(fd))
    return real(fd, p, n);
  LOCKED({
    off_t at = fcntl(fd, F_GETFL) & O_APPEND && fstat(fd, &st) == 0 ? st.st_size : lseek(fd, 0, SEEK_CUR);
    k = real(fd, p, n);
    note_write(fd, at, p, k);
  });
  return k;
}

#define RESERVE(name)                                                \
  int name(int fd, int mode, off_t at, off_t n)                      \
  {                                                                  \
    int (*real)(int, int, off_t, off_t) = next(#name), rc;           \
    if (!fd_is_under(fd))                                            \
      return real(fd, mode, at, n);                                  \
    LOCKED({                                                         \
      rc = real(fd, mode, at, n);                                    \
      int sys = errno;                                               \
      struct stat st;                                                \
      if (!rc && fstat(fd, &st) == 0)                                \
        note_size(fd, (unsigned long long)st.st_size);               \
      errno = sys;                                                   \
    });                                                              \
    return rc;                                                       \
  }
RESERVE(fallocate)
RESERVE(fallocate64)

#define CUT(name)                                     \
  int name(int fd, off_t size)                        \
  {                                                   \
    int (*real)(int, off_t) = next(#name), rc;        \
    if (!fd_is_under(fd))                             \
      return real(fd, size);                          \
    LOCKED(rc = real(fd, size); if (!rc) note_size(fd, (unsigned long long)size)); \
    return rc;                                        \
  }
CUT(ftruncate)
CUT(ftruncate64)

#define SYNC(name)                                    \
  int name(int fd)                                    \
  {                                                   \
    int (*real)(int) = next(#name), rc;               \
    char head[60];                                    \
    if (!fd_is_under(fd))                             \
      return real(fd);                                \
    LOCKED({                                          \
      rc = 0; /* the log is the disk */               \
      snprintf(head, sizeof head, "S %llu\n", inode_of(fd)); \
      note(head, "", 0, "", 0);                       \
      (void)real;                                     \
    });                                               \
    return rc;                                        \
  }
SYNC(fsync)
SYNC(fdatasync)

int rename(const char *from, const char *to)
{
  int (*real)(const char *, const char *) = next("rename"), rc;
  if (!is_under(to))
    return real(from, to);
  LOCKED(rc = real(from, to); if (!rc) note_two(from, to));
  return rc;
}

long syscall(long number, ...)
{
  long (*real)(long, ...) = next("syscall"), a[6], rc;
  va_list ap;
  va_start(ap, number);
  for (int i = 0; i < 6; i++)
    a[i] = va_arg(ap, long);
  va_end(ap);
  if (number != SYS_renameat2 || !is_under((const char *)a[3]))
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  LOCKED(rc = real(number, a[0], a[1], a[2], a[3], a[4], a[5]); if (!rc) note_two((const char *)a[1], (const char *)a[3]));
  return rc;
}

int link(const char *from, const char *to)
{
  int (*real)(const char *, const char *) = next("link"), rc;
  if (!is_under(to))
    return real(from, to);
  LOCKED(rc = real(from, to); if (!rc) note_path('H', inode_at(to), to));
  return rc;
}

int symlink(const char *target, const char *path)
{
  int (*real)(const char *, const char *) = next("symlink"), rc;
  char head[80];
  if (!is_under(path))
    return real(target, path);
  LOCKED({
    rc = real(target, path);
    int sys = errno;
    if (!rc) {
      snprintf(head, sizeof head, "L %llu %zu %zu\n", inode_at(path), strlen(path), strlen(target));
      note(head, path, strlen(path), target, strlen(target));
    }
    errno = sys;
  });
  return rc;
}

int mkdir(const char *path, mode_t mode)
{
  int (*real)(const char *, mode_t) = next("mkdir"), rc;
  if (!is_under(path))
    return real(path, mode);
  LOCKED(rc = real(path, mode); if (!rc) note_path('D', inode_at(path), path));
  return rc;
}

#define REMOVE(name)                              \
  int name(const char *path)                      \
  {                                               \
    int (*real)(const char *) = next(#name), rc;  \
    if (!is_under(path))                          \
      return real(path);                          \
    LOCKED(rc = real(path); if (!rc) note_gone(path)); \
    return rc;                                    \
  }
REMOVE(unlink)
REMOVE(rmdir)

int unlinkat(int folder, const char *name, int flags)
{
  int (*real)(int, const char *, int) = next("unlinkat"), rc;
  char path[8192];
  if (folder == AT_FDCWD || name[0] == '/')
    snprintf(path, sizeof path, "%s", name);
  else if (path_of(folder, path))
    snprintf(path + strlen(path), sizeof path - strlen(path), "/%s", name);
  else
    path[0] = 0;
  if (!is_under(path))
    return real(folder, name, flags);
  LOCKED(rc = real(folder, name, flags); if (!rc) note_gone(path));
  return rc;
}

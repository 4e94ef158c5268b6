/* tests/torture/odd_disk.c - LD_PRELOAD: a disk with a fault, by a table in the environment.
 *
 *   ODD_UNDER=/path     only names below it, and descriptors of such names (calls of the Python around are left alone)
 *   ODD="fallocate=EOPNOTSUPP,link=EPERM"         rows; a row is  call=ANSWER[/every][+after]
 *        call     open write read fallocate sync rename rename_new link symlink mkdir remove flock mode statvfs clock
 *        ANSWER   an errno's name; flock: LIES (everybody gets the lock); clock: BACK (an hour earlier from its `after`-th question on);
 *                 statvfs: EMPTY (0 bytes of 0: some FUSE mounts)
 *        /every   each n-th call only (open=EINTR/3)      +after   not the first n (write=EDQUOT+20)
 *
 * Not here: what a real disk can show by itself (full, read-only, foreign, case-insensitive: disks.py mounts those). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum call { OPEN, WRITE, READ, FALLOCATE, SYNC, RENAME, RENAME_NEW, LINK, SYMLINK, MKDIR, REMOVE, FLOCK, MODE, STATVFS, CLOCK, CALLS };
static const char *const names[CALLS] = { "open", "write", "read", "fallocate", "sync", "rename", "rename_new", "link", "symlink", "mkdir",
                                          "remove", "flock", "mode", "statvfs", "clock" };
static const struct { const char *name; int sys; } answers[] = {
  { "EIO", EIO }, { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT }, { "EROFS", EROFS }, { "EACCES", EACCES }, { "EPERM", EPERM }, { "EMFILE", EMFILE },
  { "ENFILE", ENFILE }, { "EINTR", EINTR }, { "ESTALE", ESTALE }, { "ENOTCONN", ENOTCONN }, { "EOPNOTSUPP", EOPNOTSUPP }, { "ENOSYS", ENOSYS },
  { "EINVAL", EINVAL }, { "ENOLCK", ENOLCK }, { "EXDEV", EXDEV }, { "EILSEQ", EILSEQ }, { "LIES", -1 }, { "BACK", -1 }, { "EMPTY", -1 },
};

struct row { int sys; unsigned every, after; atomic_uint seen; };
static struct row rows[CALLS];
static char under[4096];

static void say_wrong(const char *what)
{
  fprintf(stderr, "odd_disk: what is %s?\n", what);
  _exit(99);
}

__attribute__((constructor)) static void read_table(void)
{
  const char *place = getenv("ODD_UNDER"), *table = getenv("ODD");
  char copy[1000], *rest = copy, *item;
  snprintf(under, sizeof under, "%s", place ? place : "/");
  snprintf(copy, sizeof copy, "%s", table ? table : "");
  while ((item = strsep(&rest, ",")) != NULL && item[0]) {
    char *eq = strchr(item, '=');
    unsigned call = 0, k = 0;
    if (!eq)
      say_wrong(item);
    *eq++ = 0;
    while (call < CALLS && strcmp(names[call], item) != 0)
      call++;
    size_t n = strcspn(eq, "/+");
    while (k < sizeof answers / sizeof answers[0] && (strlen(answers[k].name) != n || strncmp(answers[k].name, eq, n) != 0))
      k++;
    if (call == CALLS || k == sizeof answers / sizeof answers[0])
      say_wrong(item);
    char *every = strchr(eq, '/'), *after = strchr(eq, '+');
    rows[call].every = every ? (unsigned)atoi(every + 1) : 1;
    rows[call].after = after ? (unsigned)atoi(after + 1) : 0;
    rows[call].sys = answers[k].sys;
  }
}

static bool is_under(const char *path)
{
  size_t n = strlen(under);
  return path && strncmp(path, under, n) == 0;
}

/* 0: let it through; else the errno, or -1 for a lie. */
static int odd(enum call call, const char *path)
{
  struct row *r = &rows[call];
  if (!r->sys || (path && !is_under(path)))
    return 0;
  unsigned n = atomic_fetch_add(&r->seen, 1);
  return n >= r->after && (n - r->after) % r->every == r->every - 1 ? r->sys : 0;
}

static int odd_fd(enum call call, int fd)
{
  char name[64], path[4096];
  if (!rows[call].sys)
    return 0;
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(name, path, sizeof path - 1);
  if (n <= 0)
    return 0;
  path[n] = 0;
  return odd(call, path);
}

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }

#define NO(sys) do { errno = (sys); return -1; } while (0)

#define ODD_OPEN(name)                                                    \
  int name(const char *path, int flags, ...);                             \
  int name(const char *path, int flags, ...)                              \
  {                                                                       \
    int (*real)(const char *, int, ...) = next(#name);                    \
    int sys = odd(OPEN, path);                                            \
    va_list ap;                                                           \
    va_start(ap, flags);                                                  \
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0; \
    va_end(ap);                                                           \
    if (sys)                                                              \
      NO(sys);                                                            \
    return real(path, flags, mode);                                       \
  }
ODD_OPEN(open)
ODD_OPEN(open64)

#define ODD_MOVE(name, call, constness)                                          \
  ssize_t name(int fd, constness void *p, size_t n, off_t at);                    \
  ssize_t name(int fd, constness void *p, size_t n, off_t at)                     \
  {                                                                               \
    ssize_t (*real)(int, constness void *, size_t, off_t) = next(#name);          \
    int sys = odd_fd(call, fd);                                                   \
    if (sys)                                                                      \
      NO(sys);                                                                    \
    return real(fd, p, n, at);                                                    \
  }
ODD_MOVE(pwrite, WRITE, const)
ODD_MOVE(pwrite64, WRITE, const)
ODD_MOVE(pread, READ, )
ODD_MOVE(pread64, READ, )

ssize_t write(int fd, const void *p, size_t n)
{
  ssize_t (*real)(int, const void *, size_t) = next("write");
  int sys = odd_fd(WRITE, fd);
  if (sys)
    NO(sys);
  return real(fd, p, n);
}

#define ODD_RESERVE(name)                              \
  int name(int fd, int mode, off_t at, off_t n)        \
  {                                                    \
    int (*real)(int, int, off_t, off_t) = next(#name); \
    int sys = odd_fd(FALLOCATE, fd);                   \
    if (sys)                                           \
      NO(sys);                                         \
    return real(fd, mode, at, n);                      \
  }
ODD_RESERVE(fallocate)
ODD_RESERVE(fallocate64)

#define ODD_FD(name, call)               \
  int name(int fd)                       \
  {                                      \
    int (*real)(int) = next(#name);      \
    int sys = odd_fd(call, fd);          \
    if (sys)                             \
      NO(sys);                           \
    return real(fd);                     \
  }
ODD_FD(fsync, SYNC)
ODD_FD(fdatasync, SYNC)

int fchmod(int fd, mode_t mode)
{
  int (*real)(int, mode_t) = next("fchmod");
  int sys = odd_fd(MODE, fd);
  if (sys)
    NO(sys);
  return real(fd, mode);
}

#define ODD_TWO(name, call)                                  \
  int name(const char *from, const char *to)                 \
  {                                                          \
    int (*real)(const char *, const char *) = next(#name);   \
    int sys = odd(call, to);                                 \
    if (sys)                                                 \
      NO(sys);                                               \
    return real(from, to);                                   \
  }
ODD_TWO(rename, RENAME)
ODD_TWO(link, LINK)
ODD_TWO(symlink, SYMLINK)

int mkdir(const char *path, mode_t mode)
{
  int (*real)(const char *, mode_t) = next("mkdir");
  int sys = odd(MKDIR, path);
  if (sys)
    NO(sys);
  return real(path, mode);
}

#define ODD_REMOVE(name)                     \
  int name(const char *path)                 \
  {                                          \
    int (*real)(const char *) = next(#name); \
    int sys = odd(REMOVE, path);             \
    if (sys)                                 \
      NO(sys);                               \
    return real(path);                       \
  }
ODD_REMOVE(unlink)
ODD_REMOVE(rmdir)

int flock(int fd, int operation);
int flock(int fd, int operation)
{
  int (*real)(int, int) = next("flock");
  int sys = odd_fd(FLOCK, fd);
  if (sys > 0)
    NO(sys);
  return sys < 0 ? 0 : real(fd, operation);
}

#define ODD_STATVFS(name, type, what, call)        \
  int name(what, struct type *v)                   \
  {                                                \
    int (*real)(what, struct type *) = next(#name); \
    int sys = call, rc;                            \
    if (sys > 0)                                   \
      NO(sys);                                     \
    rc = real(at, v);                              \
    if (!rc && sys < 0)                            \
      v->f_blocks = v->f_bfree = v->f_bavail = 0;  \
    return rc;                                     \
  }
ODD_STATVFS(statvfs, statvfs, const char *at, odd(STATVFS, at))
ODD_STATVFS(statvfs64, statvfs64, const char *at, odd(STATVFS, at))
ODD_STATVFS(fstatvfs, statvfs, int at, odd_fd(STATVFS, at))
ODD_STATVFS(fstatvfs64, statvfs64, int at, odd_fd(STATVFS, at))

/* plat asks for renameat2 by its number. */
long syscall(long number, ...)
{
  long (*real)(long, ...) = next("syscall");
  long a[6];
  va_list ap;
  va_start(ap, number);
  for (int i = 0; i < 6; i++)
    a[i] = va_arg(ap, long);
  va_end(ap);
  int sys = number == SYS_renameat2 ? odd(RENAME_NEW, (const char *)a[3]) : 0;
  if (sys)
    NO(sys);
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int clock_gettime(clockid_t which, struct timespec *t)
{
  int (*real)(clockid_t, struct timespec *) = next("clock_gettime");
  int rc = real(which, t);
  if (!rc && which == CLOCK_REALTIME && odd(CLOCK, NULL))
    t->tv_sec -= 3600;
  return rc;
}

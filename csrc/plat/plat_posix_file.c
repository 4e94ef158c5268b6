/* plat/plat_posix_file.c - one open file, for Linux and macOS. What differs is in plat_linux.c. */
#ifndef _WIN32
#include "plat/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plat/fault.h"
#include "plat/posix_int.h"

#include "util/banned.h"

_Static_assert(sizeof(off_t) == 8, "files of more than 2 GiB: compile with _FILE_OFFSET_BITS=64");

static int flags_of(enum hj_open how)
{
  switch (how) {
  case HJ_OPEN_READ:
    return O_RDONLY | O_NONBLOCK; /* a FIFO that somebody left in a cache must not hang us; files ignore the flag */
  case HJ_OPEN_QUIET:
#ifdef O_NOATIME
    return O_RDONLY | O_NONBLOCK | O_NOATIME;
#else
    return O_RDONLY | O_NONBLOCK;
#endif
  case HJ_OPEN_NEW:
    return O_RDWR | O_CREAT | O_EXCL;
  case HJ_OPEN_UPDATE:
    return O_RDWR | O_NOFOLLOW;
  case HJ_OPEN_APPEND:
    return O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK; /* else a FIFO without a reader waits for one */
  case HJ_OPEN_LOCK:
    return O_RDWR | O_CREAT | O_NOFOLLOW;
  }
  return -1;
}

/* A program that closed its stdout gives the number to the next file, and what it prints goes there: into somebody's weights, perhaps
 * after they were proven. */
static int move_up(int fd)
{
  int up = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (up < 0)
    return fd; /* no descriptor left: as it is, then */
  (void)close(fd);
  return up;
}

int hj_file_open(hj_file *f, const char *path, enum hj_open how, unsigned mode, struct hj_err *e)
{
  int flags = flags_of(how), fd = -1;
  f->fd = -1;
  if (flags < 0)
    return hj_fail(e, HJ_E_BUG, "an unknown way to open a file: %d", (int)how);
  int sys = hj_fault(HJ_OP_OPEN);
  if (!sys)
    HJ_RETRY(sys, fd = open(path, flags | O_CLOEXEC | O_NOCTTY, (mode_t)mode));
  if (sys == EPERM && how == HJ_OPEN_QUIET) /* O_NOATIME is its owner's to ask for */
    HJ_RETRY(sys, fd = open(path, flags_of(HJ_OPEN_READ) | O_CLOEXEC | O_NOCTTY));
  if (sys)
    return hj_fail_path(e, sys, how == HJ_OPEN_NEW ? "could not make" : "could not open", path);
  f->fd = fd <= STDERR_FILENO ? move_up(fd) : fd;
  return HJ_E_OK;
}

void hj_file_close(hj_file *f)
{
  /* No second try after EINTR: Linux has closed the descriptor by then, and its number may be another thread's already.
   * Errors that a file system keeps for close() (NFS) were asked for by hj_file_sync before. */
  if (f->fd >= 0)
    (void)close(f->fd);
  f->fd = -1;
}

void hj_socket_close(int s) { (void)close(s); }

int hj_file_write_at(hj_file *f, uint64_t at, const void *p, size_t n, struct hj_err *e)
{
  const char *from = p;
  int sys = hj_fault(HJ_OP_WRITE);
  if (!sys && (at > INT64_MAX || n > INT64_MAX - at))
    sys = EFBIG;
  while (!sys && n) {
    ssize_t k = 0;
    HJ_RETRY(sys, k = pwrite(f->fd, from, n < HJ_IO_MOST ? n : HJ_IO_MOST, (off_t)at));
    if (!sys && k == 0)
      sys = EIO; /* a file that takes nothing and gives no reason: never seen, must not loop */
    if (sys)
      break;
    from += k;
    at += (uint64_t)k;
    n -= (size_t)k;
  }
  return sys ? hj_fail_sys(e, sys, "could not write at byte %llu", (unsigned long long)at) : HJ_E_OK;
}

int hj_file_append(hj_file *f, const void *p, size_t n, struct hj_err *e)
{
  const char *from = p;
  int sys = hj_fault(HJ_OP_WRITE);
  while (!sys && n) { /* a second round only after a short write, and mostly to learn its reason */
    ssize_t k = 0;
    HJ_RETRY(sys, k = write(f->fd, from, n < HJ_IO_MOST ? n : HJ_IO_MOST));
    if (!sys && k == 0)
      sys = EIO;
    if (sys)
      break;
    from += k;
    n -= (size_t)k;
  }
  return sys ? hj_fail_sys(e, sys, "could not append") : HJ_E_OK;
}

int hj_file_read_at(hj_file *f, uint64_t at, void *p, size_t n, size_t *got, struct hj_err *e)
{
  char *to = p;
  *got = 0;
  int sys = hj_fault(HJ_OP_READ);
  if (!sys && (at > INT64_MAX || n > INT64_MAX - at))
    sys = EFBIG;
  while (!sys && *got < n) {
    size_t want = n - *got;
    ssize_t k = 0;
    HJ_RETRY(sys, k = pread(f->fd, to + *got, want < HJ_IO_MOST ? want : HJ_IO_MOST, (off_t)(at + *got)));
    if (sys || k == 0)
      break;
    *got += (size_t)k;
  }
  return sys ? hj_fail_sys(e, sys, "could not read at byte %llu", (unsigned long long)(at + *got)) : HJ_E_OK;
}

int hj_file_resize(hj_file *f, uint64_t size, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_RESERVE);
  if (!sys && size > INT64_MAX)
    sys = EFBIG;
  if (!sys)
    HJ_RETRY(sys, ftruncate(f->fd, (off_t)size));
  return sys ? hj_fail_sys(e, sys, "could not set the size to %llu bytes", (unsigned long long)size) : HJ_E_OK;
}

void hj_stat_fill(struct hj_stat *out, const struct stat *st)
{
  *out = (struct hj_stat){
    .kind = S_ISREG(st->st_mode) ? HJ_KIND_FILE : S_ISDIR(st->st_mode) ? HJ_KIND_DIR :
            S_ISLNK(st->st_mode) ? HJ_KIND_LINK : HJ_KIND_OTHER,
    .size = (uint64_t)st->st_size,
    .held = (uint64_t)st->st_blocks * 512, /* POSIX leaves the unit open; it is 512 on Linux and macOS, whatever st_blksize says */
    .mtime_ns = hj_os_mtime_ns(st),
    .ctime_ns = hj_os_ctime_ns(st),
    .inode = (uint64_t)st->st_ino,
    .device = (uint64_t)st->st_dev,
    .links = (uint32_t)st->st_nlink,
    .mode = (unsigned)st->st_mode & 07777u,
    .owner = (uint32_t)st->st_uid,
  };
}

int hj_file_stat(hj_file *f, struct hj_stat *out, struct hj_err *e)
{
  struct stat st;
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys)
    HJ_RETRY(sys, fstat(f->fd, &st));
  if (sys)
    return hj_fail_sys(e, sys, "could not look at an open file");
  hj_stat_fill(out, &st);
  return HJ_E_OK;
}

int hj_file_mode(hj_file *f, unsigned mode, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_MODE);
  if (!sys)
    HJ_RETRY(sys, fchmod(f->fd, (mode_t)mode));
  return sys ? hj_fail_sys(e, sys, "could not set the permissions of an open file") : HJ_E_OK;
}

int hj_file_lock(hj_file *f, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_LOCK);
  if (!sys)
    HJ_RETRY(sys, flock(f->fd, LOCK_EX | LOCK_NB));
  switch (sys) {
  case 0:
    return HJ_E_OK;
  case EWOULDBLOCK:
    (void)hj_fail(e, HJ_E_BUSY, "another process holds the lock");
    break;
  case ENOSYS:
  case ENOLCK:  /* NFS without its lock daemon */
  case EINVAL:
  case ENOTSUP: /* seen on FUSE and Lustre mounts without the flock option */
#if EOPNOTSUPP != ENOTSUP
  case EOPNOTSUPP:
#endif
    (void)hj_fail(e, HJ_E_NONE, "this file system has no locks");
    break;
  default:
    return hj_fail_sys(e, sys, "could not lock a file");
  }
  e->sys = e->sys ? e->sys : sys;
  return (int)e->code;
}

void hj_file_unlock(hj_file *f)
{
  int sys;
  HJ_RETRY(sys, flock(f->fd, LOCK_UN));
  (void)sys; /* benign: a lock that cannot be given back was none */
}
#endif

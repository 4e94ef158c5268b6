/* plat/plat_linux.c - files: what Linux does its own way. */
#ifdef __linux__
#include "plat/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plat/fault.h"
#include "plat/posix_int.h"
#include "util/trace.h"

#include "util/banned.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1u /* <linux/fs.h>; the C library's headers have it since glibc 2.28 */
#endif

/* Anybody may give a file a time some billion years away (utimensat; seen on tmpfs): it stays at the border. */
static int64_t ns_of(struct timespec t)
{
  if (t.tv_sec >= INT64_MAX / 1000000000)
    return INT64_MAX;
  if (t.tv_sec <= INT64_MIN / 1000000000)
    return INT64_MIN;
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t hj_os_mtime_ns(const struct stat *st) { return ns_of(st->st_mtim); }
int64_t hj_os_ctime_ns(const struct stat *st) { return ns_of(st->st_ctim); }

static bool not_offered(int sys)
{
  return sys == EOPNOTSUPP || sys == ENOSYS || sys == EINVAL;
}

/* Says "no space" before a single block is taken: with fallocate alone some file systems fill up first. Where free space
 * cannot be told (some FUSE mounts say 0 of 0) the allocation itself is the question. */
static int check_space(hj_file *f, uint64_t size, struct hj_err *e)
{
  struct statvfs v;
  struct stat st;
  HJ_BENIGN_BEGIN();
  int sys = hj_fault(HJ_OP_FREE);
  if (!sys)
    HJ_RETRY(sys, fstatvfs(f->fd, &v));
  if (!sys)
    HJ_RETRY(sys, fstat(f->fd, &st));
  HJ_BENIGN_END();
  if (sys || v.f_blocks == 0)
    return HJ_E_OK;
  uint64_t held = (uint64_t)st.st_blocks * 512, free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
  uint64_t needed = size > held ? size - held : 0;
  if (needed <= free_bytes)
    return HJ_E_OK;
  bool fresh = e->code == HJ_E_OK;
  (void)hj_fail(e, HJ_E_NOSPACE, "no space left: %llu bytes are needed, %llu are free", (unsigned long long)needed,
                (unsigned long long)free_bytes);
  if (fresh) {
    e->sys = ENOSPC;
    e->needed = needed;
    e->room = free_bytes;
  }
  return (int)e->code;
}

int hj_file_reserve(hj_file *f, uint64_t size, struct hj_err *e)
{
  struct stat st;
  if (size == 0)
    return HJ_E_OK; /* fallocate answers EINVAL to this */
  if (check_space(f, size, e))
    return (int)e->code;
  int sys = hj_fault(HJ_OP_RESERVE);
  if (!sys && size > INT64_MAX)
    sys = EFBIG;
  if (!sys)
    HJ_RETRY(sys, fallocate(f->fd, 0, 0, (off_t)size));
  if (not_offered(sys)) {
    /* NFS before 4.2, many FUSE mounts, ZFS. A sparse size at least; never a smaller one than the file has. */
    HJ_TRACE(HJ_T_STORE, 0, "no real reservation here (errno %d), %llu bytes sparse", sys, (unsigned long long)size);
    HJ_RETRY(sys, fstat(f->fd, &st));
    if (!sys && (uint64_t)st.st_size < size)
      HJ_RETRY(sys, ftruncate(f->fd, (off_t)size));
  }
  return sys ? hj_fail_sys(e, sys, "could not reserve %llu bytes", (unsigned long long)size) : HJ_E_OK;
}

/* fdatasync: size and blocks are covered (man 2 fdatasync), only the time stamps are not. */
int hj_file_sync(hj_file *f, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_SYNC);
  if (!sys)
    HJ_RETRY(sys, fdatasync(f->fd));
  if (not_offered(sys)) {
    HJ_TRACE(HJ_T_STORE, 0, "this file system cannot sync (errno %d)", sys);
    sys = 0;
  }
  return sys ? hj_fail_sys(e, sys, "the disk did not confirm the data") : HJ_E_OK;
}

void hj_file_flush_hint(hj_file *f, uint64_t at, uint64_t n)
{
  if (at <= INT64_MAX && n <= INT64_MAX - at)
    (void)sync_file_range(f->fd, (off_t)at, (off_t)n, SYNC_FILE_RANGE_WRITE);
}

void hj_file_ahead_hint(hj_file *f, uint64_t at, uint64_t n)
{
  if (at <= INT64_MAX && n <= INT64_MAX - at)
    (void)posix_fadvise(f->fd, (off_t)at, (off_t)n, POSIX_FADV_WILLNEED);
}

void hj_file_sequential_hint(hj_file *f)
{
  (void)posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
}

#ifndef FICLONE
#define FICLONE _IOW(0x94, 9, int) /* <linux/fs.h>, which has names that <sys/mount.h> has, too */
#endif

/* EXDEV: another file system; EOPNOTSUPP, ENOTTY, EINVAL: one that has no clones (ext4; xfs without reflink=1), or a swap file; EPERM, ETXTBSY: not
 * from this file; EACCES, ENOSYS: a sandbox. Whatever the reason, there are other ways to the bytes. */
int hj_file_clone(hj_file *from, const char *to, struct hj_err *e)
{
  hj_file f = HJ_FILE_INIT;
  if (hj_file_open(&f, to, HJ_OPEN_UPDATE, 0, e))
    return (int)e->code;
  int sys = hj_fault(HJ_OP_LINK);
  if (!sys)
    HJ_RETRY(sys, ioctl(f.fd, FICLONE, from->fd));
  hj_file_close(&f);
  if (sys == EIO || sys == ENOSPC || sys == EDQUOT || sys == EROFS)
    return hj_fail_path(e, sys, "could not clone to", to);
  return sys ? hj_fail(e, HJ_E_NONE, "no clones here (errno %d)", sys) : HJ_E_OK;
}

/* By number: glibc has the function since 2.28 only, kernels have the call since 3.15. */
static int rename_noreplace(const char *from, const char *to)
{
  int sys;
  HJ_RETRY(sys, syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE));
  return sys;
}

int hj_path_rename_new(const char *from, const char *to, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_RENAME);
  if (!sys)
    sys = rename_noreplace(from, to);
  if (not_offered(sys)) { /* NFS, CIFS, ZFS before 2.2, FUSE */
    sys = hj_posix_rename_new(from, to);
  }
  return sys ? hj_fail_path(e, sys, "could not rename to", to) : HJ_E_OK;
}
#endif

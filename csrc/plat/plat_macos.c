/* plat/plat_macos.c - files: what macOS does its own way. Compiled by `make cross`; never run yet. */
#ifdef __APPLE__
#include "plat/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/clonefile.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plat/fault.h"
#include "plat/posix_int.h"
#include "util/trace.h"

#include "util/banned.h"

/* Anybody may give a file a time some billion years away (utimensat): it stays at the border. */
static int64_t ns_of(struct timespec t)
{
  if (t.tv_sec >= INT64_MAX / 1000000000)
    return INT64_MAX;
  if (t.tv_sec <= INT64_MIN / 1000000000)
    return INT64_MIN;
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t hj_os_mtime_ns(const struct stat *st) { return ns_of(st->st_mtimespec); }
int64_t hj_os_ctime_ns(const struct stat *st) { return ns_of(st->st_ctimespec); }

static bool not_offered(int sys)
{
  return sys == ENOTSUP || sys == EOPNOTSUPP || sys == ENOSYS || sys == EINVAL || sys == ENOTTY;
}

/* It makes its file by itself: ours, which kept the name, goes first. */
int hj_file_clone(hj_file *from, const char *to, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_LINK);
  if (!sys && unlink(to) != 0 && errno != ENOENT)
    sys = errno;
  if (!sys)
    HJ_RETRY(sys, fclonefileat(from->fd, AT_FDCWD, to, 0));
  if (!sys)
    return HJ_E_OK;
  hj_file f = HJ_FILE_INIT;
  struct hj_err scratch = HJ_ERR_INIT;
  if (hj_file_open(&f, to, HJ_OPEN_NEW, 0600, &scratch) && scratch.code != HJ_E_EXISTS) /* whoever tries another way finds it again */
    return hj_fail_path(e, sys, "could not clone to", to);
  hj_file_close(&f);
  return hj_fail(e, HJ_E_NONE, "no clones here (errno %d)", sys);
}

static int no_space(struct hj_err *e, uint64_t needed, uint64_t room)
{
  bool fresh = e->code == HJ_E_OK;
  (void)hj_fail(e, HJ_E_NOSPACE, "no space left: %llu bytes are needed, %llu are free", (unsigned long long)needed, (unsigned long long)room);
  if (fresh) {
    e->sys = ENOSPC;
    e->needed = needed;
    e->room = room;
  }
  return (int)e->code;
}

/* Blocks first, then the size: F_PREALLOCATE takes blocks behind the end (F_PEOFPOSMODE) and leaves the size alone. In one piece where there is
 * one; APFS mostly has, HFS+ on a full disk has not. */
int hj_file_reserve(hj_file *f, uint64_t size, struct hj_err *e)
{
  struct stat st;
  struct statfs v;
  if (size == 0)
    return HJ_E_OK;
  int sys = hj_fault(HJ_OP_RESERVE);
  if (!sys && size > INT64_MAX)
    sys = EFBIG;
  if (!sys)
    HJ_RETRY(sys, fstat(f->fd, &st));
  if (!sys) {
    uint64_t held = (uint64_t)st.st_blocks * 512, needed = size > held ? size - held : 0;
    if (fstatfs(f->fd, &v) == 0 && v.f_blocks && needed > (uint64_t)v.f_bavail * v.f_bsize)
      return no_space(e, needed, (uint64_t)v.f_bavail * v.f_bsize);
    fstore_t want = { .fst_flags = F_ALLOCATECONTIG, .fst_posmode = F_PEOFPOSMODE, .fst_length = (off_t)needed };
    if (needed)
      HJ_RETRY(sys, fcntl(f->fd, F_PREALLOCATE, &want));
    if (sys && needed) {
      want.fst_flags = F_ALLOCATEALL;
      HJ_RETRY(sys, fcntl(f->fd, F_PREALLOCATE, &want));
    }
    if (not_offered(sys)) {
      HJ_TRACE(HJ_T_STORE, 0, "no real reservation here (errno %d), %llu bytes sparse", sys, (unsigned long long)size);
      sys = 0;
    }
    if (!sys && (uint64_t)st.st_size < size)
      HJ_RETRY(sys, ftruncate(f->fd, (off_t)size));
  }
  return sys ? hj_fail_sys(e, sys, "could not reserve %llu bytes", (unsigned long long)size) : HJ_E_OK;
}

/* fsync() hands the bytes to the drive, which may keep them in its cache: man 2 fsync sends who means it to F_FULLFSYNC. */
int hj_file_sync(hj_file *f, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_SYNC);
  if (!sys) {
    HJ_RETRY(sys, fcntl(f->fd, F_FULLFSYNC));
    if (not_offered(sys)) /* SMB, some USB disks */
      HJ_RETRY(sys, fsync(f->fd));
  }
  if (not_offered(sys)) {
    HJ_TRACE(HJ_T_STORE, 0, "this file system cannot sync (errno %d)", sys);
    sys = 0;
  }
  return sys ? hj_fail_sys(e, sys, "the disk did not confirm the data") : HJ_E_OK;
}

void hj_file_flush_hint(hj_file *f, uint64_t at, uint64_t n)
{
  (void)f, (void)at, (void)n; /* no way to start writing back without waiting for it */
}

void hj_file_ahead_hint(hj_file *f, uint64_t at, uint64_t n)
{
  struct radvisory ahead = { .ra_offset = (off_t)at, .ra_count = n < INT32_MAX ? (int)n : INT32_MAX };
  (void)fcntl(f->fd, F_RDADVISE, &ahead); /* benign */
}

void hj_file_sequential_hint(hj_file *f)
{
  (void)fcntl(f->fd, F_RDAHEAD, 1); /* benign */
}

int hj_path_rename_new(const char *from, const char *to, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_RENAME);
  if (!sys)
    HJ_RETRY(sys, renamex_np(from, to, RENAME_EXCL));
  if (not_offered(sys)) /* HFS+, NFS, SMB, exFAT */
    sys = hj_posix_rename_new(from, to);
  return sys ? hj_fail_path(e, sys, "could not rename to", to) : HJ_E_OK;
}
#endif

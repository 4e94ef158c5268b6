/* plat/plat_posix_path.c - one file by its name, for Linux and macOS. What differs is in plat_linux.c. */
#ifndef _WIN32
#include "plat/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "plat/fault.h"
#include "plat/posix_int.h"
#include "util/mem.h"

#include "util/banned.h"

int hj_path_stat(const char *path, bool follow, struct hj_stat *out, struct hj_err *e)
{
  struct stat st;
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys)
    HJ_RETRY(sys, follow ? stat(path, &st) : lstat(path, &st));
  if (sys == ELOOP)
    sys = ENOENT; /* links that point at each other lead to nothing, like a dangling one */
  if (sys)
    return hj_fail_path(e, sys, "could not look at", path);
  hj_stat_fill(out, &st);
  return HJ_E_OK;
}

int hj_path_rename(const char *from, const char *to, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_RENAME);
  if (!sys)
    HJ_RETRY(sys, rename(from, to));
  return sys ? hj_fail_path(e, sys, "could not rename to", to) : HJ_E_OK;
}

int hj_path_remove(const char *path, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_REMOVE);
  if (!sys)
    HJ_RETRY(sys, unlink(path));
  return sys ? hj_fail_path(e, sys, "could not remove", path) : HJ_E_OK;
}

int hj_path_symlink(const char *target, const char *path, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_LINK);
  if (!sys)
    HJ_RETRY(sys, symlink(target, path));
  return sys ? hj_fail_path(e, sys, "could not make the link", path) : HJ_E_OK;
}

int hj_path_readlink(const char *path, char *out, size_t cap, struct hj_err *e)
{
  ssize_t n = 0;
  if (cap == 0)
    return hj_fail(e, HJ_E_BUG, "no room for a link's target");
  out[0] = 0;
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys)
    HJ_RETRY(sys, n = readlink(path, out, cap));
  if (!sys && (size_t)n >= cap) { /* it fills what was offered: there may be more, and no room for the NUL */
    out[0] = 0;
    sys = ENAMETOOLONG;
  }
  if (sys == EINVAL)
    sys = ENOENT; /* something is there, but no link */
  if (sys)
    return hj_fail_path(e, sys, "could not read the link", path);
  out[n] = 0;
  return HJ_E_OK;
}

int hj_path_hardlink(const char *from, const char *to, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_LINK);
  if (!sys)
    HJ_RETRY(sys, linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW));
  if (sys == EXDEV || sys == EOPNOTSUPP || sys == EMLINK || sys == ENOSYS)
    return hj_fail(e, HJ_E_DENIED, "no second name here (errno %d): %s", sys, to);
  return sys ? hj_fail_path(e, sys, "could not make the name", to) : HJ_E_OK;
}

int hj_path_mode(const char *path, unsigned mode, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_MODE);
  if (!sys)
    HJ_RETRY(sys, chmod(path, (mode_t)mode));
  return sys ? hj_fail_path(e, sys, "could not set the permissions of", path) : HJ_E_OK;
}

/* access() where it means us: glibc's faccessat calls faccessat2, to which containers of 2020 answer EPERM. */
int hj_path_may_write(const char *path, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_STAT);
  bool ourselves = getuid() == geteuid() && getgid() == getegid();
  if (!sys)
    HJ_RETRY(sys, ourselves ? access(path, W_OK) : faccessat(AT_FDCWD, path, W_OK, AT_EACCESS));
  return sys ? hj_fail_path(e, sys, "may not be written:", path) : HJ_E_OK;
}

int hj_disk_free(const char *path, uint64_t *bytes, struct hj_err *e)
{
  struct statvfs v;
  char *at = hj_mem_text(path, e);
  if (!at)
    return (int)e->code;
  int sys = hj_fault(HJ_OP_FREE);
  while (!sys) {
    HJ_RETRY(sys, statvfs(at, &v));
    char *slash = strrchr(at, '/');
    if ((sys != ENOENT && sys != ENOTDIR) || !slash || !slash[at == slash ? 1 : 0])
      break;
    slash[at == slash ? 1 : 0] = 0; /* the parent; "/" keeps its slash */
    sys = 0;
  }
  hj_mem_free(at);
  if (sys)
    return hj_fail_path(e, sys, "could not ask for the free space of", path);
  *bytes = v.f_blocks == 0 ? UINT64_MAX : (uint64_t)v.f_bavail * (v.f_frsize ? v.f_frsize : v.f_bsize);
  return HJ_E_OK;
}

static bool is_same_file(const char *a, const char *b)
{
  struct stat x, y;
  return lstat(a, &x) == 0 && lstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Atomic, for files: a name cannot be linked over. man 2 link: on NFS the answer may be wrong when the server made the
 * link and died before it could say so; the repeated request then finds the name taken, by ourselves. */
static int link_and_unlink(const char *from, const char *to)
{
  int sys = hj_fault(HJ_OP_LINK);
  if (!sys)
    HJ_RETRY(sys, link(from, to));
  if (sys == EEXIST && is_same_file(from, to))
    sys = 0;
  if (!sys)
    (void)unlink(from); /* benign: the new name is there; the old one is a leftover that sweeping finds */
  return sys;
}

/* Not atomic: two writers may both find nothing. The content behind a name of ours is decided by its digest, so the
 * loser replaces equal bytes by equal bytes. */
static int look_and_rename(const char *from, const char *to)
{
  struct stat st;
  int sys;
  HJ_RETRY(sys, lstat(to, &st));
  if (!sys)
    return EEXIST;
  if (sys == ENOENT)
    HJ_RETRY(sys, rename(from, to));
  return sys;
}

int hj_posix_rename_new(const char *from, const char *to)
{
  int sys = link_and_unlink(from, to);
  if (sys && sys != EEXIST && sys != ENOENT) /* Drive's FUSE and exFAT answer EPERM or ENOSYS to link(); folders, too */
    sys = look_and_rename(from, to);
  return sys;
}
#endif

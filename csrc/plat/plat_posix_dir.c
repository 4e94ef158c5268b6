/* plat/plat_posix_dir.c - folders, for Linux and macOS. */
#ifndef _WIN32
#include "plat/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plat/fault.h"
#include "plat/posix_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

#define DEPTH_MOST 64     /* no store of ours is deeper than 16; each level holds one descriptor and a small frame */
#define PASSES_MOST 8     /* over one folder, while others keep adding to it */

static int make_one(const char *path)
{
  int sys = hj_fault(HJ_OP_MKDIR);
  if (!sys)
    HJ_RETRY(sys, mkdir(path, 0777));
  return sys;
}

/* 0: a folder (or a link to one), EEXIST: something else, ENOENT: nothing, or another errno. */
static int look_for_dir(const char *path)
{
  struct stat st;
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys)
    HJ_RETRY(sys, stat(path, &st));
  if (!sys && !S_ISDIR(st.st_mode))
    sys = EEXIST;
  return sys == ENOTDIR ? ENOENT : sys;
}

int hj_dir_make(const char *path, struct hj_err *e)
{
  int sys = make_one(path);
  return sys ? hj_fail_path(e, sys, "could not make the folder", path) : HJ_E_OK;
}

/* Cuts the last component off; false if nothing is left to cut. */
static bool cut_last(char *path)
{
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/')
    n--;
  while (n > 0 && path[n - 1] != '/')
    n--;
  while (n > 1 && path[n - 1] == '/')
    n--;
  if (n == 0 || strlen(path) == n)
    return false;
  path[n] = 0;
  return true;
}

/* Puts the next component of `whole` back behind `path` (a prefix of it that cut_last made). */
static bool add_next(char *path, const char *whole)
{
  size_t n = strlen(path), all = strlen(whole);
  if (n == all)
    return false;
  while (whole[n] == '/')
    n++;
  n += strcspn(whole + n, "/");
  memcpy(path, whole, n);
  path[n] = 0;
  return true;
}

/* What exists is never made again: mkdir() on a read-only parent or an automounter's folder does not answer EEXIST
 * everywhere. So first down to what is there, then up. */
int hj_dir_make_all(const char *path, struct hj_err *e)
{
  char *at = hj_mem_text(path, e);
  if (!at)
    return (int)e->code;
  int sys = look_for_dir(at);
  while (sys == ENOENT && cut_last(at))
    sys = look_for_dir(at);
  while (!sys && add_next(at, path)) {
    sys = make_one(at);
    if (sys == EEXIST)  /* another process was faster, or a link that leads nowhere is in the way */
      sys = look_for_dir(at) ? EEXIST : 0;
  }
  if (sys)
    (void)hj_fail_path(e, sys, sys == EEXIST ? "a file, or a link to nowhere, is in the way of the folder" : "could not make the folder", at);
  hj_mem_free(at);
  return sys ? (int)e->code : HJ_E_OK;
}

int hj_dir_make_parents(const char *path, struct hj_err *e)
{
  char *at = hj_mem_text(path, e);
  if (!at)
    return (int)e->code;
  int rc = cut_last(at) ? hj_dir_make_all(at, e) : HJ_E_OK;
  hj_mem_free(at);
  return rc;
}

int hj_dir_remove(const char *path, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_REMOVE);
  if (!sys)
    HJ_RETRY(sys, rmdir(path));
  return sys ? hj_fail_path(e, sys, "could not remove the folder", path) : HJ_E_OK;
}

int hj_dir_sync(const char *path, struct hj_err *e)
{
  int fd = -1, sys = hj_fault(HJ_OP_SYNC);
  if (!sys)
    HJ_RETRY(sys, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!sys)
    HJ_RETRY(sys, fsync(fd));
  if (fd >= 0)
    (void)close(fd);
  /* EINVAL: CIFS, some FUSE. EBADF: seen on 9p. EACCES: a folder one may write into but not read. There the name is as
   * safe as that file system makes it, which is all a user can have. */
  if (sys == EINVAL || sys == ENOSYS || sys == ENOTSUP || sys == EBADF || sys == EACCES) {
    HJ_TRACE(HJ_T_STORE, 0, "folder cannot be synced (errno %d): %s", sys, path);
    sys = 0;
  }
  return sys ? hj_fail_path(e, sys, "could not sync the folder", path) : HJ_E_OK;
}

/* The next name but . and .., NULL at the end or on error (*sys). */
static const char *next_name(DIR *d, int *sys)
{
  *sys = hj_fault(HJ_OP_LIST);
  while (!*sys) {
    errno = 0;
    struct dirent *entry = readdir(d);
    if (!entry) {
      *sys = errno;
      return NULL;
    }
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      return entry->d_name;
  }
  return NULL;
}

int hj_dir_list(const char *path, int (*see)(void *user, const char *name, struct hj_err *e), void *user, struct hj_err *e)
{
  int rc = HJ_E_OK, sys = hj_fault(HJ_OP_LIST);
  DIR *d = sys ? NULL : opendir(path);
  if (!d && !sys)
    sys = errno;
  while (!sys && rc == HJ_E_OK) {
    const char *name = next_name(d, &sys);
    if (!name)
      break;
    rc = see(user, name, e);
  }
  if (d)
    (void)closedir(d);
  return sys ? hj_fail_path(e, sys, "could not list the folder", path) : rc;
}

/* --- removing a tree: through open folders only, so that a link put in somebody's way is never followed --- */

static int remove_inside(int parent, const char *name, int depth);

static int remove_at(int parent, const char *name, int flags)
{
  int sys = hj_fault(HJ_OP_REMOVE);
  if (!sys)
    HJ_RETRY(sys, unlinkat(parent, name, flags));
  return sys == ENOENT ? 0 : sys; /* somebody else removed it: as good */
}

/* unlinkat() decides what the entry is: d_type is DT_UNKNOWN on some file systems, and a stat would be one more race. */
static int remove_entry(int parent, const char *name, int depth)
{
  int sys = remove_at(parent, name, 0);
  if (sys != EISDIR && sys != EPERM)  /* Linux says EISDIR for a folder, macOS EPERM */
    return sys;
  int inside = remove_inside(parent, name, depth);
  return inside == ENOTDIR ? sys : inside;
}

static int remove_names(DIR *d, int depth, size_t *seen)
{
  int sys = 0;
  *seen = 0;
  for (;;) {
    const char *name = next_name(d, &sys);
    if (!name)
      return sys;
    ++*seen;
    sys = remove_entry(dirfd(d), name, depth + 1);
    if (sys)
      return sys;
  }
}

/* Everything below `name`, then itself. Recursion ends at DEPTH_MOST. */
static int remove_inside(int parent, const char *name, int depth)
{
  int fd = -1, sys = depth > DEPTH_MOST ? ENAMETOOLONG : hj_fault(HJ_OP_OPEN);
  if (!sys)
    HJ_RETRY(sys, fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (sys)
    return sys == ENOENT ? 0 : sys;
  DIR *d = fdopendir(fd);
  if (!d) {
    sys = errno;
    (void)close(fd);
    return sys;
  }
  /* Again until a pass sees nothing: names come and go while others write, and some file systems skip entries of a
   * folder that changes under readdir(). */
  size_t seen = 1;
  for (int pass = 0; !sys && seen && pass < PASSES_MOST; pass++) {
    rewinddir(d);
    sys = remove_names(d, depth, &seen);
  }
  (void)closedir(d);
  return sys ? sys : remove_at(parent, name, AT_REMOVEDIR);
}

int hj_dir_remove_tree(const char *path, struct hj_err *e)
{
  struct stat st;
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys)
    HJ_RETRY(sys, lstat(path, &st));
  if (sys == ENOENT)
    return HJ_E_OK;
  if (!sys && !S_ISDIR(st.st_mode)) {
    /* Users put a link here to move a repository to another disk. Removing the link alone would say "deleted" and keep
     * all of it; following it is not ours to decide. */
    const char *dots, *tail = hj_path_tail(path, &dots);
    return hj_fail(e, HJ_E_DENIED, "not a folder, so it is not removed as one: %s%s", dots, tail);
  }
  if (!sys)
    sys = remove_inside(AT_FDCWD, path, 1);
  return sys ? hj_fail_path(e, sys, "could not remove all of", path) : HJ_E_OK;
}

int hj_dir_open(struct hj_dir *d, const char *path, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_OPEN);
  if (!sys)
    HJ_RETRY(sys, (d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (!sys)
    return HJ_E_OK;
  d->fd = -1;
  return hj_fail_path(e, sys, "could not open the folder", path);
}

void hj_dir_close(struct hj_dir *d)
{
  if (d->fd >= 0)
    (void)close(d->fd); /* benign: it was only read */
  d->fd = -1;
}

int hj_dir_stat(struct hj_dir *d, const char *path, struct hj_stat *out, struct hj_err *e)
{
  struct stat st;
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys)
    HJ_RETRY(sys, fstatat(d->fd, path, &st, 0));
  if (sys == ELOOP)
    sys = ENOENT;
  if (sys)
    return hj_fail_path(e, sys, "could not look at", path);
  hj_stat_fill(out, &st);
  return HJ_E_OK;
}
#endif

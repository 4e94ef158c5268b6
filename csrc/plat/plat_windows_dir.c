/* plat/plat_windows_dir.c - folders on Windows. Compiled by `make cross`; never run yet.
 *
 * Names below an open folder are opened through its handle (NtCreateFile with a root, which Win32 does not offer): the openat() of Windows.
 */
#ifdef _WIN32
#include "plat/dir.h"

#include <string.h>
#include <wchar.h>

#include "plat/fault.h"
#include "plat/windows_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include <winternl.h>
#include "util/banned.h"

#define DEPTH_MOST 64       /* no store of ours is deeper than 16 */
#define PASSES_MOST 8       /* over one folder, while others keep adding to it */
#define BLOCK 8192u         /* of names, as one call brings them */
#define NAME_BYTES 768u     /* 255 units of UTF-16 are at most 765 bytes of UTF-8 */
#define ITSELF (FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
#define TO_DELETE (DELETE | FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE)

static int make_one(const wchar_t *path)
{
  int sys = hj_fault(HJ_OP_MKDIR);
  return sys || CreateDirectoryW(path, NULL) ? sys : hj_win_sys(); /* who may what is inherited */
}

static int look_for_dir(const wchar_t *path) /* 0: a folder or a link to one, EEXIST: something else, ENOENT: nothing */
{
  struct hj_stat st;
  HANDLE h;
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys)
    sys = hj_win_open(&h, path, FILE_READ_ATTRIBUTES, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS);
  if (sys)
    return sys == ENOTDIR ? ENOENT : sys;
  sys = hj_win_stat(h, &st);
  (void)CloseHandle(h);
  return sys ? sys : st.kind == HJ_KIND_DIR ? 0 : EEXIST;
}

int hj_dir_make(const char *path, struct hj_err *e)
{
  wchar_t *wide = hj_win_path(path, e);
  if (!wide)
    return (int)e->code;
  int sys = make_one(wide);
  hj_mem_free(wide);
  return sys ? hj_fail_path(e, sys, "could not make the folder", path) : HJ_E_OK;
}

/* Cuts the last component off, down to \\?\C:\ or \\?\UNC\server; false if nothing is left to cut. hj_win_path leaves no doubled backslashes. */
static bool cut_last(wchar_t *path)
{
  wchar_t *cut = wcsrchr(path, L'\\');
  if (!cut || cut < path + 6 || cut[1] == 0)
    return false;
  cut[cut[-1] == L':' ? 1 : 0] = 0;
  return true;
}

static bool add_next(wchar_t *path, const wchar_t *whole) /* puts the next component of `whole` back */
{
  size_t n = wcslen(path), all = wcslen(whole);
  if (n == all)
    return false;
  n += whole[n] == L'\\' ? 1 : 0;
  n += wcscspn(whole + n, L"\\");
  memcpy(path, whole, n * sizeof *path);
  path[n] = 0;
  return true;
}

static int make_all(const char *path, bool parents, struct hj_err *e)
{
  wchar_t *whole = hj_win_path(path, e), *at = whole ? hj_mem_new((wcslen(whole) + 1) * sizeof *at, e) : NULL;
  int sys = 0;
  if (at && (!parents || cut_last(whole))) {
    memcpy(at, whole, (wcslen(whole) + 1) * sizeof *at);
    sys = look_for_dir(at);
    while (sys == ENOENT && cut_last(at))
      sys = look_for_dir(at);
    while (!sys && add_next(at, whole)) {
      sys = make_one(at);
      if (sys == EEXIST) /* another process was faster, or a link that leads nowhere is in the way */
        sys = look_for_dir(at) ? EEXIST : 0;
    }
  }
  hj_mem_free(whole);
  if (!at)
    return (int)e->code;
  hj_mem_free(at);
  return sys ? hj_fail_path(e, sys, sys == EEXIST ? "a file, or a link to nowhere, is in the way of" : "could not make the folder", path) : HJ_E_OK;
}

int hj_dir_make_all(const char *path, struct hj_err *e) { return make_all(path, false, e); }
int hj_dir_make_parents(const char *path, struct hj_err *e) { return make_all(path, true, e); }

static int open_path(HANDLE *h, const char *path, DWORD access, DWORD flags, struct hj_err *e) /* an errno; -1: *e says it */
{
  *h = INVALID_HANDLE_VALUE;
  wchar_t *wide = hj_win_path(path, e);
  if (!wide)
    return -1;
  int sys = hj_win_open(h, wide, access, OPEN_EXISTING, flags);
  hj_mem_free(wide);
  return sys;
}

int hj_dir_remove(const char *path, struct hj_err *e)
{
  HANDLE h;
  struct hj_stat st;
  int sys = hj_fault(HJ_OP_REMOVE);
  if (!sys && !(sys = open_path(&h, path, TO_DELETE, ITSELF, e))) {
    sys = hj_win_stat(h, &st);
    if (!sys)
      sys = st.kind == HJ_KIND_DIR ? hj_win_delete(h) : ENOTDIR;
    (void)CloseHandle(h);
  }
  return sys < 0 ? (int)e->code : sys ? hj_fail_path(e, sys, "could not remove the folder", path) : HJ_E_OK;
}

/* NTFS keeps names in its log; flushing a folder that was opened for writing forces it out. Where that is refused the name is as safe as that
 * file system makes it. */
int hj_dir_sync(const char *path, struct hj_err *e)
{
  HANDLE h;
  int sys = hj_fault(HJ_OP_SYNC);
  if (!sys && !(sys = open_path(&h, path, GENERIC_WRITE, FILE_FLAG_BACKUP_SEMANTICS, e))) {
    sys = FlushFileBuffers(h) ? 0 : hj_win_sys();
    (void)CloseHandle(h);
  }
  if (sys == EACCES || sys == ENOTSUP || sys == EBADF) {
    HJ_TRACE(HJ_T_STORE, 0, "folder cannot be synced (errno %d): %s", sys, path);
    sys = 0;
  }
  return sys < 0 ? (int)e->code : sys ? hj_fail_path(e, sys, "could not sync the folder", path) : HJ_E_OK;
}

/* One block of names, the first (`again`) or the next; ENOENT: no more. */
static int next_block(HANDLE dir, bool again, void *block)
{
  int sys = hj_fault(HJ_OP_LIST);
  if (sys || GetFileInformationByHandleEx(dir, again ? FileIdBothDirectoryRestartInfo : FileIdBothDirectoryInfo, block, BLOCK))
    return sys;
  return GetLastError() == ERROR_NO_MORE_FILES ? ENOENT : hj_win_sys();
}

static const FILE_ID_BOTH_DIR_INFO *behind(const FILE_ID_BOTH_DIR_INFO *at)
{
  return at->NextEntryOffset ? (const void *)((const char *)at + at->NextEntryOffset) : NULL; /* the system aligns them */
}

static bool is_dots(const FILE_ID_BOTH_DIR_INFO *at)
{
  size_t n = at->FileNameLength / sizeof(wchar_t);
  return at->FileName[0] == L'.' && (n == 1 || (n == 2 && at->FileName[1] == L'.'));
}

int hj_dir_list(const char *path, int (*see)(void *user, const char *name, struct hj_err *e), void *user, struct hj_err *e)
{
  char name[NAME_BYTES + 1];
  HANDLE h = INVALID_HANDLE_VALUE;
  int rc = HJ_E_OK, sys = hj_fault(HJ_OP_LIST);
  FILE_ID_BOTH_DIR_INFO *block = hj_mem_new(BLOCK, e);
  if (!block)
    return (int)e->code;
  if (!sys)
    sys = open_path(&h, path, FILE_LIST_DIRECTORY | SYNCHRONIZE, FILE_FLAG_BACKUP_SEMANTICS, e);
  for (bool again = true; !sys && rc == HJ_E_OK; again = false) {
    sys = next_block(h, again, block);
    for (const FILE_ID_BOTH_DIR_INFO *at = sys ? NULL : block; at && rc == HJ_E_OK; at = behind(at))
      if (!is_dots(at) && hj_win_utf8(at->FileName, at->FileNameLength / sizeof(wchar_t), name, sizeof name)) /* else: no name of ours */
        rc = see(user, name, e);
  }
  if (h != INVALID_HANDLE_VALUE) {
    (void)CloseHandle(h);
    sys = sys == ENOENT ? 0 : sys; /* the end of the list, not a missing folder */
  }
  hj_mem_free(block);
  return sys < 0 ? (int)e->code : sys ? hj_fail_path(e, sys, "could not list the folder", path) : rc;
}

static int open_at(HANDLE *h, HANDLE dir, const wchar_t *name, size_t n, ACCESS_MASK access, ULONG options)
{
  UNICODE_STRING text = { .Length = (USHORT)(n * sizeof *name), .MaximumLength = (USHORT)(n * sizeof *name), .Buffer = (wchar_t *)(uintptr_t)name };
  OBJECT_ATTRIBUTES what;
  IO_STATUS_BLOCK said;
  *h = INVALID_HANDLE_VALUE;
  if (n > 32767)
    return ENAMETOOLONG;
  InitializeObjectAttributes(&what, &text, OBJ_CASE_INSENSITIVE, dir, NULL);
  NTSTATUS status = NtCreateFile(h, access | SYNCHRONIZE, &what, &said, NULL, 0, HJ_WIN_SHARE_ALL, FILE_OPEN,
                                 options | FILE_SYNCHRONOUS_IO_NONALERT | FILE_OPEN_FOR_BACKUP_INTENT, NULL, 0);
  if (status >= 0)
    return 0;
  *h = INVALID_HANDLE_VALUE;
  return hj_win_errno(RtlNtStatusToDosError(status));
}

/* --- removing a tree: each name is opened as itself below its open folder, so that a link put in somebody's way is never followed --- */

static int remove_inside(HANDLE dir, int depth);

static int remove_entry(HANDLE dir, const FILE_ID_BOTH_DIR_INFO *at, int depth)
{
  HANDLE h;
  struct hj_stat st;
  int sys = hj_fault(HJ_OP_REMOVE);
  if (!sys)
    sys = open_at(&h, dir, at->FileName, at->FileNameLength / sizeof(wchar_t), TO_DELETE, FILE_OPEN_REPARSE_POINT);
  if (sys)
    return sys == ENOENT ? 0 : sys; /* somebody else removed it: as good */
  sys = hj_win_stat(h, &st);
  if (!sys && st.kind == HJ_KIND_DIR)
    sys = remove_inside(h, depth + 1);
  if (!sys)
    sys = hj_win_delete(h);
  (void)CloseHandle(h);
  return sys;
}

/* Again until a pass sees nothing: names come and go while others write. */
static int remove_inside(HANDLE dir, int depth)
{
  struct hj_err s = HJ_ERR_INIT;
  FILE_ID_BOTH_DIR_INFO *block = depth > DEPTH_MOST ? NULL : hj_mem_new(BLOCK, &s);
  size_t seen = 1;
  int sys = block ? 0 : depth > DEPTH_MOST ? ENAMETOOLONG : ENOMEM;
  for (int pass = 0; !sys && seen && pass < PASSES_MOST; pass++) {
    seen = 0;
    for (bool again = true; !sys; again = false) {
      sys = next_block(dir, again, block);
      for (const FILE_ID_BOTH_DIR_INFO *at = sys ? NULL : block; at && !sys; at = behind(at))
        if (!is_dots(at)) {
          seen++;
          sys = remove_entry(dir, at, depth);
          sys = sys == ENOENT ? 0 : sys;
        }
    }
    sys = sys == ENOENT ? 0 : sys;
  }
  hj_mem_free(block);
  return sys;
}

int hj_dir_remove_tree(const char *path, struct hj_err *e)
{
  HANDLE h;
  struct hj_stat st;
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys)
    sys = open_path(&h, path, TO_DELETE, ITSELF, e);
  if (sys < 0)
    return (int)e->code;
  if (sys)
    return sys == ENOENT ? HJ_E_OK : hj_fail_path(e, sys, "could not remove all of", path);
  sys = hj_win_stat(h, &st);
  bool folder = sys || st.kind == HJ_KIND_DIR;
  if (!sys && folder)
    sys = remove_inside(h, 1);
  if (!sys && folder)
    sys = hj_win_delete(h);
  (void)CloseHandle(h);
  if (!folder) {
    const char *dots, *tail = hj_path_tail(path, &dots);
    return hj_fail(e, HJ_E_DENIED, "not a folder, so it is not removed as one: %s%s", dots, tail);
  }
  return sys ? hj_fail_path(e, sys, "could not remove all of", path) : HJ_E_OK;
}

int hj_dir_open(struct hj_dir *d, const char *path, struct hj_err *e)
{
  HANDLE h = INVALID_HANDLE_VALUE;
  struct hj_stat st;
  int sys = hj_fault(HJ_OP_OPEN);
  d->fd = -1;
  if (!sys)
    sys = open_path(&h, path, FILE_TRAVERSE | FILE_READ_ATTRIBUTES | SYNCHRONIZE, FILE_FLAG_BACKUP_SEMANTICS, e);
  if (!sys && !(sys = hj_win_stat(h, &st)) && st.kind != HJ_KIND_DIR)
    sys = ENOTDIR;
  if (!sys) {
    d->fd = hj_win_fd(h);
    return HJ_E_OK;
  }
  if (h != INVALID_HANDLE_VALUE)
    (void)CloseHandle(h);
  return sys < 0 ? (int)e->code : hj_fail_path(e, sys, "could not open the folder", path);
}

void hj_dir_close(struct hj_dir *d)
{
  if (d->fd != -1)
    (void)CloseHandle(hj_win_handle(d->fd));
  d->fd = -1;
}

/* The kernel knows no ".." and no "a//b" here: names come from manifests, which have neither. */
int hj_dir_stat(struct hj_dir *d, const char *path, struct hj_stat *out, struct hj_err *e)
{
  HANDLE h;
  wchar_t *wide = hj_win_wide(path, e);
  if (!wide)
    return (int)e->code;
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys && !(sys = open_at(&h, hj_win_handle(d->fd), wide, wcslen(wide), FILE_READ_ATTRIBUTES, 0))) {
    sys = hj_win_stat(h, out);
    (void)CloseHandle(h);
  }
  hj_mem_free(wide);
  if (sys == ELOOP)
    sys = ENOENT;
  return sys ? hj_fail_path(e, sys, "could not look at", path) : HJ_E_OK;
}
#endif

/* plat/plat_windows_path.c - one file by its name on Windows. Compiled by `make cross`; never run yet. */
#ifdef _WIN32
#include "plat/file.h"

#include <stddef.h>
#include <string.h>
#include <wchar.h>

#include "plat/fault.h"
#include "plat/windows_int.h"
#include "util/mem.h"

#include "util/banned.h"

/* Newer than some headers: since Windows 10 1607 a name can be taken over, or go, while others have the file open, as on POSIX. */
#define DISPOSITION_EX ((FILE_INFO_BY_HANDLE_CLASS)21)
#define RENAME_EX ((FILE_INFO_BY_HANDLE_CLASS)22)
#define DELETE_POSIX (1u | 2u | 16u)  /* delete, POSIX semantics, read-only or not */
#define RENAME_POSIX (1u | 2u)        /* replace, POSIX semantics */
#define UNPRIVILEGED 2u               /* SYMBOLIC_LINK_FLAG_ALLOW_UNPRIVILEGED_CREATE: with developer mode, since Windows 10 1703 */
#define REPARSE_MOST (16u << 10)      /* MAXIMUM_REPARSE_DATA_BUFFER_SIZE */

#define ITSELF (FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT) /* folders and links as well */

int hj_path_stat(const char *path, bool follow, struct hj_stat *out, struct hj_err *e)
{
  HANDLE h;
  wchar_t *wide = hj_win_path(path, e);
  if (!wide)
    return (int)e->code;
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys && !(sys = hj_win_open(&h, wide, FILE_READ_ATTRIBUTES, OPEN_EXISTING, follow ? FILE_FLAG_BACKUP_SEMANTICS : ITSELF))) {
    sys = hj_win_stat(h, out);
    (void)CloseHandle(h);
  }
  hj_mem_free(wide);
  if (sys == ELOOP)
    sys = ENOENT;
  return sys ? hj_fail_path(e, sys, "could not look at", path) : HJ_E_OK;
}

/* ENOTSUP: FAT, network drives, Windows before 1607. */
static int rename_posix(const wchar_t *from, const wchar_t *to)
{
  HANDLE h;
  struct hj_err s = HJ_ERR_INIT;
  size_t n = wcslen(to) * sizeof *to, size = offsetof(FILE_RENAME_INFO, FileName) + n + sizeof *to;
  const DWORD flags = RENAME_POSIX;
  FILE_RENAME_INFO *info = hj_mem_zero(1, size < sizeof *info ? sizeof *info : size, &s);
  if (!info)
    return ENOMEM;
  memcpy(info, &flags, sizeof flags); /* the first field: older headers know it as a bool */
  info->FileNameLength = (DWORD)n;
  memcpy(info->FileName, to, n);
  int sys = hj_win_open(&h, from, DELETE | SYNCHRONIZE, OPEN_EXISTING, ITSELF);
  if (!sys) {
    sys = SetFileInformationByHandle(h, RENAME_EX, info, (DWORD)size) ? 0 : hj_win_sys();
    (void)CloseHandle(h);
  }
  hj_mem_free(info);
  return sys;
}

static int rename_as(const char *from, const char *to, bool replace, struct hj_err *e)
{
  wchar_t *a = hj_win_path(from, e), *b = a ? hj_win_path(to, e) : NULL;
  int sys = a && b ? hj_fault(HJ_OP_RENAME) : 0;
  if (b && !sys) {
    sys = replace ? rename_posix(a, b) : ENOTSUP;
    if (sys == ENOTSUP) /* one step of the file system as well, but not over a file that is open. Never a copy: no MOVEFILE_COPY_ALLOWED */
      sys = MoveFileExW(a, b, replace ? MOVEFILE_REPLACE_EXISTING : 0) ? 0 : hj_win_sys();
  }
  hj_mem_free(a);
  if (!b)
    return (int)e->code;
  hj_mem_free(b);
  return sys ? hj_fail_path(e, sys, "could not rename to", to) : HJ_E_OK;
}

int hj_path_rename(const char *from, const char *to, struct hj_err *e) { return rename_as(from, to, true, e); }
int hj_path_rename_new(const char *from, const char *to, struct hj_err *e) { return rename_as(from, to, false, e); }

int hj_win_delete(HANDLE h)
{
  DWORD flags = DELETE_POSIX;
  FILE_DISPOSITION_INFO plain = { TRUE };
  if (SetFileInformationByHandle(h, DISPOSITION_EX, &flags, sizeof flags))
    return 0;
  int sys = hj_win_sys();
  if (sys != ENOTSUP)
    return sys;
  (void)hj_win_attributes(h, 0600); /* if it is refused, so is the next call */
  return SetFileInformationByHandle(h, FileDispositionInfo, &plain, sizeof plain) ? 0 : hj_win_sys();
}

int hj_path_remove(const char *path, struct hj_err *e)
{
  HANDLE h;
  struct hj_stat st;
  wchar_t *wide = hj_win_path(path, e);
  if (!wide)
    return (int)e->code;
  int sys = hj_fault(HJ_OP_REMOVE);
  if (!sys && !(sys = hj_win_open(&h, wide, DELETE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE, OPEN_EXISTING, ITSELF))) {
    sys = hj_win_stat(h, &st);
    if (!sys)
      sys = st.kind == HJ_KIND_DIR ? EISDIR : hj_win_delete(h);
    (void)CloseHandle(h);
  }
  hj_mem_free(wide);
  return sys ? hj_fail_path(e, sys, "could not remove", path) : HJ_E_OK;
}

/* ReFS has clones (FSCTL_DUPLICATE_EXTENTS_TO_FILE), NTFS has none: not used. */
int hj_file_clone(hj_file *from, const char *to, struct hj_err *e)
{
  (void)from;
  (void)to;
  return hj_fail(e, HJ_E_NONE, "no clones here");
}

int hj_path_hardlink(const char *from, const char *to, struct hj_err *e)
{
  wchar_t *old = hj_win_path(from, e), *at = old ? hj_win_path(to, e) : NULL;
  int sys = at ? hj_fault(HJ_OP_LINK) : 0;
  if (at && !sys && !CreateHardLinkW(at, old, NULL))
    sys = hj_win_sys();
  hj_mem_free(old);
  if (!at)
    return (int)e->code;
  hj_mem_free(at);
  if (sys == EXDEV || sys == ENOTSUP || sys == EMLINK)
    return hj_fail(e, HJ_E_DENIED, "no second name here (errno %d): %s", sys, to);
  return sys ? hj_fail_path(e, sys, "could not make the name", to) : HJ_E_OK;
}

/* Links of ours lead to files. EPERM where the user may not make any: the cache then holds copies, as the stock client's does. */
int hj_path_symlink(const char *target, const char *path, struct hj_err *e)
{
  wchar_t *to = hj_win_wide(target, e), *at = to ? hj_win_path(path, e) : NULL;
  int sys = at ? hj_fault(HJ_OP_LINK) : 0;
  if (at && !sys && !CreateSymbolicLinkW(at, to, UNPRIVILEGED)) {
    sys = hj_win_sys();
    if (sys == ENOTSUP) /* a flag that Windows before 1703 refuses; FAT refuses both */
      sys = CreateSymbolicLinkW(at, to, 0) ? 0 : hj_win_sys();
  }
  hj_mem_free(to);
  if (!at)
    return (int)e->code;
  hj_mem_free(at);
  return sys ? hj_fail_path(e, sys, "could not make the link", path) : HJ_E_OK;
}

/* What [MS-FSCC] 2.1.2 says of a reparse point; the headers have it for drivers only. Offsets and lengths in bytes, behind this head. */
struct reparse {
  ULONG tag;
  USHORT length, reserved;
  USHORT name_at, name_n, shown_at, shown_n;
};

/* The target of a link (or a junction) in `p`, of which n bytes are there, without the object manager's "\??\". */
static int target_of(const char *p, size_t n, char *out, size_t cap)
{
  struct reparse head;
  wchar_t text[REPARSE_MOST / sizeof(wchar_t)];
  if (n < sizeof head)
    return EIO;
  memcpy(&head, p, sizeof head);
  if (head.tag != IO_REPARSE_TAG_SYMLINK && head.tag != IO_REPARSE_TAG_MOUNT_POINT)
    return ENOENT;
  size_t at = sizeof head + (head.tag == IO_REPARSE_TAG_SYMLINK ? sizeof(ULONG) : 0); /* a symbolic link has flags there */
  size_t from = head.shown_n ? head.shown_at : head.name_at, k = head.shown_n ? head.shown_n : head.name_n;
  if (at > n || from > n - at || k > n - at - from || k == 0)
    return EIO;
  memcpy(text, p + at + from, k);
  const wchar_t *w = text;
  k /= sizeof *w;
  if (k > 4 && wcsncmp(w, L"\\??\\", 4) == 0) {
    w += 4;
    k -= 4;
  }
  return hj_win_utf8(w, k, out, cap) ? 0 : ENAMETOOLONG;
}

int hj_path_readlink(const char *path, char *out, size_t cap, struct hj_err *e)
{
  HANDLE h;
  DWORD n = 0;
  if (cap == 0)
    return hj_fail(e, HJ_E_BUG, "no room for a link's target");
  out[0] = 0;
  wchar_t *wide = hj_win_path(path, e);
  char *data = wide ? hj_mem_new(REPARSE_MOST, e) : NULL;
  int sys = data ? hj_fault(HJ_OP_STAT) : 0;
  if (data && !sys && !(sys = hj_win_open(&h, wide, FILE_READ_ATTRIBUTES, OPEN_EXISTING, ITSELF))) {
    if (!DeviceIoControl(h, FSCTL_GET_REPARSE_POINT, NULL, 0, data, REPARSE_MOST, &n, NULL))
      sys = hj_win_sys(); /* something is there, but no link: ENOENT by the table; ENOTSUP: FAT, which has none */
    else
      sys = target_of(data, n, out, cap);
    (void)CloseHandle(h);
  }
  hj_mem_free(wide);
  if (!data)
    return (int)e->code;
  hj_mem_free(data);
  return sys ? hj_fail_path(e, sys == ENOTSUP ? ENOENT : sys, "could not read the link", path) : HJ_E_OK;
}

/* A handle that could write, opened and closed: the access list and the read-only attribute are asked, and nothing else happens. */
int hj_path_may_write(const char *path, struct hj_err *e)
{
  HANDLE h;
  wchar_t *wide = hj_win_path(path, e);
  if (!wide)
    return (int)e->code;
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys && !(sys = hj_win_open(&h, wide, FILE_WRITE_DATA, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS))) /* of a folder: FILE_ADD_FILE */
    (void)CloseHandle(h);
  hj_mem_free(wide);
  return sys ? hj_fail_path(e, sys, "may not be written:", path) : HJ_E_OK;
}

int hj_path_mode(const char *path, unsigned mode, struct hj_err *e)
{
  HANDLE h;
  wchar_t *wide = hj_win_path(path, e);
  if (!wide)
    return (int)e->code;
  int sys = hj_fault(HJ_OP_MODE);
  if (!sys && !(sys = hj_win_open(&h, wide, FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS))) {
    struct hj_stat st;
    sys = hj_win_stat(h, &st);
    if (!sys && st.kind == HJ_KIND_FILE) /* on a folder the attribute means something else (a desktop.ini) */
      sys = hj_win_attributes(h, mode);
    (void)CloseHandle(h);
  }
  hj_mem_free(wide);
  return sys ? hj_fail_path(e, sys, "could not set the permissions of", path) : HJ_E_OK;
}

int hj_disk_free(const char *path, uint64_t *bytes, struct hj_err *e)
{
  ULARGE_INTEGER room, all;
  wchar_t *at = hj_win_path(path, e);
  if (!at)
    return (int)e->code;
  int sys = hj_fault(HJ_OP_FREE);
  while (!sys) {
    size_t n = wcslen(at);
    if (at[n - 1] != L'\\')
      at[n] = L'\\'; /* network drives want it; hj_win_path left room */
    sys = GetDiskFreeSpaceExW(at, &room, &all, NULL) ? 0 : hj_win_sys(); /* quotas counted in */
    at[n] = 0;
    wchar_t *cut = wcsrchr(at, L'\\');
    if ((sys != ENOENT && sys != ENOTDIR) || !cut || cut < at + 6 || (cut[1] == 0 && cut[-1] == L':'))
      break;
    cut[cut[-1] == L':' ? 1 : 0] = 0; /* the parent; a drive keeps its backslash */
    sys = 0;
  }
  hj_mem_free(at);
  if (sys)
    return hj_fail_path(e, sys, "could not ask for the free space of", path);
  *bytes = all.QuadPart ? room.QuadPart : UINT64_MAX;
  return HJ_E_OK;
}
#endif

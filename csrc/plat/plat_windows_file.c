/* plat/plat_windows_file.c - one open file on Windows. Compiled by `make cross`; never run yet.
 *
 * Everything is opened so that others may read, write, rename and remove it meanwhile, as they may on POSIX; what others opened without
 * FILE_SHARE_DELETE cannot be renamed or replaced: HJ_E_BUSY. Handles are not inherited, and are no numbers of stdin, stdout, stderr.
 */
#ifdef _WIN32
#include "plat/file.h"

#include <string.h>

#include "plat/fault.h"
#include "plat/windows_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

#define EPOCH_100NS 116444736000000000ll /* from 1601 to 1970 */
#define TRIES_MOST 8                     /* 1 + 2 + 4 ... ms: a scanner has looked by then, a program that keeps the file is an answer */

int hj_win_open(HANDLE *h, const wchar_t *path, DWORD access, DWORD how, DWORD flags)
{
  for (int i = 0;; i++) {
    *h = CreateFileW(path, access, HJ_WIN_SHARE_ALL, NULL, how, flags, NULL);
    if (*h != INVALID_HANDLE_VALUE)
      return 0;
    if (GetLastError() != ERROR_SHARING_VIOLATION || i == TRIES_MOST)
      return hj_win_sys();
    Sleep(1u << i);
  }
}

/* Other reparse points are files whose bytes come from elsewhere (OneDrive, deduplication): those are files. */
bool hj_win_is_link(HANDLE h)
{
  FILE_ATTRIBUTE_TAG_INFO tag;
  return GetFileInformationByHandleEx(h, FileAttributeTagInfo, &tag, sizeof tag) && (tag.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) &&
         IsReparseTagNameSurrogate(tag.ReparseTag);
}

static int64_t unix_ns(FILETIME t)
{
  int64_t n = (int64_t)((uint64_t)t.dwHighDateTime << 32 | t.dwLowDateTime);
  if (n < 0 || n - EPOCH_100NS >= INT64_MAX / 100) /* anybody may set any time: it stays at the border */
    return INT64_MAX;
  return n - EPOCH_100NS <= INT64_MIN / 100 ? INT64_MIN : (n - EPOCH_100NS) * 100;
}

/* What Windows has no bits for is as under a umask of 022; hj_proc_umask says the same, so nobody tries to set what cannot be. The owner is
 * always 0, as hj_proc_user is. ReFS has inodes of 128 bits, of which this is the lower half: unique in what Microsoft has said of it. */
int hj_win_stat(HANDLE h, struct hj_stat *out)
{
  BY_HANDLE_FILE_INFORMATION info;
  FILE_STANDARD_INFO held;
  if (!GetFileInformationByHandle(h, &info))
    return hj_win_sys();
  bool dir = info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY, fixed = info.dwFileAttributes & FILE_ATTRIBUTE_READONLY;
  uint64_t size = (uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow;
  bool told = GetFileInformationByHandleEx(h, FileStandardInfo, &held, sizeof held) && held.AllocationSize.QuadPart >= 0;
  *out = (struct hj_stat){
    .kind = hj_win_is_link(h) ? HJ_KIND_LINK : dir ? HJ_KIND_DIR : HJ_KIND_FILE,
    .size = size,
    .held = told ? (uint64_t)held.AllocationSize.QuadPart : size,
    .mtime_ns = unix_ns(info.ftLastWriteTime),
    .inode = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow,
    .device = info.dwVolumeSerialNumber,
    .links = info.nNumberOfLinks,
    .mode = dir ? 0755u : fixed ? 0444u : 0644u,
  };
  return 0;
}

static int open_as(HANDLE *h, const wchar_t *path, enum hj_open how, DWORD attributes)
{
  const DWORD both = GENERIC_READ | GENERIC_WRITE;
  DWORD itself = attributes | FILE_FLAG_OPEN_REPARSE_POINT; /* a link is not followed, so that it can be refused */
  int sys = EINVAL;
  *h = INVALID_HANDLE_VALUE;
  switch (how) {
  case HJ_OPEN_READ:
  case HJ_OPEN_QUIET: /* NTFS keeps times of access by the hour, or not at all */
    return hj_win_open(h, path, GENERIC_READ, OPEN_EXISTING, attributes);
  case HJ_OPEN_NEW:
    return hj_win_open(h, path, both, CREATE_NEW, itself);
  case HJ_OPEN_UPDATE:
    sys = hj_win_open(h, path, both, OPEN_EXISTING, itself);
    break;
  case HJ_OPEN_APPEND: /* without FILE_WRITE_DATA every write goes to the end, whoever else writes */
    sys = hj_win_open(h, path, FILE_APPEND_DATA | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE, OPEN_ALWAYS, itself);
    break;
  case HJ_OPEN_LOCK:
    sys = hj_win_open(h, path, both, OPEN_ALWAYS, itself);
    break;
  }
  if (!sys && hj_win_is_link(*h))
    sys = ELOOP;
  if (!sys && GetFileType(*h) != FILE_TYPE_DISK)
    sys = EACCES;
  if (sys && *h != INVALID_HANDLE_VALUE) {
    (void)CloseHandle(*h);
    *h = INVALID_HANDLE_VALUE;
  }
  return sys;
}

int hj_file_open(hj_file *f, const char *path, enum hj_open how, unsigned mode, struct hj_err *e)
{
  HANDLE h = INVALID_HANDLE_VALUE;
  f->fd = -1;
  if (how > HJ_OPEN_LOCK)
    return hj_fail(e, HJ_E_BUG, "an unknown way to open a file: %d", (int)how);
  wchar_t *wide = hj_win_path(path, e);
  if (!wide)
    return (int)e->code;
  int sys = hj_fault(HJ_OP_OPEN);
  if (!sys) /* the attribute counts for a file that is made, and not for this handle */
    sys = open_as(&h, wide, how, how == HJ_OPEN_NEW && !(mode & 0200u) ? FILE_ATTRIBUTE_READONLY : FILE_ATTRIBUTE_NORMAL);
  hj_mem_free(wide);
  if (sys)
    return hj_fail_path(e, sys, how == HJ_OPEN_NEW ? "could not make" : "could not open", path);
  f->fd = hj_win_fd(h);
  return HJ_E_OK;
}

void hj_file_close(hj_file *f)
{
  if (f->fd != -1)
    (void)CloseHandle(hj_win_handle(f->fd));
  f->fd = -1;
}

static OVERLAPPED place(uint64_t at) /* on a handle that is not asynchronous it says where, and nothing else: pread() and pwrite() */
{
  OVERLAPPED o;
  memset(&o, 0, sizeof o);
  o.Offset = (DWORD)at;
  o.OffsetHigh = (DWORD)(at >> 32);
  return o;
}

/* The first write far behind what was written so far makes NTFS fill the gap with zeros (its "valid data length"): it costs that once per byte.
 * A sparse file would not, but then the reservation is none. Which of the two is better is to be measured on the first Windows that runs this. */
int hj_file_write_at(hj_file *f, uint64_t at, const void *p, size_t n, struct hj_err *e)
{
  const char *from = p;
  int sys = hj_fault(HJ_OP_WRITE);
  if (!sys && (at > INT64_MAX || n > INT64_MAX - at))
    sys = EFBIG;
  while (!sys && n) {
    DWORD k = 0;
    OVERLAPPED o = place(at);
    if (!WriteFile(hj_win_handle(f->fd), from, (DWORD)(n < HJ_IO_MOST ? n : HJ_IO_MOST), &k, &o))
      sys = hj_win_sys();
    else if (k == 0)
      sys = EIO;
    from += k;
    at += k;
    n -= k;
  }
  return sys ? hj_fail_sys(e, sys, "could not write at byte %llu", (unsigned long long)at) : HJ_E_OK;
}

int hj_file_append(hj_file *f, const void *p, size_t n, struct hj_err *e)
{
  const char *from = p;
  int sys = hj_fault(HJ_OP_WRITE);
  while (!sys && n) {
    DWORD k = 0;
    OVERLAPPED o = place(UINT64_MAX); /* "at the end", also for a handle that may write elsewhere */
    if (!WriteFile(hj_win_handle(f->fd), from, (DWORD)(n < HJ_IO_MOST ? n : HJ_IO_MOST), &k, &o))
      sys = hj_win_sys();
    else if (k == 0)
      sys = EIO;
    from += k;
    n -= k;
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
    DWORD k = 0;
    OVERLAPPED o = place(at + *got);
    if (!ReadFile(hj_win_handle(f->fd), to + *got, (DWORD)(want < HJ_IO_MOST ? want : HJ_IO_MOST), &k, &o)) {
      sys = GetLastError() == ERROR_HANDLE_EOF ? 0 : hj_win_sys();
      break;
    }
    if (k == 0)
      break;
    *got += k;
  }
  return sys ? hj_fail_sys(e, sys, "could not read at byte %llu", (unsigned long long)(at + *got)) : HJ_E_OK;
}

static int set_end(HANDLE h, uint64_t size)
{
  FILE_END_OF_FILE_INFO end;
  if (size > INT64_MAX)
    return EFBIG;
  end.EndOfFile.QuadPart = (LONGLONG)size;
  return SetFileInformationByHandle(h, FileEndOfFileInfo, &end, sizeof end) ? 0 : hj_win_sys();
}

int hj_file_resize(hj_file *f, uint64_t size, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_RESERVE);
  if (!sys)
    sys = set_end(hj_win_handle(f->fd), size);
  return sys ? hj_fail_sys(e, sys, "could not set the size to %llu bytes", (unsigned long long)size) : HJ_E_OK;
}

/* Clusters first, then the size: those behind the end go back when the file is closed. Never smaller than it is. */
int hj_file_reserve(hj_file *f, uint64_t size, struct hj_err *e)
{
  HANDLE h = hj_win_handle(f->fd);
  FILE_ALLOCATION_INFO want;
  LARGE_INTEGER now;
  if (size == 0)
    return HJ_E_OK;
  int sys = hj_fault(HJ_OP_RESERVE);
  if (!sys && size > INT64_MAX)
    sys = EFBIG;
  if (!sys && !GetFileSizeEx(h, &now))
    sys = hj_win_sys();
  if (!sys && (uint64_t)now.QuadPart < size) {
    want.AllocationSize.QuadPart = (LONGLONG)size;
    if (!SetFileInformationByHandle(h, FileAllocationInfo, &want, sizeof want))
      sys = hj_win_sys();
    if (sys == ENOTSUP) {
      HJ_TRACE(HJ_T_STORE, 0, "no real reservation here, %llu bytes by size alone", (unsigned long long)size);
      sys = 0;
    }
    if (!sys)
      sys = set_end(h, size);
  }
  return sys ? hj_fail_sys(e, sys, "could not reserve %llu bytes", (unsigned long long)size) : HJ_E_OK;
}

int hj_file_sync(hj_file *f, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_SYNC);
  if (!sys && !FlushFileBuffers(hj_win_handle(f->fd))) /* the drive's own cache, too */
    sys = hj_win_sys();
  if (sys == ENOTSUP) {
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
  (void)f, (void)at, (void)n; /* no such call for files that are read into memory of ours */
}

void hj_file_sequential_hint(hj_file *f)
{
  (void)f; /* said when a file is opened, or never; its cache sees by itself who reads in order */
}

int hj_file_stat(hj_file *f, struct hj_stat *out, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_STAT);
  if (!sys)
    sys = hj_win_stat(hj_win_handle(f->fd), out);
  return sys ? hj_fail_sys(e, sys, "could not look at an open file") : HJ_E_OK;
}

/* Who may read is decided by the folder's access list, which a user's own folders have private. Of the bits only "nobody may write" is there. */
int hj_win_attributes(HANDLE h, unsigned mode)
{
  FILE_BASIC_INFO info;
  if (!GetFileInformationByHandleEx(h, FileBasicInfo, &info, sizeof info))
    return hj_win_sys();
  DWORD want = mode & 0200u ? info.FileAttributes & ~(DWORD)FILE_ATTRIBUTE_READONLY : info.FileAttributes | FILE_ATTRIBUTE_READONLY;
  if (want == info.FileAttributes)
    return 0;
  memset(&info, 0, sizeof info); /* times of 0 stay as they are */
  info.FileAttributes = want ? want : FILE_ATTRIBUTE_NORMAL;
  return SetFileInformationByHandle(h, FileBasicInfo, &info, sizeof info) ? 0 : hj_win_sys();
}

int hj_file_mode(hj_file *f, unsigned mode, struct hj_err *e)
{
  int sys = hj_fault(HJ_OP_MODE);
  if (!sys)
    sys = hj_win_attributes(hj_win_handle(f->fd), mode);
  return sys ? hj_fail_sys(e, sys, "could not set the permissions of an open file") : HJ_E_OK;
}

/* The first byte, because the stock client's filelock takes it there (msvcrt.locking): only so do the two see each other. Such a lock is not
 * advisory: until it is given back nobody else reads that byte. Lock files hold nothing, so nobody misses it. */
int hj_file_lock(hj_file *f, struct hj_err *e)
{
  OVERLAPPED o = place(0);
  int sys = hj_fault(HJ_OP_LOCK);
  if (!sys && !LockFileEx(hj_win_handle(f->fd), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &o))
    sys = GetLastError() == ERROR_IO_PENDING ? EBUSY : hj_win_sys();
  if (!sys)
    return HJ_E_OK;
  if (sys != EBUSY && sys != ENOTSUP)
    return hj_fail_sys(e, sys, "could not lock a file");
  (void)hj_fail(e, sys == EBUSY ? HJ_E_BUSY : HJ_E_NONE, sys == EBUSY ? "another process holds the lock" : "this file system has no locks");
  e->sys = e->sys ? e->sys : sys;
  return (int)e->code;
}

void hj_file_unlock(hj_file *f)
{
  OVERLAPPED o = place(0);
  (void)UnlockFileEx(hj_win_handle(f->fd), 0, 1, 0, &o); /* benign: a lock that cannot be given back was none */
}
#endif

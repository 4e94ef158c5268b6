/* plat/plat_windows.c - start-up, clocks, messages and the errors of Windows. Compiled by `make cross`; never run yet. */
#ifdef _WIN32
#include "plat/plat.h"

#include "plat/windows_int.h"
#include "util/trace.h"

#include "util/banned.h"

#define EPOCH_100NS 116444736000000000ll /* from 1601, where Windows begins to count, to 1970 */

static BOOL CALLBACK set_up(PINIT_ONCE once, PVOID arg, PVOID *out)
{
  (void)once, (void)arg, (void)out;
  hj_trace_clock(hj_clock_ms);
  return TRUE;
}

void hj_plat_init(void)
{
  static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
  (void)InitOnceExecuteOnce(&once, set_up, NULL, NULL);
}

/* Whole seconds first: ticks times 10^9 leave 64 bits after half an hour where the clock ticks at 10 MHz. */
uint64_t hj_clock_ns(void)
{
  LARGE_INTEGER now, rate;
  (void)QueryPerformanceCounter(&now);    /* both cannot fail since Windows XP */
  (void)QueryPerformanceFrequency(&rate);
  uint64_t n = (uint64_t)now.QuadPart, per = (uint64_t)rate.QuadPart;
  return n / per * 1000000000u + n % per * 1000000000u / per;
}

uint64_t hj_clock_ms(void) { return hj_clock_ns() / 1000000u; }

int64_t hj_clock_wall_ns(void)
{
  FILETIME now;
  GetSystemTimePreciseAsFileTime(&now);
  return ((int64_t)((uint64_t)now.dwHighDateTime << 32 | now.dwLowDateTime) - EPOCH_100NS) * 100;
}

void hj_clock_pause_ms(uint32_t ms) { Sleep(ms < INFINITE ? ms : INFINITE - 1); }

int hj_fail_path_at(struct hj_err *e, const char *file, int line, int sys, const char *what, const char *path)
{
  const char *dots, *tail = hj_path_tail(path, &dots);
  bool fresh = e->code == HJ_E_OK;
  (void)hj_fail_sys_at(e, file, line, sys, "%s %s%s", what, dots, tail);
  if (fresh && (sys == EINVAL || sys == EBUSY))
    e->code = sys == EBUSY ? HJ_E_BUSY : HJ_E_NAME;
  return (int)e->code;
}

static const struct { DWORD code; int sys; } errnos[] = {
  { ERROR_FILE_NOT_FOUND, ENOENT },
  { ERROR_PATH_NOT_FOUND, ENOENT },
  { ERROR_INVALID_DRIVE, ENOENT },
  { ERROR_BAD_NETPATH, ENOENT },
  { ERROR_BAD_NET_NAME, ENOENT },
  { ERROR_DELETE_PENDING, ENOENT },          /* removed already; who has it open still sees it */
  { ERROR_DIRECTORY, ENOTDIR },
  { ERROR_FILE_EXISTS, EEXIST },
  { ERROR_ALREADY_EXISTS, EEXIST },
  { ERROR_DIR_NOT_EMPTY, ENOTEMPTY },
  { ERROR_ACCESS_DENIED, EACCES },
  { ERROR_NETWORK_ACCESS_DENIED, EACCES },
  { ERROR_CANNOT_MAKE, EACCES },
  { ERROR_PRIVILEGE_NOT_HELD, EPERM },       /* a symbolic link, where developer mode is off */
  { ERROR_WRITE_PROTECT, EROFS },
  { ERROR_SHARING_VIOLATION, EBUSY },
  { ERROR_LOCK_VIOLATION, EBUSY },
  { ERROR_USER_MAPPED_FILE, EBUSY },         /* weights that a program maps */
  { ERROR_DISK_FULL, ENOSPC },
  { ERROR_HANDLE_DISK_FULL, ENOSPC },
  { ERROR_DISK_QUOTA_EXCEEDED, ENOSPC },
  { ERROR_FILE_TOO_LARGE, EFBIG },           /* FAT's 4 GiB */
  { ERROR_INVALID_NAME, EINVAL },
  { ERROR_BAD_PATHNAME, EINVAL },
  { ERROR_NO_UNICODE_TRANSLATION, EILSEQ },
  { ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG },
  { ERROR_BUFFER_OVERFLOW, ENAMETOOLONG },
  { ERROR_NOT_ENOUGH_MEMORY, ENOMEM },
  { ERROR_OUTOFMEMORY, ENOMEM },
  { ERROR_NO_SYSTEM_RESOURCES, ENOMEM },
  { ERROR_COMMITMENT_LIMIT, ENOMEM },
  { ERROR_TOO_MANY_OPEN_FILES, EMFILE },
  { ERROR_NOT_SAME_DEVICE, EXDEV },
  { ERROR_CANT_RESOLVE_FILENAME, ELOOP },
  { ERROR_STOPPED_ON_SYMLINK, ELOOP },
  { ERROR_INVALID_FUNCTION, ENOTSUP },       /* what FAT and many network drives say to what only NTFS has */
  { ERROR_NOT_SUPPORTED, ENOTSUP },
  { ERROR_CALL_NOT_IMPLEMENTED, ENOTSUP },
  { ERROR_INVALID_PARAMETER, ENOTSUP },      /* a flag that this version of Windows does not know; our arguments are constants */
  { ERROR_INVALID_LEVEL, ENOTSUP },
  { ERROR_NOT_A_REPARSE_POINT, ENOENT },
  { ERROR_INVALID_HANDLE, EBADF },
};

int hj_win_errno(DWORD code)
{
  for (size_t i = 0; i < sizeof errnos / sizeof errnos[0]; i++)
    if (errnos[i].code == code)
      return errnos[i].sys;
  return EIO;
}

int hj_win_sys(void)
{
  DWORD code = GetLastError();
  int sys = hj_win_errno(code);
  HJ_TRACE(HJ_T_ERR, 0, "Windows says %lu (errno %d)", (unsigned long)code, sys);
  return sys;
}
#endif

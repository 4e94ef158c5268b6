/* plat/plat_windows_proc.c - this process, others, and dice on Windows. Compiled by `make cross`; never run yet. */
#ifdef _WIN32
#include "plat/proc.h"

#include <stdio.h>
#include <string.h>
#include <winsock2.h>

#include <windows.h>

#include <bcrypt.h>

#include "plat/fault.h"
#include "plat/plat.h"
#include "plat/windows_int.h"
#include "util/text.h"

#include "util/banned.h"

uint32_t hj_proc_id(void) { return GetCurrentProcessId(); }

static uint64_t started(HANDLE process) /* in units of 100 ns since 1601; 0: not told */
{
  FILETIME made, ended, kernel, user;
  return GetProcessTimes(process, &made, &ended, &kernel, &user) ? (uint64_t)made.dwHighDateTime << 32 | made.dwLowDateTime : 0;
}

uint64_t hj_proc_start(uint32_t pid)
{
  HANDLE h = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
  uint64_t start = h ? started(h) : 0;
  if (h)
    (void)CloseHandle(h);
  return start;
}

/* A process that has ended is still there by its number while somebody has a handle of it; its handle is signalled then. */
bool hj_proc_alive(uint32_t pid, uint64_t start)
{
  if (pid == 0)
    return false;
  HANDLE h = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, pid);
  if (!h)
    return GetLastError() == ERROR_ACCESS_DENIED; /* another user's: the number is all there is */
  uint64_t now = started(h);
  bool alive = WaitForSingleObject(h, 0) == WAIT_TIMEOUT && (start == 0 || now == 0 || now == start);
  (void)CloseHandle(h);
  return alive;
}

bool hj_proc_is_stopped(uint32_t pid)
{
  (void)pid;
  return false; /* there is no Ctrl-Z, and who is suspended is told of threads only */
}

uint32_t hj_proc_flock_holder(uint64_t device, uint64_t inode)
{
  (void)device, (void)inode;
  return 0; /* the system does not tell */
}

static uint64_t mix(uint64_t h, const void *data, size_t n) /* FNV-1a: spreads names, promises nothing else */
{
  const unsigned char *p = data;
  for (size_t i = 0; i < n; i++)
    h = (h ^ p[i]) * 0x100000001b3u;
  return h;
}

static uint64_t mix_key(uint64_t h, const wchar_t *key, const wchar_t *name, DWORD kind)
{
  char data[128];
  DWORD n = sizeof data;
  return RegGetValueW(HKEY_LOCAL_MACHINE, key, name, kind, NULL, data, &n) == ERROR_SUCCESS ? mix(h, data, n) : h;
}

/* As on Linux: 12 letters of the name, 8 hex digits of name and installation, 8 of this boot. Where boots are not counted (BootId is prefetch's,
 * which servers may have off) the last 8 stay the same; the start of a process is a date here, so its number is not mistaken after one. */
void hj_proc_host(char out[32])
{
  wchar_t name[256] = L"";
  DWORD n = sizeof name / sizeof name[0];
  size_t at = 0;
  if (!GetComputerNameExW(ComputerNameDnsHostname, name, &n))
    n = 0;
  uint64_t host = mix(0xcbf29ce484222325u, name, n * sizeof name[0]);
  host = mix_key(host, L"SOFTWARE\\Microsoft\\Cryptography", L"MachineGuid", RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY);
  uint64_t run = mix_key(host, L"SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management\\PrefetchParameters", L"BootId", RRF_RT_REG_DWORD);
  for (DWORD i = 0; i < n && name[i] != L'.' && at < 12; i++) {
    char c = name[i] < 128 ? hj_text_lower((char)name[i]) : 0;
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      out[at++] = c;
  }
  (void)snprintf(out + at, 32 - at, "%08x%08x", (unsigned)(host ^ host >> 32), (unsigned)(run ^ run >> 32));
}

int hj_random(void *p, size_t n, struct hj_err *e)
{
  unsigned char *to = p;
  int sys = hj_fault(HJ_OP_RANDOM);
  while (!sys && n) {
    ULONG k = n < HJ_IO_MOST ? (ULONG)n : HJ_IO_MOST;
    sys = BCryptGenRandom(NULL, to, k, BCRYPT_USE_SYSTEM_PREFERRED_RNG) >= 0 ? 0 : EIO;
    to += k;
    n -= k;
  }
  return sys ? hj_fail_sys(e, sys, "the system gave no random numbers") : HJ_E_OK;
}

uint32_t hj_proc_user(void) { return 0; /* as hj_stat.owner: users are no numbers here, and files in a user's folders are that user's */ }

unsigned hj_proc_cpus(void)
{
  DWORD_PTR ours = 0, all = 0;
  unsigned n = 0;
  if (GetProcessAffinityMask(GetCurrentProcess(), &ours, &all))
    for (; ours; ours &= ours - 1)
      n++;
  if (n == 0) /* a process with threads in several groups of 64 */
    n = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
  return n ? n : 1;
}

uint64_t hj_proc_memory(void)
{
  MEMORYSTATUSEX m = { .dwLength = sizeof m };
  return GlobalMemoryStatusEx(&m) ? m.ullAvailPhys : 0;
}

unsigned hj_proc_umask(void) { return 022; /* plat_windows_file.c: modes are told as if it were so */ }

int hj_proc_on_fork(void (*fn)(void), struct hj_err *e)
{
  (void)fn, (void)e;
  hj_plat_init();
  return HJ_E_OK; /* there is no fork: it is never called */
}
#endif

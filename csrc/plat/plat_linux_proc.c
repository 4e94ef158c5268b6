/* plat/plat_linux_proc.c - this process, others, and dice: what Linux does its own way. */
#ifdef __linux__
#include "plat/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "plat/fault.h"
#include "plat/plat.h"
#include "plat/posix_int.h"
#include "util/text.h"

#include "util/banned.h"

/* A small file of the kernel as text; empty if it cannot be read. Files of /proc come in one read. */
static size_t read_small(const char *path, char *out, size_t cap)
{
  int fd = -1, sys;
  ssize_t n = 0;
  out[0] = 0;
  HJ_RETRY(sys, fd = open(path, O_RDONLY | O_CLOEXEC));
  if (sys)
    return 0;
  HJ_RETRY(sys, n = read(fd, out, cap - 1));
  (void)close(fd);
  if (sys)
    n = 0;
  out[n] = 0;
  return (size_t)n;
}

/* man 5 proc: "pid (comm) state ppid ... starttime(22)". comm may hold blanks and parentheses, so counting begins after
 * the last ')', where field 3 stands. */
static bool read_stat(uint32_t pid, char *state, uint64_t *start)
{
  char path[40], text[1024];
  (void)snprintf(path, sizeof path, "/proc/%lu/stat", (unsigned long)pid);
  (void)read_small(path, text, sizeof text);
  const char *p = strrchr(text, ')');
  if (!p || p[1] != ' ' || !p[2])
    return false;
  p += 2;
  *state = *p;
  for (int field = 3; field < 22; field++) {
    p = strchr(p, ' ');
    if (!p)
      return false;
    p++;
  }
  return hj_text_u64(p, strspn(p, "0123456789"), start);
}

uint64_t hj_proc_start(uint32_t pid)
{
  char state;
  uint64_t start = 0;
  return read_stat(pid, &state, &start) ? start : 0;
}

bool hj_proc_alive(uint32_t pid, uint64_t start)
{
  char state;
  uint64_t now = 0;
  if (pid == 0 || pid > INT_MAX)
    return false;
  if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
    return false;
  if (!read_stat(pid, &state, &now))
    return true;            /* no /proc here (or hidepid): the number is all there is */
  if (state == 'Z' || state == 'X')
    return false;           /* it has ended and holds nothing; only its parent did not ask yet */
  return start == 0 || now == start;
}

bool hj_proc_is_stopped(uint32_t pid)
{
  char state = 0;
  uint64_t start;
  return pid > 0 && pid <= INT_MAX && read_stat(pid, &state, &start) && (state == 'T' || state == 't');
}

/* "3: FLOCK  ADVISORY  WRITE 4242 fe:00:5308531 0 EOF"; who waits has "->" behind the number; 0 is the holder in another container. */
uint32_t hj_os_flock_line(const char *line, unsigned major_n, unsigned minor_n, uint64_t inode)
{
  unsigned a, b;
  unsigned long pid;
  unsigned long long node;
  int end = 0;
  if (sscanf(line, "%*u: FLOCK %*s %*s %lu %x:%x:%llu %n", &pid, &a, &b, &node, &end) != 4 || !end)
    return 0;
  return a == major_n && b == minor_n && node == inode && pid <= INT_MAX ? (uint32_t)pid : 0;
}

/* The list may be long and comes in pieces: line by line. */
uint32_t hj_proc_flock_holder(uint64_t device, uint64_t inode)
{
  char line[256];
  uint32_t pid = 0;
  FILE *f = fopen("/proc/locks", "re");
  while (f && !pid && fgets(line, sizeof line, f))
    pid = hj_os_flock_line(line, major(device), minor(device), inode);
  if (f)
    (void)fclose(f);
  return pid;
}

static uint64_t mix(uint64_t h, const char *p, size_t n) /* FNV-1a: spreads names, promises nothing else */
{
  for (size_t i = 0; i < n; i++)
    h = (h ^ (unsigned char)p[i]) * 0x100000001b3u;
  return h;
}

/* Up to 12 letters of the host's name for people, then 8 hex digits of its whole name and installation, and 8 of its run. */
void hj_proc_host(char out[32])
{
  char name[256] = "", text[128];
  size_t at = 0;
  (void)gethostname(name, sizeof name - 1);
  uint64_t host = mix(0xcbf29ce484222325u, name, strlen(name)), run;
  host = mix(host, text, read_small("/etc/machine-id", text, sizeof text));
  run = mix(host, text, read_small("/proc/sys/kernel/random/boot_id", text, sizeof text));
  ssize_t n = readlink("/proc/self/ns/pid", text, sizeof text);
  run = mix(run, text, n > 0 ? (size_t)n : 0);
  for (const char *p = name; *p && *p != '.' && at < 12; p++) {
    char c = hj_text_lower(*p);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      out[at++] = c;
  }
  (void)snprintf(out + at, 32 - at, "%08x%08x", (unsigned)(host ^ host >> 32), (unsigned)(run ^ run >> 32));
}

int hj_random(void *p, size_t n, struct hj_err *e)
{
  char *to = p;
  int sys = hj_fault(HJ_OP_RANDOM);
  while (!sys && n) {
    ssize_t k = 0;
    HJ_RETRY(sys, k = getrandom(to, n, 0));
    if (sys)
      break;
    to += k;
    n -= (size_t)k;
  }
  return sys ? hj_fail_sys(e, sys, "the system gave no random numbers") : HJ_E_OK;
}

unsigned hj_os_quota_cpus(const char *text)
{
  uint64_t quota, period;
  size_t k = strcspn(text, " "), m = strcspn(text + k, "\n");
  if (m < 2 || !hj_text_u64(text, k, &quota) || !hj_text_u64(text + k + 1, m - 1, &period) || period == 0)
    return 0;
  uint64_t cpus = quota / period + (quota % period != 0);
  return cpus < UINT_MAX ? (unsigned)cpus : UINT_MAX;
}

uint32_t hj_proc_user(void) { return (uint32_t)geteuid(); }

unsigned hj_proc_cpus(void)
{
  cpu_set_t set;
  char text[64];
  unsigned cpus = 0;
  (void)read_small("/sys/fs/cgroup/cpu.max", text, sizeof text); /* a container sees its own group there (cgroup v2) */
  unsigned quota = hj_os_quota_cpus(text);
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    cpus = (unsigned)CPU_COUNT(&set);
  if (cpus == 0) { /* more cores than cpu_set_t can hold (1024) */
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    cpus = online > 0 ? (unsigned)online : 1;
  }
  return quota && quota < cpus ? quota : cpus;
}

uint64_t hj_os_memory(const char *meminfo, const char *most)
{
  static const char name[] = "MemAvailable:";
  const char *p = strstr(meminfo, name);
  uint64_t kib, limit;
  if (!p)
    return 0;           /* kernels before 3.14 */
  p += sizeof name - 1;
  p += strspn(p, " ");
  if (!hj_text_u64(p, strcspn(p, " \n"), &kib) || kib > UINT64_MAX / 1024)
    return 0;
  return hj_text_u64(most, strcspn(most, "\n"), &limit) && limit < kib * 1024 ? limit : kib * 1024;
}

uint64_t hj_proc_memory(void)
{
  char meminfo[256], most[32]; /* it is the third line */
  (void)read_small("/proc/meminfo", meminfo, sizeof meminfo);
  (void)read_small("/sys/fs/cgroup/memory.max", most, sizeof most);
  return hj_os_memory(meminfo, most);
}

static bool told_umask(unsigned *out)
{
  char text[4096];
  (void)read_small("/proc/self/status", text, sizeof text);
  const char *p = strstr(text, "\nUmask:");
  if (!p)
    return false;       /* kernels before 4.7 */
  p += strlen("\nUmask:");
  p += strspn(p, " \t");
  unsigned mask = 0;
  for (; *p >= '0' && *p <= '7'; p++)
    mask = mask * 8 + (unsigned)(*p - '0');
  *out = mask & 0777u;
  return *p == '\n';
}

unsigned hj_proc_umask(void)
{
  unsigned mask;
  if (told_umask(&mask))
    return mask;
  return hj_posix_umask();
}
#endif

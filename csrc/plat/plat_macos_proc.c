/* plat/plat_macos_proc.c - this process, others, and dice: what macOS does its own way. Compiled by `make cross`; never run yet. */
#ifdef __APPLE__
#include "plat/proc.h"

#include <errno.h>
#include <limits.h>
#include <mach/mach.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysctl.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "plat/fault.h"
#include "plat/plat.h"
#include "plat/posix_int.h"
#include "util/text.h"

#include "util/banned.h"

#define ENTROPY_MOST 256u /* of one getentropy() */

/* What the kernel keeps of a process; false: there is none by this number. */
static bool look(uint32_t pid, struct kinfo_proc *out)
{
  int name[] = { CTL_KERN, KERN_PROC, KERN_PROC_PID, (int)pid };
  size_t n = sizeof *out;
  memset(out, 0, sizeof *out);
  return pid > 0 && pid <= INT_MAX && sysctl(name, 4, out, &n, NULL, 0) == 0 && n == sizeof *out && out->kp_proc.p_pid == (pid_t)pid;
}

static uint64_t started(const struct kinfo_proc *p)
{
  return (uint64_t)p->kp_proc.p_starttime.tv_sec * 1000000u + (uint64_t)p->kp_proc.p_starttime.tv_usec;
}

uint64_t hj_proc_start(uint32_t pid)
{
  struct kinfo_proc p;
  return look(pid, &p) ? started(&p) : 0;
}

bool hj_proc_alive(uint32_t pid, uint64_t start)
{
  struct kinfo_proc p;
  return look(pid, &p) && p.kp_proc.p_stat != SZOMB && (start == 0 || started(&p) == start);
}

bool hj_proc_is_stopped(uint32_t pid)
{
  struct kinfo_proc p;
  return look(pid, &p) && p.kp_proc.p_stat == SSTOP;
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

/* As on Linux: 12 letters of the name, 8 hex digits of name and hardware, 8 of this boot. */
void hj_proc_host(char out[32])
{
  char name[256] = "";
  struct timespec patience = { 1, 0 };
  struct timeval boot = { 0, 0 };
  uuid_t hardware;
  size_t at = 0, n = sizeof boot;
  (void)gethostname(name, sizeof name - 1);
  uint64_t host = mix(0xcbf29ce484222325u, name, strlen(name)), run;
  if (gethostuuid(hardware, &patience) == 0)
    host = mix(host, hardware, sizeof hardware);
  run = sysctlbyname("kern.boottime", &boot, &n, NULL, 0) == 0 ? mix(host, &boot.tv_sec, sizeof boot.tv_sec) : host;
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
    size_t k = n < ENTROPY_MOST ? n : ENTROPY_MOST;
    HJ_RETRY(sys, getentropy(to, k));
    to += k;
    n -= k;
  }
  return sys ? hj_fail_sys(e, sys, "the system gave no random numbers") : HJ_E_OK;
}

uint32_t hj_proc_user(void) { return (uint32_t)geteuid(); }

unsigned hj_proc_cpus(void)
{
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? (unsigned)online : 1;
}

uint64_t hj_proc_memory(void)
{
  vm_statistics64_data_t vm;
  mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;
  mach_port_t host = mach_host_self();
  bool told = host_statistics64(host, HOST_VM_INFO64, (host_info64_t)&vm, &n) == KERN_SUCCESS;
  (void)mach_port_deallocate(mach_task_self(), host);
  return told ? ((uint64_t)vm.free_count + vm.inactive_count + vm.purgeable_count) * (uint64_t)getpagesize() : 0;
}

unsigned hj_proc_umask(void)
{
  return hj_posix_umask(); /* nothing tells it */
}
#endif

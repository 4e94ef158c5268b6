/* plat/posix_int.h - what the POSIX files of this folder share among themselves. */
#ifndef HJ_POSIX_INT_H
#define HJ_POSIX_INT_H

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>
#include "plat/any_int.h"
#include "util/err.h"

/* A failed call on a name: "<what> <path>: <system's words>". EINVAL is about the name here (vfat, exfat: "a:b"). */
#define hj_fail_path(e, sys, what, path) hj_fail_path_at((e), __FILE__, __LINE__, (sys), (what), (path))
int hj_fail_path_at(struct hj_err *e, const char *file, int line, int sys, const char *what, const char *path);

/* Repeats a call that a signal interrupted; its errno, 0 = it worked. */
#define HJ_RETRY(sys, call)               \
  do {                                    \
    (sys) = (call) < 0 ? errno : 0;       \
  } while ((sys) == EINTR)

struct hj_stat;
void hj_stat_fill(struct hj_stat *out, const struct stat *st);

/* Renames where the system has no call of its own that keeps a name that is taken, or this file system does not offer it. An errno. */
int hj_posix_rename_new(const char *from, const char *to);

/* The mask of this process, by setting it: for where nothing tells it. */
unsigned hj_posix_umask(void);

/* One per OS (plat_linux.c, plat_macos.c). */
int64_t hj_os_mtime_ns(const struct stat *st);
int64_t hj_os_ctime_ns(const struct stat *st);
void hj_os_thread_name(const char *name);   /* of the calling thread */
/* Linux only. A line of /proc/locks: who has the flock on this file; 0: it is about something else. Pure. */
uint32_t hj_os_flock_line(const char *line, unsigned major_n, unsigned minor_n, uint64_t inode);
/* Linux only. A container's share of time ("200000 100000": two cores' worth), rounded up; 0 = no limit or not told. Pure. */
unsigned hj_os_quota_cpus(const char *text);
/* MemAvailable of /proc/meminfo in bytes, at most what memory.max of a cgroup allows ("max" or empty: no limit). 0 = not known. */
uint64_t hj_os_memory(const char *meminfo, const char *most);

#endif

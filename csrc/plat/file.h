/* plat/file.h - one open file, and one file by its name.
 *
 * Threads  write_at and read_at of one hj_file from several threads at once is fine; the rest is one thread's.
 * Promise  descriptors are close-on-exec, and above those of stdin, stdout and stderr; short reads and writes and EINTR are handled here.
 */
#ifndef HJ_PLAT_FILE_H
#define HJ_PLAT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

typedef struct hj_file { int fd; } hj_file;
#define HJ_FILE_INIT { -1 }

enum hj_open {
  HJ_OPEN_READ,
  HJ_OPEN_QUIET,   /* read; where the system lets us (Linux, our own files), its time of last access stays as it is */
  HJ_OPEN_NEW,     /* read and write; HJ_E_EXISTS if the name is taken (symbolic links count as taken) */
  HJ_OPEN_UPDATE,  /* read and write, must exist, symbolic links refused */
  HJ_OPEN_APPEND,  /* write at the end, made if absent, symbolic links and FIFOs refused */
  HJ_OPEN_LOCK     /* read and write, made if absent, symbolic links refused */
};

enum hj_kind { HJ_KIND_NONE, HJ_KIND_FILE, HJ_KIND_DIR, HJ_KIND_LINK, HJ_KIND_OTHER };

struct hj_stat {
  enum hj_kind kind;
  uint64_t size;
  uint64_t held;      /* bytes really on disk (st_blocks) */
  int64_t mtime_ns;   /* since the epoch */
  int64_t ctime_ns;   /* of the last change of content, names or mode: nobody can set it; 0: this system does not tell */
  uint64_t inode, device;
  uint32_t links;
  unsigned mode;      /* permission bits */
  uint32_t owner;
};

int hj_file_open(hj_file *f, const char *path, enum hj_open how, unsigned mode, struct hj_err *e);
void hj_file_close(hj_file *f);                                   /* takes a closed one; f->fd = -1 after */
void hj_socket_close(int s);                                      /* for transfer/, which counts the sockets of its library */
int hj_file_write_at(hj_file *f, uint64_t at, const void *p, size_t n, struct hj_err *e);       /* all or error */
int hj_file_append(hj_file *f, const void *p, size_t n, struct hj_err *e);                      /* one write; all or error */
int hj_file_read_at(hj_file *f, uint64_t at, void *p, size_t n, size_t *got, struct hj_err *e); /* *got < n only at the end */
int hj_file_reserve(hj_file *f, uint64_t size, struct hj_err *e); /* real blocks where the FS can, else a sparse size; ENOSPC now, not later */
int hj_file_resize(hj_file *f, uint64_t size, struct hj_err *e);
int hj_file_sync(hj_file *f, struct hj_err *e);                   /* data and what is needed to find it */
void hj_file_flush_hint(hj_file *f, uint64_t at, uint64_t n);     /* start writing back; benign */
void hj_file_sequential_hint(hj_file *f);                         /* benign */
void hj_file_ahead_hint(hj_file *f, uint64_t at, uint64_t n);     /* somebody will read this soon; benign */
int hj_file_stat(hj_file *f, struct hj_stat *out, struct hj_err *e);
int hj_file_mode(hj_file *f, unsigned mode, struct hj_err *e);    /* permission bits, exactly */

/* Advisory lock between processes (flock), never waits. HJ_E_BUSY if another holds it; HJ_E_NONE if this file system has no locks. */
int hj_file_lock(hj_file *f, struct hj_err *e);
void hj_file_unlock(hj_file *f);                                  /* closing alone leaves it held while a forked child has a copy */

int hj_path_stat(const char *path, bool follow, struct hj_stat *out, struct hj_err *e);  /* HJ_E_NONE: also a dangling link, a file as parent */
int hj_path_rename(const char *from, const char *to, struct hj_err *e);                  /* replaces */
int hj_path_rename_new(const char *from, const char *to, struct hj_err *e);              /* HJ_E_EXISTS if taken; atomic where the OS can */
int hj_path_remove(const char *path, struct hj_err *e);                                  /* a file or link; HJ_E_NONE if absent */
/* `to`, a private file of ours, which exists and is empty, becomes one that shares the blocks of `from` until either is written to. HJ_E_NONE: not
 * between these two, not here; then `to` is still empty. */
int hj_file_clone(hj_file *from, const char *to, struct hj_err *e);
/* A second name of the file that `from` is or leads to. HJ_E_EXISTS if taken; HJ_E_DENIED: also where there are none, or across disks. */
int hj_path_hardlink(const char *from, const char *to, struct hj_err *e);
int hj_path_symlink(const char *target, const char *path, struct hj_err *e);             /* HJ_E_EXISTS if taken */
int hj_path_readlink(const char *path, char *out, size_t cap, struct hj_err *e);         /* NUL-ended; HJ_E_NAME if it does not fit, HJ_E_NONE: no link */
int hj_path_mode(const char *path, unsigned mode, struct hj_err *e);
/* Whether we may write to this file, or make names in this folder, as permissions and the mount say: nothing is tried. HJ_E_DENIED: no. */
int hj_path_may_write(const char *path, struct hj_err *e);
int hj_disk_free(const char *path, uint64_t *bytes, struct hj_err *e);                   /* for this user; nearest existing parent counts;
                                                                                          * UINT64_MAX: not told (FUSE mounts of 0 bytes) */

#endif

/* plat/windows_int.h - what the Windows files of this folder share among themselves.
 *
 * A descriptor of the contract (hj_file.fd, hj_dir.fd, hj_bell, a socket) is a HANDLE here: Windows promises that 32 bits of one are enough.
 * Errors become errnos where they are met, so that everything above is the same on every system. EBUSY stands for "open in another program".
 */
#ifndef HJ_WINDOWS_INT_H
#define HJ_WINDOWS_INT_H

#ifdef _WIN32
#include <winsock2.h>

#include <windows.h>

#include <winioctl.h>

#include <errno.h>
#include "plat/any_int.h"
#include "plat/file.h"
#include "util/err.h"

#define HJ_WIN_SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

static inline HANDLE hj_win_handle(int fd) { return (HANDLE)(intptr_t)fd; }
static inline int hj_win_fd(HANDLE h) { return (int)(intptr_t)h; } /* INVALID_HANDLE_VALUE is -1 on both sides */

/* The errno that says the same as a number of GetLastError(); EIO for those nobody has met. */
int hj_win_errno(DWORD code);
int hj_win_sys(void);                        /* of the call just before; never 0. The number goes to the trace */

/* A failed call on a name: "<what> <path>: <words>". EINVAL is about the name, EBUSY is HJ_E_BUSY. */
#define hj_fail_path(e, sys, what, path) hj_fail_path_at((e), __FILE__, __LINE__, (sys), (what), (path))
int hj_fail_path_at(struct hj_err *e, const char *file, int line, int sys, const char *what, const char *path);

/* The path in the form that has no limit of 260 letters (\\?\C:\..., \\?\UNC\server\share\...): that form is taken literally, so slashes, dots
 * and names no other program could open are dealt with here. The caller frees with hj_mem_free. NULL: HJ_E_NAME, HJ_E_NOMEM. */
wchar_t *hj_win_path(const char *path, struct hj_err *e);
/* UTF-16 of any text (a link's target), with backslashes, nothing else changed. */
wchar_t *hj_win_wide(const char *text, struct hj_err *e);
/* UTF-8 with slashes; false (out = ""): it does not fit, or is no UTF-16. */
bool hj_win_utf8(const wchar_t *from, size_t n, char *out, size_t cap);

/* CreateFileW; tries again for a moment while a virus scanner or an indexer has the file. An errno; *h is INVALID_HANDLE_VALUE then. */
int hj_win_open(HANDLE *h, const wchar_t *path, DWORD access, DWORD how, DWORD flags);
bool hj_win_is_link(HANDLE h);               /* a symbolic link or a junction, opened as itself */
int hj_win_stat(HANDLE h, struct hj_stat *out);
int hj_win_delete(HANDLE h);                 /* its name is gone at once where the system can; read-only files, too */
int hj_win_attributes(HANDLE h, unsigned mode);

void hj_win_sockets(void);                   /* once per process, before the first socket */
#endif

#endif

/* plat/plat_windows_name.c - UTF-8 paths become what Windows takes literally, and back. Compiled by `make cross`; never run yet.
 *
 * With \\?\ in front a path may have 32767 letters instead of 260, without any setting of the machine. The price: Windows then cleans nothing
 * up. "a/b", "a\.\b", "aux.json", "a." would be names of their own, the last two of which Explorer and Python could neither open nor remove.
 */
#ifdef _WIN32
#include <limits.h>
#include <string.h>
#include <wchar.h>

#include "plat/windows_int.h"
#include "util/mem.h"

#include "util/banned.h"

#define NAME_MOST 255u   /* UTF-16 units of one component: NTFS, ReFS, FAT, exFAT */
#define PREFIX_MOST 8u   /* \\?\UNC\ */

static bool same(const wchar_t *p, size_t n, const wchar_t *word) /* of ASCII letters, word in capitals */
{
  if (wcslen(word) != n)
    return false;
  for (size_t i = 0; i < n; i++)
    if ((p[i] >= L'a' && p[i] <= L'z' ? p[i] - 32 : p[i]) != word[i])
      return false;
  return true;
}

/* CON, NUL.txt, com1 .log: what is in front of the first dot decides, blanks do not count. */
static bool is_device(const wchar_t *p, size_t n)
{
  static const wchar_t *const words[] = { L"CON", L"PRN", L"AUX", L"NUL", L"CONIN$", L"CONOUT$" };
  size_t stem = 0;
  while (stem < n && p[stem] != L'.')
    stem++;
  while (stem > 0 && p[stem - 1] == L' ')
    stem--;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (same(p, stem, words[i]))
      return true;
  if (stem != 4 || !(same(p, 3, L"COM") || same(p, 3, L"LPT")))
    return false;
  return (p[3] >= L'1' && p[3] <= L'9') || p[3] == 0xB9 || p[3] == 0xB2 || p[3] == 0xB3; /* superscript 1, 2, 3 are digits there */
}

/* Why a component is no file name on Windows; NULL: it is one. */
static const char *objection(const wchar_t *p, size_t n)
{
  if (n > NAME_MOST)
    return "a name of more than 255 letters";
  for (size_t i = 0; i < n; i++)
    if (p[i] < 32 || wcschr(L"<>:\"|?*", p[i]))
      return "Windows has no names with this letter";
  if (p[n - 1] == L'.' || p[n - 1] == L' ')
    return "Windows has no names that end in a dot or a blank";
  return is_device(p, n) ? "Windows keeps this name for a device" : NULL;
}

wchar_t *hj_win_wide(const char *text, struct hj_err *e)
{
  int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
  if (n <= 0) {
    (void)hj_fail_path(e, EILSEQ, "no UTF-8:", text);
    return NULL;
  }
  wchar_t *out = hj_mem_zero((size_t)n + 1, sizeof *out, e);
  if (!out)
    return NULL;
  (void)MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, out, n); /* measured above */
  for (wchar_t *p = out; *p; p++)
    if (*p == L'/')
      *p = L'\\';
  return out;
}

/* Writes the root (\\?\C: or \\?\UNC) and answers what comes behind it; NULL: the path is not absolute. */
static const wchar_t *root_of(const wchar_t *p, wchar_t *out, bool *drive)
{
  bool unc = false;
  if (wcsncmp(p, L"\\\\?\\", 4) == 0) {
    p += 4;
    unc = wcsncmp(p, L"UNC\\", 4) == 0;
    p += unc ? 4 : 0;
  } else if (wcsncmp(p, L"\\\\", 2) == 0 && wcsncmp(p, L"\\\\.\\", 4) != 0) {
    unc = true;
    p += 2;
  }
  *drive = !unc;
  if (unc) {
    memcpy(out, L"\\\\?\\UNC", sizeof L"\\\\?\\UNC");
    return p;
  }
  bool letter = (p[0] >= L'a' && p[0] <= L'z') || (p[0] >= L'A' && p[0] <= L'Z');
  if (!letter || p[1] != L':' || p[2] != L'\\')
    return NULL;
  memcpy(out, L"\\\\?\\", sizeof L"\\\\?\\");
  out[4] = p[0];
  out[5] = L':';
  out[6] = 0;
  return p + 3;
}

/* The components behind the root, each with its backslash; why not, if not. */
static const char *add_names(wchar_t *out, const wchar_t *from)
{
  size_t floor = wcslen(out), at = floor;
  while (*from) {
    size_t n = wcscspn(from, L"\\");
    const char *why = NULL;
    if (n == 2 && from[0] == L'.' && from[1] == L'.') {
      while (at > floor && out[at - 1] != L'\\')
        at--;
      at -= at > floor ? 1 : 0;
    } else if (n > 0 && !(n == 1 && from[0] == L'.')) {
      why = objection(from, n);
      out[at++] = L'\\';
      memcpy(out + at, from, n * sizeof *from);
      at += n;
    }
    out[at] = 0;
    if (why)
      return why;
    from += n;
    from += *from ? 1 : 0;
  }
  return NULL;
}

wchar_t *hj_win_path(const char *path, struct hj_err *e)
{
  const char *dots, *tail = hj_path_tail(path, &dots), *why = "not an absolute path";
  bool drive = false;
  wchar_t *raw = hj_win_wide(path, e), *out = NULL;
  if (raw)
    out = hj_mem_zero(wcslen(raw) + PREFIX_MOST + 2, sizeof *out, e);
  const wchar_t *rest = out ? root_of(raw, out, &drive) : NULL;
  if (rest) {
    why = add_names(out, rest);
    size_t n = wcslen(out);
    if (drive && n == 6) { /* "\\?\C:" is the drive, "\\?\C:\" its root folder */
      out[n] = L'\\';
      out[n + 1] = 0;
    }
  }
  hj_mem_free(raw);
  if (out && why) {
    (void)hj_fail(e, HJ_E_NAME, "%s: %s%s", why, dots, tail);
    hj_mem_free(out);
    out = NULL;
  }
  return out;
}

bool hj_win_utf8(const wchar_t *from, size_t n, char *out, size_t cap)
{
  int most = cap < INT_MAX ? (int)cap : INT_MAX;
  int k = n == 0 || n > INT_MAX || most < 1 ? 0 : WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, from, (int)n, out, most - 1, NULL, NULL);
  if (most > 0)
    out[k > 0 ? k : 0] = 0;
  for (int i = 0; i < k; i++)
    if (out[i] == '\\')
      out[i] = '/';
  return k > 0;
}
#endif

/* store/layout.c - names become paths. Pure: bytes in, bytes out. */
#include "store/layout.h"

#include <string.h>

#include "util/mem.h"
#include "util/text.h"

#include "util/banned.h"

static bool is_letter(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What is wrong with one part of a path, or NULL. */
static const char *fault_of_part(const char *p, size_t n)
{
  if (n == 0)
    return "has an empty part";
  if (n > HJ_PATH_PART_MAX)
    return "has a part of more than 255 bytes";
  if (p[0] == '.' && (n == 1 || (n == 2 && p[1] == '.')))
    return "has a part \".\" or \"..\"";
  if (n >= 2 && is_letter(p[0]) && p[1] == ':')
    return "has a drive letter";
  if (hj_text_same(p, n, ".git"))
    return "has a part \".git\"";
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)p[i];
    if (c < 0x20 || c == 0x7f)
      return "has a control character";
    /* U+0080..U+009F: terminals that know eight-bit controls read U+009B as ESC [ */
    if (c == 0xc2 && i + 1 < n && (unsigned char)p[i + 1] >= 0x80 && (unsigned char)p[i + 1] <= 0x9f)
      return "has a control character";
    if (c == '\\')
      return "has a backslash";
  }
  return NULL;
}

int hj_layout_check_path(const char *path, struct hj_err *e)
{
  const char *fault = NULL;
  size_t left = 0, parts = 0;
  while (left <= HJ_PATH_LEN_MAX && path[left])
    left++;
  if (left > HJ_PATH_LEN_MAX)
    fault = "is longer than 3072 bytes";
  else if (path[0] == '/')
    fault = "is absolute";
  for (const char *p = path; !fault;) {
    const char *slash = memchr(p, '/', left);
    size_t n = slash ? (size_t)(slash - p) : left;
    fault = ++parts > HJ_PATH_DEPTH_MAX ? "has more than 64 parts" : fault_of_part(p, n);
    if (!slash)
      break;
    p = slash + 1;
    left -= n + 1;
  }
  if (fault)
    return hj_fail(e, HJ_E_NAME, "the file name '%.120s' %s", path, fault);
  return HJ_E_OK;
}

int hj_layout_check_etag(const char *etag, struct hj_err *e)
{
  if (!hj_text_is_etag_hex(etag))
    return hj_fail(e, HJ_E_NAME, "the etag '%.80s' is not 40 or 64 lower-case hex digits", etag);
  return HJ_E_OK;
}

int hj_layout_check_commit(const char *commit, struct hj_err *e)
{
  if (!hj_text_is_etag_hex(commit) || commit[40])
    return hj_fail(e, HJ_E_NAME, "the commit '%.80s' is not 40 lower-case hex digits", commit);
  return HJ_E_OK;
}

int hj_layout_check_key(const char *key, struct hj_err *e)
{
  size_t n = 0;
  for (; key[n] && n <= 128; n++)
    if (!((key[n] >= 'a' && key[n] <= 'z') || (key[n] >= '0' && key[n] <= '9') || key[n] == '-'))
      return hj_fail(e, HJ_E_NAME, "the key '%.80s' has a character outside a-z 0-9 -", key);
  if (n < 1 || n > 128)
    return hj_fail(e, HJ_E_NAME, "the key '%.80s' does not have 1 to 128 characters", key);
  return HJ_E_OK;
}

/* The texts one after the other; the list ends with NULL. */
static char *concat(const char *const *list, struct hj_err *e)
{
  size_t n = 1;
  for (const char *const *t = list; *t; t++)
    n += strlen(*t);
  char *out = hj_mem_new(n, e);
  if (!out)
    return NULL;
  char *to = out;
  for (const char *const *t = list; *t; t++) {
    size_t len = strlen(*t);
    memcpy(to, *t, len);
    to += len;
  }
  *to = '\0';
  return out;
}

char *hj_layout_join(const char *dir, const char *name, struct hj_err *e)
{
  return concat((const char *const[]){ dir, "/", name, NULL }, e);
}

char *hj_layout_blob(const char *repo_dir, const char *etag, struct hj_err *e)
{
  if (hj_layout_check_etag(etag, e))
    return NULL;
  return concat((const char *const[]){ repo_dir, "/blobs/", etag, NULL }, e);
}

char *hj_layout_pointer(const char *repo_dir, const char *commit, const char *path, struct hj_err *e)
{
  if (hj_layout_check_commit(commit, e) || hj_layout_check_path(path, e))
    return NULL;
  return concat((const char *const[]){ repo_dir, "/snapshots/", commit, "/", path, NULL }, e);
}

char *hj_layout_link_target(const char *path, const char *etag, struct hj_err *e)
{
  if (hj_layout_check_path(path, e) || hj_layout_check_etag(etag, e))
    return NULL;
  char up[3 * (HJ_PATH_DEPTH_MAX + 1) + 1];   /* "../" for snapshots/, for <commit>/ and for each folder of path */
  size_t n = 0;
  for (size_t ups = 2; ups > 0; ups--, n += 3)
    memcpy(up + n, "../", 3);
  for (const char *p = path; (p = strchr(p, '/')) != NULL; p++, n += 3)
    memcpy(up + n, "../", 3);
  up[n] = '\0';
  return concat((const char *const[]){ up, "blobs/", etag, NULL }, e);
}

char *hj_layout_side(const char *repo_dir, struct hj_err *e)
{
  return concat((const char *const[]){ repo_dir, "/.hubjet", NULL }, e);
}

char *hj_layout_lock(const char *repo_dir, const char *etag, struct hj_err *e)
{
  if (hj_layout_check_etag(etag, e))
    return NULL;
  size_t n = strlen(repo_dir);
  while (n > 1 && repo_dir[n - 1] == '/')
    n--;
  size_t base = n;
  while (base > 0 && repo_dir[base - 1] != '/')
    base--;
  if (base == 0 || base == n) {
    (void)hj_fail(e, HJ_E_BADARG, "'%.120s' is not the absolute path of a repository's folder", repo_dir);
    return NULL;
  }
  char *out = NULL;
  char *cache = hj_mem_text_n(repo_dir, base, e);     /* with its slash */
  char *repo = cache ? hj_mem_text_n(repo_dir + base, n - base, e) : NULL;
  if (repo)
    out = concat((const char *const[]){ cache, ".locks/", repo, "/", etag, ".lock", NULL }, e);
  hj_mem_free(cache);
  hj_mem_free(repo);
  return out;
}

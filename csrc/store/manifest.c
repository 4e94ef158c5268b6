/* store/manifest.c - see manifest.h */
#include "store/manifest.h"

#include <inttypes.h>
#include <string.h>
#include "digest/algo.h"
#include "plat/plat.h"
#include "store/layout.h"
#include "store/record_int.h"
#include "store/small.h"
#include "util/buf.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/banned.h"

struct places { char *manifest, *snapshot; };

static void places_release(struct places *p)
{
  hj_mem_free(p->manifest);
  hj_mem_free(p->snapshot);
}

/* ".<sha256>" of the caller's words for a choice; "" for everything. */
static int choice_suffix(const char *choice, char out[2 + 2 * HJ_DIGEST_MAX], struct hj_err *e)
{
  uint8_t digest[HJ_DIGEST_MAX];
  out[0] = 0;
  if (!*choice)
    return 0;
  if (hj_digest_bytes(HJ_SHA256, choice, strlen(choice), digest, e))
    return (int)e->code;
  out[0] = '.';
  hj_text_hex(digest, sizeof digest, out + 1);
  return 0;
}

static int find_places(const char *repo_dir, const char *commit, const char *choice, struct places *out, struct hj_err *e)
{
  char suffix[2 + 2 * HJ_DIGEST_MAX];
  struct hj_buf b;
  memset(out, 0, sizeof *out);
  if (hj_layout_check_commit(commit, e) || choice_suffix(choice, suffix, e))
    return (int)e->code;
  hj_buf_init(&b, HJ_PATH_LEN_MAX);
  if (!hj_buf_printf(&b, e, "%s/.hubjet/whole/%s%s", repo_dir, commit, suffix))
    out->manifest = hj_buf_take(&b);
  hj_buf_clear(&b);
  if (e->code == HJ_E_OK && !hj_buf_printf(&b, e, "%s/snapshots/%s", repo_dir, commit))
    out->snapshot = hj_buf_take(&b);
  hj_buf_release(&b);
  if (e->code != HJ_E_OK)
    places_release(out);
  return (int)e->code;
}

int hj_manifest_write(const char *repo_dir, const char *commit, const char *choice, const char *const *paths, size_t n,
                      struct hj_err *e)
{
  struct places at;
  struct hj_dir dir = HJ_DIR_INIT;
  struct hj_buf text;
  if (find_places(repo_dir, commit, choice, &at, e))
    return (int)e->code;
  hj_buf_init(&text, HJ_MANIFEST_MAX);
  if (hj_small_may(at.manifest, e) || hj_dir_open(&dir, at.snapshot, e))
    goto out;
  for (size_t i = 0; i < n; i++) {
    struct hj_stat st;
    if (hj_layout_check_path(paths[i], e) || hj_dir_stat(&dir, paths[i], &st, e) ||
        hj_buf_printf(&text, e, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", st.size, (uint64_t)st.mtime_ns, st.inode, (uint64_t)st.ctime_ns, paths[i]))
      goto out;
  }
  if (hj_buf_printf(&text, e, "end %zu\n", n))
    goto out;
  hj_small_write(at.manifest, text.p, text.len, 0666, false, e);
out:
  hj_dir_close(&dir);
  hj_buf_release(&text);
  places_release(&at);
  return (int)e->code;
}

/* The manifest's text, NUL-ended; false: none, or not to be had. */
static bool read_text(const char *path, struct hj_buf *text, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT; /* benign: the slow way answers */
  hj_file f = HJ_FILE_INIT;
  struct hj_stat st;
  size_t got = 0;
  bool good = false;
  if (hj_file_open(&f, path, HJ_OPEN_READ, 0, &s) || hj_file_stat(&f, &st, &s) || st.size > HJ_MANIFEST_MAX)
    goto out;
  if (hj_buf_reserve(text, (size_t)st.size + 1, e))
    goto out;
  good = !hj_file_read_at(&f, 0, text->p, (size_t)st.size, &got, &s) && got == st.size;
  if (good) {
    text->len = got;
    text->p[got] = 0;
  }
out:
  hj_file_close(&f);
  return good;
}

static bool take_number(char **p, uint64_t *out)
{
  char *blank = strchr(*p, ' ');
  if (!blank || !hj_text_u64(*p, (size_t)(blank - *p), out))
    return false;
  *p = blank + 1;
  return true;
}

/* One line, NUL-ended: does the file it names still look like that? *touched: but for its ctime. */
static bool still_so(struct hj_dir *dir, char *line, bool *touched)
{
  struct hj_err s = HJ_ERR_INIT;
  struct hj_stat st;
  uint64_t size, mtime, inode, ctime;
  if (!take_number(&line, &size) || !take_number(&line, &mtime) || !take_number(&line, &inode) || !take_number(&line, &ctime))
    return false;
  /* In a cache that others write to a manifest may name what it likes: nothing outside the snapshot is looked at. */
  if (hj_layout_check_path(line, &s) || hj_dir_stat(dir, line, &st, &s) || st.kind != HJ_KIND_FILE || st.size != size || (uint64_t)st.mtime_ns != mtime ||
      st.inode != inode)
    return false;
  *touched = *touched || (uint64_t)st.ctime_ns != ctime;
  return true;
}

static bool check_lines(struct hj_dir *dir, char *text, size_t *files, bool *touched)
{
  uint64_t said;
  for (size_t n = 0;; n++) {
    char *lf = strchr(text, '\n');
    if (!lf)
      return false; /* cut */
    *lf = 0;
    if (hj_text_starts(text, "end ")) {
      *files = n;
      return hj_text_u64(text + 4, strlen(text + 4), &said) && said == n;
    }
    if (!still_so(dir, text, touched))
      return false;
    text = lf + 1;
  }
}

/* As in record.h: the ctime counts for who can note what he finds out, here or there. */
static bool is_shut(const char *repo_dir, const char *manifest)
{
  struct hj_err s = HJ_ERR_INIT;
  return hj_small_may(manifest, &s) == HJ_E_DENIED && hj_record_is_shut(repo_dir);
}

int hj_manifest_check(const char *repo_dir, const char *commit, const char *choice, bool *whole, size_t *files, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  struct hj_dir dir = HJ_DIR_INIT;
  struct hj_buf text;
  struct places at;
  bool touched = false;
  *whole = false;
  *files = 0;
  if (find_places(repo_dir, commit, choice, &at, e))
    return (int)e->code;
  hj_buf_init(&text, HJ_MANIFEST_MAX + 2);
  if (read_text(at.manifest, &text, e) && !hj_dir_open(&dir, at.snapshot, &s))
    *whole = check_lines(&dir, text.p, files, &touched) && (!touched || is_shut(repo_dir, at.manifest));
  hj_dir_close(&dir);
  hj_buf_release(&text);
  places_release(&at);
  return (int)e->code;
}

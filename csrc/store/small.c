/* store/small.c - a small file replaced whole. */
#include "store/small.h"

#include <stdint.h>
#include <string.h>

#include "store/temp_int.h"
#include "util/mem.h"

#include "util/banned.h"

/* Is this very content there already? Read piece by piece, so that a foreign 1 GB file in the place costs nothing: sizes differ.
 * Anything odd answers no: then it is written. */
static bool is_there(hj_file *f, const char *path, const uint8_t *p, size_t n)
{
  uint8_t piece[4096];
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  if (hj_path_stat(path, false, &st, &s) || st.kind != HJ_KIND_FILE || st.size != n)
    return false;
  if (hj_file_open(f, path, HJ_OPEN_READ, 0, &s))
    return false;
  for (size_t at = 0; at < n;) {
    size_t want = n - at < sizeof piece ? n - at : sizeof piece, got = 0;
    if (hj_file_read_at(f, at, piece, want, &got, &s) || got != want || memcmp(piece, p + at, want) != 0) {
      hj_file_close(f);
      return false;
    }
    at += want;
  }
  return true;
}

int hj_small_may(const char *path, struct hj_err *e)
{
  char *dir = hj_dir_of(path, e);
  while (dir) {
    struct hj_err s = HJ_ERR_INIT;
    char *above = NULL;
    if (hj_path_may_write(dir, &s) == HJ_E_NONE)
      above = hj_dir_of(dir, e);
    else
      hj_err_pass(e, &s);
    bool top = above && strlen(above) >= strlen(dir);
    hj_mem_free(dir);
    dir = above;
    if (top)
      break;
  }
  hj_mem_free(dir);
  return (int)e->code;
}

int hj_small_write(const char *path, const void *p, size_t n, unsigned mode, bool sync, struct hj_err *e)
{
  hj_file f = HJ_FILE_INIT;
  char *temp = NULL, *dir = hj_dir_of(path, e);
  bool named = false;
  if (!dir)
    goto out;
  if (is_there(&f, path, p, n)) {
    if (sync && !hj_file_sync(&f, e))                 /* whoever wrote it may not have */
      (void)hj_dir_sync(dir, e);
    hj_file_close(&f);
    goto out;
  }
  if (hj_small_may(path, e))
    goto out;
  if (sync) {                                         /* parents by publish's way, so that their names are synced too */
    struct hj_stat st;
    struct hj_err s = HJ_ERR_INIT;
    if (hj_path_stat(dir, true, &st, &s) == HJ_E_NONE && hj_temp_parents(path, true, e))
      goto out;
  }
  if (hj_temp_open(&f, dir, ".hubjet.", mode, &temp, e))
    goto out;
  if (n > 0 && hj_file_write_at(&f, 0, p, n, e))
    goto out;
  if (sync && hj_file_sync(&f, e))
    goto out;
  hj_file_close(&f);
  (void)hj_temp_publish(temp, path, true, sync, &named, e);
out:
  if (named) {
    hj_mem_free(temp);
    temp = NULL;
  }
  hj_temp_discard(&f, temp);
  hj_err_place(e, path);
  hj_mem_free(dir);
  return (int)e->code;
}

/* store/temp.c - a private file, and how it gets its public name. */
#include "store/temp_int.h"

#include <stdio.h>
#include <string.h>

#include "plat/fault.h"
#include "store/layout.h"
#include "store/owner_int.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/trace.h"

#include "util/banned.h"

#define ABOVE 4  /* a repository, its cache, HF_HOME, and what that lies in */
#define TRIES 16 /* of a name that is taken, a folder that vanished: each needs a rival at exactly that moment */

void hj_err_pass(struct hj_err *e, const struct hj_err *cause)
{
  if (e->code == HJ_E_OK)
    *e = *cause;
}

void hj_err_place(struct hj_err *e, const char *path)
{
  char said[sizeof e->msg];
  size_t n, len = strlen(path);
  if (e->code == HJ_E_OK || e->msg[0] == '/' || strstr(e->msg, " /") || strstr(e->msg, "..."))
    return;
  memcpy(said, e->msg, sizeof said);
  n = strlen(said);
  if (n > sizeof e->msg - 40)
    return;
  size_t room = sizeof e->msg - n - 8;                /* the end of a path says more than its beginning */
  (void)snprintf(e->msg, sizeof e->msg, "%s%s: ", len > room ? "..." : "", len > room ? path + (len - room) : path);
  memcpy(e->msg + strlen(e->msg), said, n + 1);
  hj_text_one_line(e->msg);
}

static size_t parent_len(const char *path, size_t n)
{
  while (n > 1 && path[n - 1] == '/')
    n--;
  while (n > 0 && path[n - 1] != '/')
    n--;
  while (n > 1 && path[n - 1] == '/')
    n--;
  return n;
}

char *hj_dir_of(const char *path, struct hj_err *e)
{
  size_t n = parent_len(path, strlen(path));
  if (n == 0) {
    (void)hj_fail(e, HJ_E_BADARG, "'%.120s' is not an absolute path", path);
    return NULL;
  }
  return hj_mem_text_n(path, n, e);
}

/* Parents of `path`; with sync, each folder that got a new one in it is synced too: a file synced in a folder whose own name
 * never reached the disk is lost with it. */
int hj_temp_parents(const char *path, bool sync, struct hj_err *e)
{
  if (!sync)
    return hj_dir_make_parents(path, e);
  struct hj_stat st;
  char *dir = hj_dir_of(path, e);
  size_t n = dir ? strlen(dir) : 0, there = n;
  if (!dir)
    goto out;
  for (;;) {                                          /* the nearest parent that exists */
    struct hj_err scratch = HJ_ERR_INIT;
    char kept = dir[there];
    dir[there] = '\0';
    int rc = hj_path_stat(dir, true, &st, &scratch);
    dir[there] = kept;
    if (rc != HJ_E_NONE || there <= 1)
      break;
    there = parent_len(dir, there);
  }
  if (hj_dir_make_parents(path, e))
    goto out;
  while (n > there) {
    n = parent_len(dir, n);
    dir[n] = '\0';
    if (hj_dir_sync(dir, e))
      goto out;
  }
out:
  hj_mem_free(dir);
  return (int)e->code;
}

/* Whoever made the folders above (a claim, a private file) did not sync them. ext4, xfs and btrfs write them with what is synced below;
 * a file system that does no more than it must could lose the whole repository after "done" (replayed: tests/torture/powercut.py). Only where a
 * folder was new, so once for a repository. */
static int sync_above(const char *path, struct hj_err *e)
{
  char *dir = hj_dir_of(path, e);
  size_t n = dir ? strlen(dir) : 0;
  for (int i = 0; i < ABOVE && n > 1; i++) {
    n = parent_len(dir, n);
    dir[n] = '\0';
    if (hj_dir_sync(dir, e))
      break;
  }
  hj_mem_free(dir);
  return (int)e->code;
}

int hj_temp_open(hj_file *f, const char *dir, const char *prefix, unsigned mode, char **path, struct hj_err *e)
{
  char name[HJ_OWNER_MAX + 16];
  size_t n = strlen(prefix);
  *path = NULL;
  if (n > sizeof name - HJ_OWNER_MAX)
    return hj_fail(e, HJ_E_BUG, "the prefix of a private name is too long");
  memcpy(name, prefix, n);
  for (int i = 0; i < TRIES; i++) {
    struct hj_err s = HJ_ERR_INIT;
    hj_owner_name(name + n);
    char *p = hj_layout_join(dir, name, e);
    if (!p)
      return (int)e->code;
    if (!hj_file_open(f, p, HJ_OPEN_NEW, mode, &s)) {
      *path = p;
      return HJ_E_OK;
    }
    hj_mem_free(p);
    if (s.code == HJ_E_NONE) {                        /* the folder is not there (yet, or any more) */
      struct hj_err d = HJ_ERR_INIT;
      if (hj_dir_make_all(dir, &d) && d.code != HJ_E_NONE) {
        hj_err_pass(e, &d);
        return (int)e->code;
      }
    } else if (s.code != HJ_E_EXISTS || i == TRIES - 1) {
      hj_err_pass(e, &s);
      return (int)e->code;
    }
  }
  return hj_fail(e, HJ_E_IO, "no private file could be made in %s", dir);
}

void hj_temp_discard(hj_file *f, char *path)
{
  struct hj_err s = HJ_ERR_INIT;
  hj_file_close(f);
  if (path && hj_path_remove(path, &s) && s.code != HJ_E_NONE)
    HJ_TRACE(HJ_T_STORE, 0, "left behind: %s", s.msg);
  hj_mem_free(path);
}

int hj_temp_rename(const char *from, const char *to, bool replace, bool sync, bool *named, struct hj_err *e)
{
  bool done = false;
  for (int i = 0; i < TRIES && !done; i++) {
    struct hj_err s = HJ_ERR_INIT;
    done = (replace ? hj_path_rename(from, to, &s) : hj_path_rename_new(from, to, &s)) == 0;
    if (done)
      break;
    if (s.code != HJ_E_NONE || i == TRIES - 1) {
      hj_err_pass(e, &s);
      goto out;
    }
    struct hj_stat st;                                /* which of the two is missing? */
    struct hj_err gone = HJ_ERR_INIT, d = HJ_ERR_INIT;
    if (hj_path_stat(from, false, &st, &gone)) {
      hj_err_pass(e, gone.code == HJ_E_NONE ? &s : &gone);
      goto out;
    }
    if ((hj_temp_parents(to, sync, &d) && d.code != HJ_E_NONE) || (sync && d.code == HJ_E_OK && sync_above(to, &d))) {
      hj_err_pass(e, &d);
      goto out;
    }
  }
out:
  *named = done;
  return (int)e->code;
}

int hj_temp_publish(const char *from, const char *to, bool replace, bool sync, bool *named, struct hj_err *e)
{
  char *dir = NULL;
  bool done;
  if (!hj_temp_rename(from, to, replace, sync, &done, e) && sync && (dir = hj_dir_of(to, e)) != NULL)
    (void)hj_dir_sync(dir, e);
  if (named)
    *named = done;
  hj_mem_free(dir);
  return (int)e->code;
}

int hj_temp_sync_data(const char *path, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  if (hj_file_open(&f, path, HJ_OPEN_READ, 0, &s)) {
    if (s.code != HJ_E_DENIED)
      hj_err_pass(e, &s);
    return (int)e->code;
  }
  (void)hj_file_sync(&f, e);
  hj_file_close(&f);
  return (int)e->code;
}

int hj_temp_confirm(const char *path, struct hj_err *e)
{
  char *dir = hj_temp_sync_data(path, e) ? NULL : hj_dir_of(path, e);
  if (dir)
    (void)hj_dir_sync(dir, e);
  hj_mem_free(dir);
  return (int)e->code;
}

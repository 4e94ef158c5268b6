/* store/lock.c - flock as huggingface_hub uses it, with a line that says who holds it. */
#include "store/lock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plat/fault.h"
#include "plat/plat.h"
#include "store/temp_int.h"
#include "util/text.h"
#include "util/trace.h"

#include "util/banned.h"

#define LINE_MAX_BYTES 64
#define TRIES 8            /* each needs somebody who unlinks the file between our open and our lock */

/* The file's line as ours: "<pid> <host>\n", or nothing (pid 0). false: another program's content. */
static bool read_line(hj_file *f, uint64_t *pid, char host[32])
{
  char line[LINE_MAX_BYTES];
  size_t got = 0;
  struct hj_err s = HJ_ERR_INIT;
  *pid = 0;
  host[0] = '\0';
  if (hj_file_read_at(f, 0, line, sizeof line, &got, &s))
    return false;
  if (got == 0)
    return true;
  if (got == sizeof line || line[got - 1] != '\n')
    return false;
  const char *blank = memchr(line, ' ', got);
  if (!blank || !hj_text_u64(line, (size_t)(blank - line), pid))
    return false;
  size_t n = got - 1 - (size_t)(blank + 1 - line);
  for (size_t i = 0; i < n; i++) {
    char c = blank[1 + i];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
      return false;
  }
  return n > 0 && hj_text_copy(host, 32, blank + 1, n);
}

static void write_line(hj_file *f, const char *line)
{
  struct hj_err s = HJ_ERR_INIT;
  size_t n = strlen(line);
  HJ_BENIGN_BEGIN();               /* only a message depends on it */
  if (hj_file_write_at(f, 0, line, n, &s) || hj_file_resize(f, n, &s))
    HJ_TRACE(HJ_T_LOCK, 0, "the holder's name is not written: %s", s.msg);
  HJ_BENIGN_END();
}

static int say_busy(hj_file *f, const char *path, struct hj_err *e)
{
  uint64_t pid;
  char host[32], self[32];
  if (!read_line(f, &pid, host) || pid == 0 || pid > UINT32_MAX)
    return hj_fail(e, HJ_E_BUSY, "another program holds %s", path);
  hj_proc_host(self);
  if (strcmp(self, host) == 0 && !hj_proc_alive((uint32_t)pid, 0))
    return hj_fail(e, HJ_E_BUSY, "another program holds %s", path);
  return hj_fail(e, HJ_E_BUSY, "process %" PRIu64 " on %s holds %s", pid, strcmp(self, host) == 0 ? "this host" : host, path);
}

/* *made: the file is new. */
static int open_lock(hj_file *f, const char *path, bool *made, struct hj_err *e)
{
  for (int i = 0; i < 2; i++) {
    struct hj_err s = HJ_ERR_INIT;
    *made = true;
    if (!hj_file_open(f, path, HJ_OPEN_NEW, 0664, &s))
      return HJ_E_OK;
    if (s.code == HJ_E_EXISTS) {
      *made = false;
      return hj_file_open(f, path, HJ_OPEN_LOCK, 0664, e);
    }
    if (s.code != HJ_E_NONE || i == 1) {
      hj_err_pass(e, &s);
      return (int)e->code;
    }
    if (hj_dir_make_parents(path, e))
      return (int)e->code;
  }
  return hj_fail(e, HJ_E_BUG, "unreachable");
}

/* 0664 whatever the umask: that is what lets two users of a group share a cache. Only the maker may. */
static void set_mode(hj_file *f)
{
  struct hj_err s = HJ_ERR_INIT;
  HJ_BENIGN_BEGIN();
  if (hj_file_mode(f, 0664, &s))
    HJ_TRACE(HJ_T_LOCK, 0, "the lock's mode is the umask's: %s", s.msg);
  HJ_BENIGN_END();
}

int hj_lock_try(struct hj_lock *l, const char *path, struct hj_err *e)
{
  l->named = l->held = false;
  for (int i = 0; i < TRIES; i++) {
    struct hj_stat st;
    struct hj_err s = HJ_ERR_INIT;
    bool made;
    if (open_lock(&l->file, path, &made, e))
      return (int)e->code;
    if (made)
      set_mode(&l->file);
    if (hj_file_lock(&l->file, &s)) {
      if (s.code == HJ_E_BUSY)
        (void)say_busy(&l->file, path, e);
      else
        hj_err_pass(e, &s);
      hj_file_close(&l->file);
      return (int)e->code;
    }
    if (hj_file_stat(&l->file, &st, e)) {
      hj_file_close(&l->file);
      return (int)e->code;
    }
    if (st.links == 0) {                              /* unlinked meanwhile: others lock another file of this name */
      hj_file_close(&l->file);
      continue;
    }
    l->held = true;
    return HJ_E_OK;
  }
  return hj_fail(e, HJ_E_BUSY, "%s is removed again and again", path);
}

void hj_lock_sign(struct hj_lock *l)
{
  char host[32], line[LINE_MAX_BYTES];
  uint64_t old_pid;
  if (!l->held || !read_line(&l->file, &old_pid, host))
    return;
  hj_proc_host(host);
  (void)snprintf(line, sizeof line, "%" PRIu32 " %s\n", hj_proc_id(), host);
  write_line(&l->file, line);
  l->named = true;
}

void hj_lock_drop(struct hj_lock *l)
{
  if (l->named)
    write_line(&l->file, ""); /* empty, as the stock client leaves it */
  l->named = false;
  /* Data loaders fork in the middle of a download: a child that lives on has a copy of the descriptor, and with it the lock. */
  if (l->held)
    hj_file_unlock(&l->file);
  l->held = false;
  hj_file_close(&l->file);
}

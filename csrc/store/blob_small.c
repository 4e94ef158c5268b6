/* store/blob_small.c - files that came whole, each in one answer. Six system calls a file without sync. */
#include <string.h>

#include "plat/fault.h"
#include "plat/plat.h"
#include "store/blob_int.h"
#include "store/layout.h"
#include "store/temp_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

static char *tmp_dir_of(const char *partial_dir, struct hj_err *e)
{
  char *side = hj_dir_of(partial_dir, e);
  char *tmp = side ? hj_layout_join(side, "tmp", e) : NULL;
  hj_mem_free(side);
  return tmp;
}

static void write_temp(struct hj_small *s)
{
  const struct hj_blob_want *w = &s->want;
  struct hj_err *e = s->e, scratch = HJ_ERR_INIT;
  char *dir = NULL;
  s->got = (struct hj_promise){ .algo = w->promise.algo == HJ_ALGO_NONE ? HJ_SHA256 : w->promise.algo };
  if (w->size != HJ_SIZE_UNKNOWN && w->size != s->n) {
    hj_fail(e, HJ_E_SIZE, "%llu bytes were expected, %zu came", (unsigned long long)w->size, s->n);
    return;
  }
  if (hj_digest_bytes(s->got.algo, s->p, s->n, s->got.bytes, e) || hj_blob_compare(&w->promise, &s->got, e))
    return;
  if (!(dir = tmp_dir_of(w->partial_dir, e)) || hj_temp_open(&s->file, dir, "", w->mode | 0200u, &s->temp, e))
    goto out;
  if (s->n > 0 && hj_file_write_at(&s->file, 0, s->p, s->n, e))
    goto out;
  HJ_BENIGN_BEGIN();
  if (hj_file_mode(&s->file, w->mode, &scratch))
    HJ_TRACE(HJ_T_STORE, 0, "the mode stays: %s", scratch.msg);
  HJ_BENIGN_END();
  if (w->sync)
    hj_file_flush_hint(&s->file, 0, s->n);
out:
  hj_mem_free(dir);
}

/* The name is taken: equal by size is taken for equal by name (see blob.c); a link that leads nowhere is replaced. */
static void settle_race(struct hj_small *s)
{
  const struct hj_blob_want *w = &s->want;
  struct hj_stat st;
  struct hj_err scratch = HJ_ERR_INIT;
  int rc = hj_path_stat(w->final, true, &st, &scratch);
  if (rc == HJ_E_NONE)
    (void)hj_temp_rename(s->temp, w->final, true, w->sync, &s->named, s->e);
  else if (rc)
    hj_err_pass(s->e, &scratch);
  else if (st.kind != HJ_KIND_FILE || st.size != s->n)
    (void)hj_fail(s->e, HJ_E_EXISTS, "another file of %llu bytes has the name %s; it was left alone", (unsigned long long)st.size,
                  w->final);
  else if (w->sync)
    (void)hj_temp_confirm(w->final, s->e);
}

static void name_it(struct hj_small *s)
{
  const struct hj_blob_want *w = &s->want;
  struct hj_err scratch = HJ_ERR_INIT;
  if (!hj_temp_rename(s->temp, w->final, w->replace, w->sync, &s->named, &scratch))
    return;
  if (scratch.code == HJ_E_EXISTS && !w->replace)
    settle_race(s);
  else if (scratch.code == HJ_E_NONE)
    (void)hj_fail(s->e, HJ_E_IO, "the private file vanished before it got its name: %s", scratch.msg);
  else
    hj_err_pass(s->e, &scratch);
}

/* The folders of the new names, each once: usually there is one. */
static void sync_folders(struct hj_small s[], unsigned n)
{
  for (unsigned i = 0; i < n; i++) {
    char *dir = s[i].named && s[i].want.sync ? hj_dir_of(s[i].want.final, s[i].e) : NULL;
    size_t len = dir ? strlen(dir) : 0;
    bool done = !dir;
    for (unsigned k = 0; k < i && !done; k++)
      done = s[k].named && s[k].want.sync && !strncmp(s[k].want.final, dir, len) && s[k].want.final[len] == '/' &&
             !strchr(s[k].want.final + len + 1, '/');
    if (!done)
      (void)hj_dir_sync(dir, s[i].e);
    for (unsigned k = i + 1; k < n && !done && s[i].e->code != HJ_E_OK; k++) /* whoever relies on this one shares its fate */
      if (s[k].named && !strncmp(s[k].want.final, dir, len) && s[k].want.final[len] == '/' && !strchr(s[k].want.final + len + 1, '/'))
        hj_err_pass(s[k].e, s[i].e);
    hj_mem_free(dir);
  }
}

void hj_blobs_store_small(struct hj_small s[], unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    s[i].file = (hj_file)HJ_FILE_INIT;
  for (unsigned i = 0; i < n; i++)
    if (s[i].e->code == HJ_E_OK)
      write_temp(&s[i]);
  for (unsigned i = 0; i < n; i++) {
    if (s[i].e->code == HJ_E_OK && s[i].want.sync)
      (void)hj_file_sync(&s[i].file, s[i].e);
    hj_file_close(&s[i].file);
  }
  for (unsigned i = 0; i < n; i++)
    if (s[i].e->code == HJ_E_OK)
      name_it(&s[i]);
  sync_folders(s, n);
  for (unsigned i = 0; i < n; i++) {
    if (s[i].named) {
      hj_mem_free(s[i].temp);
      s[i].temp = NULL;
    }
    hj_temp_discard(&s[i].file, s[i].temp);
    s[i].temp = NULL;
  }
}

void hj_blob_tidy(const char *partial_dir)
{
  struct hj_err s = HJ_ERR_INIT; /* not empty, not there: both fine; who needs it makes it again */
  char *tmp, *side;
  HJ_BENIGN_BEGIN();
  tmp = tmp_dir_of(partial_dir, &s);
  side = hj_dir_of(partial_dir, &s);
  if (tmp && side && !hj_dir_remove(tmp, &s))
    (void)hj_dir_remove(side, &s);
  hj_mem_free(tmp);
  hj_mem_free(side);
  HJ_BENIGN_END();
}

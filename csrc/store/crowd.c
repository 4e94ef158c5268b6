/* store/crowd.c - see crowd.h */
#include "store/crowd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "plat/plat.h"
#include "store/layout.h"
#include "store/owner_int.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/banned.h"

#define DIGITS 20
#define WORDS 3
#define LINE ((DIGITS + 1) * WORDS)   /* fixed width: overwriting it in one write leaves no mixture that a reader could take for a number */

void hj_crowd_forget(struct hj_crowd *c)
{
  hj_mem_free(c->path);
  hj_mem_free(c->dir);
  *c = (struct hj_crowd){ 0 };
}

void hj_crowd_leave(struct hj_crowd *c)
{
  struct hj_err scratch = HJ_ERR_INIT;
  if (c->path)
    (void)hj_path_remove(c->path, &scratch); /* benign: it is seen to be dead, or stale */
  hj_crowd_forget(c);
}

static int write_words(const char *path, enum hj_open how, const struct hj_crowd_words *w, struct hj_err *e)
{
  hj_file f = HJ_FILE_INIT;
  char line[LINE + 1];
  (void)snprintf(line, sizeof line, "%020" PRIu64 " %020" PRIu64 " %020" PRIu64 "\n", w->claim, w->appetite, w->limit);
  if (!hj_file_open(&f, path, how, 0600, e))
    (void)hj_file_write_at(&f, 0, line, LINE, e);
  hj_file_close(&f);
  return (int)e->code;
}

int hj_crowd_join(struct hj_crowd *c, const char *dir, struct hj_err *e)
{
  struct hj_crowd_words nothing = { 0, UINT64_MAX, 0 };
  struct hj_err scratch = HJ_ERR_INIT;
  struct hj_stat st;
  char name[HJ_OWNER_MAX];
  bool new = hj_path_stat(dir, true, &st, &scratch) != HJ_E_OK;
  hj_err_clear(&scratch);
  if (hj_dir_make_all(dir, e))
    return (int)e->code;
  if (new)
    (void)hj_path_mode(dir, 0700, &scratch); /* benign: numbers are no secret */
  hj_owner_name(name);
  c->dir = hj_mem_text(dir, e);
  c->path = hj_layout_join(dir, name, e);
  if (e->code != HJ_E_OK || write_words(c->path, HJ_OPEN_NEW, &nothing, e))
    hj_crowd_leave(c);
  return (int)e->code;
}

int hj_crowd_say(struct hj_crowd *c, const struct hj_crowd_words *w, struct hj_err *e)
{
  if (write_words(c->path, HJ_OPEN_UPDATE, w, e) != HJ_E_NONE)
    return (int)e->code;
  hj_err_clear(e); /* somebody tidied up */
  return write_words(c->path, HJ_OPEN_NEW, w, e);
}

/* false: no line of ours (yet). */
static bool read_words(const char *path, struct hj_crowd_words *w)
{
  struct hj_err scratch = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  char line[LINE + 1];
  uint64_t *to[WORDS] = { &w->claim, &w->appetite, &w->limit };
  size_t got = 0;
  bool good = !hj_file_open(&f, path, HJ_OPEN_READ, 0, &scratch) && !hj_file_read_at(&f, 0, line, sizeof line, &got, &scratch);
  hj_file_close(&f);
  good = good && got == LINE;
  for (int i = 0; good && i < WORDS; i++)
    good = hj_text_u64(line + i * (DIGITS + 1), DIGITS, to[i]);
  return good;
}

struct looking { struct hj_crowd *c; struct hj_crowd_words *out; size_t n; int64_t now_ns; };

static int see(void *user, const char *name, struct hj_err *e)
{
  struct looking *l = user;
  struct hj_err scratch = HJ_ERR_INIT;
  struct hj_stat st;
  enum hj_owner_life life = hj_owner_look(name);
  int64_t age_ns, stale_ns = HJ_CROWD_STALE_S * INT64_C(1000000000);
  char *path;
  if (life == HJ_OWNER_NOBODY || l->n == HJ_CROWD_MAX)
    return HJ_E_OK;
  path = hj_layout_join(l->c->dir, name, e);
  if (!path)
    return (int)e->code;
  if (!strcmp(path, l->c->path))
    goto out;
  if (life == HJ_OWNER_DEAD)
    (void)hj_path_remove(path, &scratch); /* benign: another one was quicker */
  else if (!hj_path_stat(path, false, &st, &scratch) && (age_ns = hj_clock_span_ns(st.mtime_ns, l->now_ns)) < stale_ns && age_ns > -stale_ns &&
           read_words(path, &l->out[l->n]))
    l->n++;
out:
  hj_mem_free(path);
  return HJ_E_OK;
}

int hj_crowd_look(struct hj_crowd *c, struct hj_crowd_words out[HJ_CROWD_MAX], size_t *n, struct hj_err *e)
{
  struct looking l = { c, out, 0, hj_clock_wall_ns() };
  (void)hj_dir_list(c->dir, see, &l, e);
  *n = l.n;
  return (int)e->code;
}

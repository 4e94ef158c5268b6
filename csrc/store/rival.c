/* store/rival.c - announce, then look. */
#include "store/rival.h"

#include <string.h>

#include "plat/fault.h"
#include "store/claim_int.h"
#include "store/journal.h"
#include "store/layout.h"
#include "store/owner_int.h"
#include "store/temp_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

#define PAUSE_MS 2u

struct look {
  const char *partial_dir, *key;
  const struct hj_claim *mine;     /* NULL: none yet */
  struct hj_rival *r;
  unsigned seen;
  bool behind;                     /* one of them has the better right */
};

static bool beats(const char *partial_dir, const char *name, const char *folder)
{
  size_t key_len;
  enum hj_owner_life life;
  if (hj_claim_state(partial_dir, name, &key_len) != HJ_CLAIM_IS_LIVE)
    return false;
  life = hj_owner_look(name + key_len + 1);
  int64_t most_s = life == HJ_OWNER_LIVE ? HJ_CLAIM_STALE_S : life == HJ_OWNER_FORMER ? HJ_CLAIM_FORMER_S : HJ_RIVAL_BEAT_S;
  int64_t age = hj_claim_age_ns(folder, hj_clock_wall_ns()), most = most_s * 1000000000;
  if (life == HJ_OWNER_LIVE && age > HJ_RIVAL_BEAT_S * INT64_C(1000000000) && hj_owner_is_stopped(name + key_len + 1))
    return false;                                     /* Ctrl-Z: whoever let it go on would find the work done */
  return age <= most && (life == HJ_OWNER_LIVE || age >= -most);
}

/* What an old partial holds should not be fetched again: who found one goes first, and a claim without data has found none. */
static bool goes_first(const struct hj_claim *mine, const char *own_name, bool has_data, const char *name)
{
  return mine->found != has_data ? mine->found : strcmp(own_name, name) < 0;
}

/* How far it is, is only for people: what cannot be read stays as it was. */
static void note(struct hj_rival *r, const struct hj_stat *data, const char *folder)
{
  struct hj_err s = HJ_ERR_INIT;
  if (r->inode != data->inode || r->device != data->device)
    *r = (struct hj_rival){ .inode = data->inode, .device = data->device };
  HJ_BENIGN_BEGIN();
  char *journal = hj_layout_join(folder, "journal", &s);
  if (journal)
    (void)hj_journal_sum_on(journal, &r->journal_end, &r->bytes, &s);
  hj_mem_free(journal);
  HJ_BENIGN_END();
}

static int see(void *user, const char *name, struct hj_err *e)
{
  struct look *l = user;
  size_t n = strlen(l->key);
  const char *own_name = l->mine ? strrchr(l->mine->path, '/') + 1 : "";
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  if (strncmp(name, l->key, n) != 0 || name[n] != '.' || strcmp(name, own_name) == 0)
    return HJ_E_OK;
  char *folder = hj_layout_join(l->partial_dir, name, e), *data = folder ? hj_layout_join(folder, "data", e) : NULL;
  if (data && beats(l->partial_dir, name, folder)) {
    bool has_data = !hj_path_stat(data, false, &st, &s) && st.kind == HJ_KIND_FILE;
    l->seen++;
    if (has_data)
      note(l->r, &st, folder);
    l->behind = l->behind || (l->mine && !goes_first(l->mine, own_name, has_data, name));
  }
  hj_mem_free(data);
  hj_mem_free(folder);
  return (int)e->code;
}

/* Who cannot be seen is not there: two then do the same work, and both get it right. */
static int look(struct look *l, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  l->seen = 0;
  l->behind = false;
  HJ_BENIGN_BEGIN();
  if (hj_dir_list(l->partial_dir, see, l, &s) && s.code != HJ_E_NONE)
    HJ_TRACE(HJ_T_STORE, 0, "whether others fetch the same cannot be seen: %s", s.msg);
  HJ_BENIGN_END();
  if (s.code == HJ_E_NOMEM)
    hj_err_pass(e, &s);
  return (int)e->code;
}

int hj_rival_look(const char *partial_dir, const char *key, struct hj_rival *r, struct hj_err *e)
{
  struct look l = { .partial_dir = partial_dir, .key = key, .r = r };
  if (!look(&l, e) && l.seen)
    return hj_fail(e, HJ_E_BUSY, "another process fetches the same");
  return (int)e->code;
}

/* Of those that took at the same moment the first in order waits until the others have given up. One that looked before we came
 * does not give up: it has the file. */
int hj_rival_contest(const struct hj_claim *c, struct hj_rival *r, struct hj_err *e)
{
  struct look l = { .partial_dir = c->partial_dir, .key = c->key, .mine = c, .r = r };
  for (uint64_t until = hj_clock_ms() + HJ_RIVAL_PATIENCE_MS;; hj_clock_pause_ms(PAUSE_MS)) {
    if (look(&l, e) || !l.seen)
      return (int)e->code;
    if (l.behind || hj_clock_ms() >= until)
      return hj_fail(e, HJ_E_BUSY, "another process fetches the same");
  }
}

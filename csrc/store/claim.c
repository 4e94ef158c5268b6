/* store/claim.c - who may write to an unfinished file: who renamed its folder. */
#include "store/claim_int.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "plat/fault.h"
#include "store/journal.h"
#include "store/layout.h"
#include "store/owner_int.h"
#include "store/temp_int.h"
#include "util/buf.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/trace.h"

#include "util/banned.h"

#define NAME_MAX_BYTES 256   /* 255 and a NUL: what a file system calls a name */
#define KEY_MAX 128
#define TRIES 64             /* each lost try means that a rival won at that moment; 64 of them need 64 rivals */
#define NAMES_MAX (4u << 20) /* of one listing: 20,000 claims */

/* ---- one entry of the partial folder ---- */

/* Age of what changed last in a partial; negative when the clock was set back: then it is young. */
int64_t hj_claim_age_ns(const char *folder, int64_t now)
{
  static const char *const parts[] = { "", "/journal", "/data" };
  char *path = NULL;
  int64_t newest = INT64_MIN;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    struct hj_err s = HJ_ERR_INIT;
    struct hj_stat st;
    size_t n = strlen(folder), m = strlen(parts[i]);
    path = hj_mem_new(n + m + 1, &s);
    if (!path)
      return 0;
    memcpy(path, folder, n);
    memcpy(path + n, parts[i], m + 1);
    if (!hj_path_stat(path, false, &st, &s) && st.mtime_ns > newest)
      newest = st.mtime_ns;
    hj_mem_free(path);
  }
  return newest == INT64_MIN ? 0 : hj_clock_span_ns(newest, now);
}

/* "<folder>/left-<owner>": the owner that the folder's own name says has let go of it. NULL: no memory. */
static char *left_mark(const char *partial_dir, const char *name)
{
  char mark[sizeof "left-" + HJ_OWNER_MAX] = "left-";
  struct hj_err s = HJ_ERR_INIT;
  const char *owner = strchr(name, '.') + 1;
  if (!hj_text_copy(mark + 5, HJ_OWNER_MAX, owner, strlen(owner)))
    return NULL;
  char *folder = hj_layout_join(partial_dir, name, &s), *path = folder ? hj_layout_join(folder, mark, &s) : NULL;
  hj_mem_free(folder);
  return path;
}

static bool was_left(const char *partial_dir, const char *name)
{
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  char *mark = left_mark(partial_dir, name);
  bool left = mark && !hj_path_stat(mark, false, &st, &s);
  hj_mem_free(mark);
  return left;
}

/* What `name` in partial_dir is; *key_len of it is the key. Only names, except where the owner lives or cannot be asked. */
enum hj_claim_state hj_claim_state(const char *partial_dir, const char *name, size_t *key_len)
{
  char key[KEY_MAX + 1];
  struct hj_err s = HJ_ERR_INIT;
  const char *dot = strchr(name, '.');
  size_t n = dot ? (size_t)(dot - name) : strlen(name);
  if (n > KEY_MAX)
    return HJ_CLAIM_IS_STRANGE;
  memcpy(key, name, n);
  key[n] = '\0';
  if (hj_layout_check_key(key, &s))
    return HJ_CLAIM_IS_STRANGE;
  *key_len = n;
  if (!dot)
    return HJ_CLAIM_IS_IDLE;
  int64_t most_s = HJ_CLAIM_STALE_S;
  switch (hj_owner_look(dot + 1)) {
  case HJ_OWNER_LIVE:
    return was_left(partial_dir, name) ? HJ_CLAIM_IS_DEAD : HJ_CLAIM_IS_LIVE;
  case HJ_OWNER_DEAD:
    return HJ_CLAIM_IS_DEAD;
  case HJ_OWNER_FORMER:
    most_s = HJ_CLAIM_FORMER_S;
    HJ_FALL_THROUGH;
  case HJ_OWNER_UNKNOWN: {
    char *folder = hj_layout_join(partial_dir, name, &s);
    bool stale = folder && hj_claim_age_ns(folder, hj_clock_wall_ns()) > most_s * 1000000000;
    hj_mem_free(folder);
    return stale ? HJ_CLAIM_IS_STALE : HJ_CLAIM_IS_LIVE;
  }
  case HJ_OWNER_NOBODY:
    break;
  }
  return HJ_CLAIM_IS_STRANGE;
}

static bool is_free(enum hj_claim_state s)
{
  return s == HJ_CLAIM_IS_IDLE || s == HJ_CLAIM_IS_DEAD || s == HJ_CLAIM_IS_STALE;
}

/* Journalled bytes in a partial's folder. false: nobody can tell now (EIO, EMFILE, no memory), which is not the same as none. */
static bool count_bytes(const char *folder, uint64_t *bytes)
{
  struct hj_err s = HJ_ERR_INIT;
  char *journal = hj_layout_join(folder, "journal", &s);
  *bytes = 0;
  if (journal)
    (void)hj_journal_sum(journal, bytes, &s);
  hj_mem_free(journal);
  return s.code == HJ_E_OK || s.code == HJ_E_NONE || s.code == HJ_E_STALE;
}

/* ---- the best free partial of a key ---- */

struct search {
  const char *partial_dir, *key;
  char name[NAME_MAX_BYTES];     /* "": none yet */
  enum hj_claim_state state;
  uint64_t bytes;
};

static int weigh(void *user, const char *name, struct hj_err *e)
{
  struct search *f = user;
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  size_t key_len = 0, n = strlen(name);
  if (strncmp(name, f->key, strlen(f->key)) != 0 || n >= sizeof f->name)
    return HJ_E_OK;
  enum hj_claim_state state = hj_claim_state(f->partial_dir, name, &key_len);
  if (!is_free(state) || key_len != strlen(f->key))
    return HJ_E_OK;
  char *folder = hj_layout_join(f->partial_dir, name, e);
  if (!folder)
    return (int)e->code;
  if (!hj_path_stat(folder, false, &st, &s) && st.kind == HJ_KIND_DIR) {
    uint64_t bytes;
    (void)count_bytes(folder, &bytes);                /* uncounted it is still better than none */
    bool better = !f->name[0] || bytes > f->bytes || (bytes == f->bytes && state < f->state);
    if (better) {
      memcpy(f->name, name, n + 1);
      f->state = state;
      f->bytes = bytes;
    }
  }
  hj_mem_free(folder);
  return HJ_E_OK;
}

/* f->name is "" when there is none; a folder that cannot be listed has none. */
static int find_best(struct search *f, const char *partial_dir, const char *key, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  *f = (struct search){ .partial_dir = partial_dir, .key = key };
  if (hj_dir_list(partial_dir, weigh, f, &s) && s.code != HJ_E_NONE) {
    if (s.code == HJ_E_NOMEM)
      hj_err_pass(e, &s);
    HJ_TRACE(HJ_T_STORE, 0, "old partials are not looked for: %s", s.msg);
    f->name[0] = '\0';
  }
  return (int)e->code;
}

/* ---- taking ---- */

static char *own_path(const char *partial_dir, const char *key, struct hj_err *e)
{
  char name[KEY_MAX + 1 + HJ_OWNER_MAX];
  size_t n = strlen(key);
  memcpy(name, key, n);
  name[n] = '.';
  hj_owner_name(name + n + 1);
  return hj_layout_join(partial_dir, name, e);
}

/* Renames partial_dir/name to a name of ours: *mine, the caller frees. HJ_E_NONE: somebody else was faster. */
static int seize(const char *partial_dir, const char *name, const char *key, char **mine, struct hj_err *e)
{
  char *from = hj_layout_join(partial_dir, name, e);
  *mine = from ? own_path(partial_dir, key, e) : NULL;
  if (*mine && hj_path_rename(from, *mine, e)) {
    hj_mem_free(*mine);
    *mine = NULL;
  }
  hj_mem_free(from);
  return (int)e->code;
}

/* Another host judges us by the journal's age: writing one byte of it again makes it young. */
static void touch(const char *journal)
{
  HJ_BENIGN_BEGIN();
  struct hj_err s = HJ_ERR_INIT;
  struct hj_stat st;
  hj_file f = HJ_FILE_INIT;
  uint8_t first;
  size_t got = 0;
  if (!hj_path_stat(journal, false, &st, &s) && st.kind == HJ_KIND_FILE && st.links == 1 &&
      !hj_file_open(&f, journal, HJ_OPEN_UPDATE, 0, &s) && !hj_file_read_at(&f, 0, &first, 1, &got, &s) && got == 1)
    (void)hj_file_write_at(&f, 0, &first, 1, &s);
  hj_file_close(&f);
  HJ_BENIGN_END();
}

/* Written before the rename, while the folder still has its old name: whoever owns it after that knows. */
static int mark_doubt(const char *partial_dir, const char *name, struct hj_err *e)
{
  hj_file f = HJ_FILE_INIT;
  char *folder = hj_layout_join(partial_dir, name, e), *mark = folder ? hj_layout_join(folder, "doubt", e) : NULL;
  if (mark)
    (void)hj_file_open(&f, mark, HJ_OPEN_APPEND, 0666, e);
  hj_file_close(&f);
  hj_mem_free(folder);
  hj_mem_free(mark);
  return (int)e->code;
}

/* true also when nobody can tell. */
static bool is_doubtful(const char *folder)
{
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  char *mark = hj_layout_join(folder, "doubt", &s);
  bool none = mark && hj_path_stat(mark, false, &st, &s) == HJ_E_NONE;
  hj_mem_free(mark);
  return !none;
}

void hj_claim_trust(struct hj_claim *c)
{
  struct hj_err s = HJ_ERR_INIT;
  if (!c->doubtful)
    return;
  HJ_BENIGN_BEGIN();
  char *mark = hj_layout_join(c->path, "doubt", &s);
  if (mark && hj_path_remove(mark, &s))
    HJ_TRACE(HJ_T_STORE, 0, "still marked as doubtful: %s", s.msg);
  hj_mem_free(mark);
  HJ_BENIGN_END();
  c->doubtful = false;
}

/* Takes over the best old partial; c->path stays NULL if there is none or it cannot be had. */
static int take_old(struct hj_claim *c, struct hj_err *e)
{
  struct search f;
  for (int i = 0; i < TRIES; i++) {
    struct hj_err s = HJ_ERR_INIT;
    if (find_best(&f, c->partial_dir, c->key, e) || !f.name[0])
      return (int)e->code;
    if (f.state == HJ_CLAIM_IS_STALE && mark_doubt(c->partial_dir, f.name, &s) && s.code != HJ_E_NONE)
      return HJ_E_OK;                                 /* not writable: not ours to take */
    hj_err_clear(&s);
    if (!seize(c->partial_dir, f.name, c->key, &c->path, &s)) {
      c->found = true;
      c->doubtful = is_doubtful(c->path);
      return HJ_E_OK;
    }
    if (s.code == HJ_E_NOMEM)
      hj_err_pass(e, &s);
    if (s.code != HJ_E_NONE) {                        /* another user's, a sticky folder: not ours to take */
      HJ_TRACE(HJ_T_STORE, 0, "an old partial cannot be taken over: %s", s.msg);
      return (int)e->code;
    }
  }
  return HJ_E_OK;
}

static int take_fresh(struct hj_claim *c, struct hj_err *e)
{
  for (int i = 0;; i++) {
    struct hj_err s = HJ_ERR_INIT;
    char *path = own_path(c->partial_dir, c->key, e);
    if (!path)
      return (int)e->code;
    if (!hj_dir_make(path, &s)) {
      c->path = path;
      return HJ_E_OK;
    }
    hj_mem_free(path);
    /* NONE: the last one who finished removed the empty partial_dir a moment ago (or nobody made it yet) */
    if (s.code == HJ_E_NONE) {
      hj_err_clear(&s);
      if (!hj_dir_make_all(c->partial_dir, &s))
        s.code = HJ_E_NONE;
    }
    if ((s.code != HJ_E_NONE && s.code != HJ_E_EXISTS) || i == TRIES) {
      if (s.code == HJ_E_NONE || s.code == HJ_E_EXISTS)
        return hj_fail(e, HJ_E_IO, "no folder could be made in %s", c->partial_dir);
      hj_err_pass(e, &s);
      return (int)e->code;
    }
  }
}

int hj_claim_take(struct hj_claim **out, const char *partial_dir, const char *key, bool fresh, struct hj_err *e)
{
  struct hj_claim *c = NULL;
  *out = NULL;
  if (hj_layout_check_key(key, e) || !(c = hj_mem_zero(1, sizeof *c, e)))
    goto out;
  if (!(c->partial_dir = hj_mem_text(partial_dir, e)) || !(c->key = hj_mem_text(key, e)))
    goto out;
  if (!fresh && take_old(c, e))
    goto out;
  if (!c->path && take_fresh(c, e))
    goto out;
  if (!(c->data = hj_layout_join(c->path, "data", e)) || !(c->journal = hj_layout_join(c->path, "journal", e)))
    goto out;
  if (c->found)
    touch(c->journal);
  HJ_TRACE(HJ_T_STORE, 0, "claim %s: %s", key, !c->found ? "fresh" : c->doubtful ? "taken over, in doubt" : "taken over");
  *out = c;
  c = NULL;
out:
  if (c && c->found)
    hj_claim_keep(c);
  else
    hj_claim_drop(c);
  return (int)e->code;
}

/* ---- giving back ---- */

/* The empty folders are ours to remove; whoever needs them makes them again (take_fresh). */
static void tidy(const char *partial_dir)
{
  struct hj_err s = HJ_ERR_INIT;
  char *side = NULL;
  if (hj_dir_remove(partial_dir, &s))
    return;
  side = hj_dir_of(partial_dir, &s);
  const char *base = side ? strrchr(side, '/') : NULL;
  if (base && strcmp(base, "/.hubjet") == 0)
    (void)hj_dir_remove(side, &s);
  hj_mem_free(side);
}

/* A folder that stays under our name although we are done with it: said in it, or others would wait for us as long as we live. */
static void leave(const char *path)
{
  hj_file f = HJ_FILE_INIT;
  struct hj_err s = HJ_ERR_INIT;
  char *dir = hj_dir_of(path, &s), *mark = dir ? left_mark(dir, strrchr(path, '/') + 1) : NULL;
  if (mark)
    (void)hj_file_open(&f, mark, HJ_OPEN_APPEND, 0666, &s);
  hj_file_close(&f);
  hj_mem_free(dir);
  hj_mem_free(mark);
}

static void remove_folder(const char *path)
{
  struct hj_err s = HJ_ERR_INIT;
  if (!hj_dir_remove_tree(path, &s) || s.code == HJ_E_NONE)
    return;
  HJ_TRACE(HJ_T_STORE, 0, "left behind: %s", s.msg);
  leave(path);
}

void hj_claim_forget(struct hj_claim *c)
{
  if (!c)
    return;
  hj_mem_free(c->partial_dir);
  hj_mem_free(c->key);
  hj_mem_free(c->path);
  hj_mem_free(c->data);
  hj_mem_free(c->journal);
  hj_mem_free(c);
}

void hj_claim_drop(struct hj_claim *c)
{
  if (!c)
    return;
  HJ_BENIGN_BEGIN();
  if (c->path) {
    remove_folder(c->path);
    tidy(c->partial_dir);
  }
  HJ_BENIGN_END();
  hj_claim_forget(c);
}

enum kept { KEPT_IDLE, KEPT_WORSE, KEPT_AS_IT_IS };

/* Puts c->path under the idle name. A plain rename: the OS refuses it when a folder with something in it is there, and an
 * empty one is no loss. KEPT_WORSE: the idle one has as much. KEPT_AS_IT_IS: the name cannot be had; ours stays where it is, marked
 * as left, and can be taken. */
static enum kept make_idle(const struct hj_claim *c, uint64_t bytes)
{
  enum kept kept = KEPT_AS_IT_IS;
  struct hj_err s = HJ_ERR_INIT;
  char *idle = hj_layout_join(c->partial_dir, c->key, &s);
  for (int i = 0; idle && i < TRIES; i++) {
    char *loser = NULL;
    hj_err_clear(&s);
    if (!hj_path_rename(c->path, idle, &s)) {
      kept = KEPT_IDLE;
      break;
    }
    if (s.code != HJ_E_EXISTS)
      break;
    uint64_t there;
    if (!count_bytes(idle, &there))
      break;
    if (there >= bytes) {
      kept = KEPT_WORSE;
      break;
    }
    hj_err_clear(&s);
    if (seize(c->partial_dir, c->key, c->key, &loser, &s) && s.code != HJ_E_NONE)
      break;
    if (loser)
      remove_folder(loser);
    hj_mem_free(loser);
  }
  if (kept == KEPT_AS_IT_IS) {
    HJ_TRACE(HJ_T_STORE, 0, "kept under its claimed name: %s", s.msg);
    leave(c->path);
  }
  hj_mem_free(idle);
  return kept;
}

void hj_claim_keep(struct hj_claim *c)
{
  if (!c)
    return;
  enum kept kept = KEPT_WORSE;
  HJ_BENIGN_BEGIN();
  uint64_t bytes = 0;
  if (c->path && c->key && (!count_bytes(c->path, &bytes) || bytes > 0))
    kept = make_idle(c, bytes ? bytes : 1);
  HJ_BENIGN_END();
  if (kept == KEPT_WORSE)
    hj_claim_drop(c);
  else
    hj_claim_forget(c);
}

/* ---- looking, clearing, sweeping ---- */

int hj_claim_look(const char *partial_dir, const char *key, uint64_t *bytes, struct hj_err *e)
{
  struct search f;
  *bytes = 0;
  if (hj_layout_check_key(key, e) || find_best(&f, partial_dir, key, e))
    return (int)e->code;
  *bytes = f.name[0] ? f.bytes : 0;
  return HJ_E_OK;
}

static int note_name(void *user, const char *name, struct hj_err *e)
{
  return hj_buf_add(user, name, strlen(name) + 1, e);
}

/* The names first, the deeds after: a listing under which names change may show some twice. HJ_E_TOOBIG: the rest comes next time. */
static int list_names(const char *dir, struct hj_buf *names, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  hj_buf_init(names, NAMES_MAX);
  if (hj_dir_list(dir, note_name, names, &s) && s.code != HJ_E_NONE && s.code != HJ_E_TOOBIG)
    hj_err_pass(e, &s);
  return (int)e->code;
}

/* Claims and removes partial_dir/name if it is free and not younger than older_ns. */
static bool remove_free(const char *partial_dir, const char *name, size_t key_len, int64_t older_ns)
{
  char key[KEY_MAX + 1];
  struct hj_err s = HJ_ERR_INIT;
  char *mine = NULL, *folder = hj_layout_join(partial_dir, name, &s);
  bool old = folder && (older_ns < 0 || hj_claim_age_ns(folder, hj_clock_wall_ns()) >= older_ns);
  memcpy(key, name, key_len);
  key[key_len] = '\0';
  if (old && !seize(partial_dir, name, key, &mine, &s)) {
    assert(mine);
    remove_folder(mine);
  }
  bool removed = mine != NULL;
  hj_mem_free(mine);
  hj_mem_free(folder);
  return removed;
}

int hj_claim_clear(const char *partial_dir, const char *key, struct hj_err *e)
{
  struct hj_buf names;
  bool any = false;
  if (hj_layout_check_key(key, e))
    return (int)e->code;
  (void)list_names(partial_dir, &names, e);
  for (size_t i = 0; !e->code && i < names.len; i += strlen(names.p + i) + 1) {
    size_t key_len = 0;
    enum hj_claim_state state = strncmp(names.p + i, key, strlen(key)) == 0 ? hj_claim_state(partial_dir, names.p + i, &key_len) : HJ_CLAIM_IS_STRANGE;
    if (is_free(state) && key_len == strlen(key))
      any = remove_free(partial_dir, names.p + i, key_len, -1) || any;
  }
  if (any)
    tidy(partial_dir);
  hj_buf_release(&names);
  return (int)e->code;
}

static void sweep_partial(const char *partial_dir, int64_t older_ns, uint64_t *removed, struct hj_err *e)
{
  struct hj_buf names;
  (void)list_names(partial_dir, &names, e);
  for (size_t i = 0; !e->code && i < names.len; i += strlen(names.p + i) + 1) {
    size_t key_len = 0;
    if (is_free(hj_claim_state(partial_dir, names.p + i, &key_len)))
      *removed += remove_free(partial_dir, names.p + i, key_len, older_ns);
  }
  hj_buf_release(&names);
}

static void sweep_tmp(const char *tmp_dir, int64_t older_ns, uint64_t *removed, struct hj_err *e)
{
  struct hj_buf names;
  int64_t now = hj_clock_wall_ns(), stale_ns = (int64_t)HJ_CLAIM_STALE_S * 1000000000;
  (void)list_names(tmp_dir, &names, e);
  for (size_t i = 0; !e->code && i < names.len; i += strlen(names.p + i) + 1) {
    struct hj_stat st;
    struct hj_err s = HJ_ERR_INIT;
    enum hj_owner_life life = hj_owner_look(names.p + i);
    if (life == HJ_OWNER_LIVE)
      continue;
    int64_t limit = life == HJ_OWNER_DEAD || older_ns > stale_ns ? older_ns : stale_ns;
    char *path = hj_layout_join(tmp_dir, names.p + i, e);
    if (path && !hj_path_stat(path, false, &st, &s) && st.kind != HJ_KIND_DIR && hj_clock_span_ns(st.mtime_ns, now) >= limit)
      *removed += hj_path_remove(path, &s) == 0;
    hj_mem_free(path);
  }
  hj_buf_release(&names);
}

int hj_claim_sweep(const char *side_dir, uint64_t older_s, uint64_t *removed, struct hj_err *e)
{
  int64_t older_ns = older_s > INT64_MAX / 1000000000 ? INT64_MAX : (int64_t)older_s * 1000000000;
  char *partial = hj_layout_join(side_dir, "partial", e), *tmp = hj_layout_join(side_dir, "tmp", e);
  *removed = 0;
  if (partial && tmp) {
    struct hj_err s = HJ_ERR_INIT;
    sweep_partial(partial, older_ns, removed, e);
    sweep_tmp(tmp, older_ns, removed, e);
    if (*removed) {
      (void)hj_dir_remove(tmp, &s);                   /* not empty, not there: both fine */
      tidy(partial);
    }
  }
  hj_mem_free(partial);
  hj_mem_free(tmp);
  return (int)e->code;
}

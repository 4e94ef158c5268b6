/* store/link.c - a blob under its readable name: a relative symbolic link, or where there are none, the file itself. */
#include "store/link.h"

#include <string.h>

#include "plat/fault.h"
#include "plat/plat.h"
#include "store/layout.h"
#include "store/owner_int.h"
#include "store/record_int.h"
#include "store/temp_int.h"
#include "util/buf.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

#define TARGET_MAX 512         /* 66 x "../", "blobs/", 64 digits: ours are shorter */
#define WALK_MAX (4u << 20)    /* bytes of folder names still to visit; a longer list counts as "needed" */
#define COPY_PIECE (256u << 10)

struct place {                 /* of one link; every text is owned */
  char *pointer, *blob, *target, *tmp;
  size_t snapshot_len;         /* of <repo>/snapshots/<commit> in pointer */
  bool sync;
};

static void release(struct place *p)
{
  hj_mem_free(p->pointer);
  hj_mem_free(p->blob);
  hj_mem_free(p->target);
  hj_mem_free(p->tmp);
}

static int find_place(struct place *p, const char *repo_dir, const char *commit, const char *path, const char *etag, struct hj_err *e)
{
  char *side = NULL;
  *p = (struct place){ 0 };
  if ((p->pointer = hj_layout_pointer(repo_dir, commit, path, e)) && (p->blob = hj_layout_blob(repo_dir, etag, e)) &&
      (p->target = hj_layout_link_target(path, etag, e)) && (side = hj_layout_side(repo_dir, e)) &&
      (p->tmp = hj_layout_join(side, "tmp", e)))
    p->snapshot_len = strlen(p->pointer) - strlen(path) - 1;
  hj_mem_free(side);
  return p->tmp ? HJ_E_OK : e->code ? (int)e->code : HJ_E_BUG;
}

/* A link among the folders of `path` leads out of the snapshot: nobody but an attacker puts one there. */
static int check_folders(const struct place *p, struct hj_err *e)
{
  for (char *slash = p->pointer + p->snapshot_len; slash; slash = strchr(slash + 1, '/')) {
    struct hj_stat st;
    struct hj_err s = HJ_ERR_INIT;
    *slash = '\0';
    int rc = hj_path_stat(p->pointer, false, &st, &s);
    if (!rc && st.kind != HJ_KIND_DIR)
      (void)hj_fail(e, st.kind == HJ_KIND_LINK ? HJ_E_DENIED : HJ_E_EXISTS, "%s is in the way: it is not a folder", p->pointer);
    *slash = '/';
    if (rc == HJ_E_NONE)
      return HJ_E_OK;
    if (rc)
      hj_err_pass(e, &s);
    if (e->code)
      return (int)e->code;
  }
  return HJ_E_OK;
}

/* ---- with links ---- */

/* symlink() itself is atomic, so a new name needs no private one. An old name is replaced by the rename of a private link,
 * which waits in tmp/ (its text is relative to where it goes, not to where it waits): a kill leaves nothing in the snapshot. */
static int make_link(const struct place *p, bool replace, struct hj_err *e)
{
  char name[HJ_OWNER_MAX];
  char *temp = NULL;
  for (int i = 0; i < 8; i++) {
    struct hj_err s = HJ_ERR_INIT;
    const char *at = p->pointer;
    if (replace) {
      hj_mem_free(temp);
      hj_owner_name(name);
      if (!(temp = hj_layout_join(p->tmp, name, e)))
        return (int)e->code;
      at = temp;
    }
    if (!hj_path_symlink(p->target, at, &s)) {
      if (replace && hj_temp_publish(temp, p->pointer, true, false, NULL, e)) {
        (void)hj_path_remove(temp, &s);
        hj_err_clear(&s);
      }
      break;
    }
    if (s.code == HJ_E_EXISTS && !replace) {          /* a rival was faster; with what, the next round does not care */
      replace = true;
    } else if (s.code == HJ_E_NONE && i < 7) {
      if (hj_dir_make_parents(at, e))
        break;
    } else if (s.code != HJ_E_EXISTS || i == 7) {
      hj_err_pass(e, &s);
      break;
    }
  }
  hj_mem_free(temp);
  return (int)e->code;
}

/* ---- without ---- */

struct walk {
  struct hj_buf todo;          /* folders, each with its NUL */
  const char *dir;             /* being listed */
  const char *pointer, *etag;
  bool needed;
};

static int see_entry(void *user, const char *name, struct hj_err *e)
{
  struct walk *w = user;
  struct hj_stat st;
  char target[TARGET_MAX];
  struct hj_err s = HJ_ERR_INIT;
  char *path = hj_layout_join(w->dir, name, e);
  if (!path)
    return (int)e->code;
  if (hj_path_stat(path, false, &st, &s)) {
    if (s.code != HJ_E_NONE)
      hj_err_pass(e, &s);
  } else if (st.kind == HJ_KIND_DIR) {
    (void)hj_buf_add(&w->todo, path, strlen(path) + 1, e);
  } else if (st.kind == HJ_KIND_LINK && strcmp(path, w->pointer) != 0) {
    int rc = hj_path_readlink(path, target, sizeof target, &s);
    const char *base = strrchr(target, '/');
    if (rc && rc != HJ_E_NONE && rc != HJ_E_NAME)     /* gone meanwhile; too long to be one of ours */
      hj_err_pass(e, &s);
    w->needed = w->needed || (!rc && strcmp(base ? base + 1 : target, w->etag) == 0);
  }
  hj_mem_free(path);
  return (int)e->code;
}

/* Does another name in some snapshot lead to this blob? Only asked where there are no links, so mostly nothing is found. A doubt is
 * a yes: then the file is copied. */
static bool needed_elsewhere(const char *repo_dir, const struct place *p, const char *etag)
{
  struct walk w = { .pointer = p->pointer, .etag = etag };
  struct hj_err s = HJ_ERR_INIT;
  char *root = hj_layout_join(repo_dir, "snapshots", &s);
  hj_buf_init(&w.todo, WALK_MAX);
  if (root)
    (void)hj_buf_add(&w.todo, root, strlen(root) + 1, &s);
  for (size_t at = 0; !s.code && !w.needed && at < w.todo.len;) {
    struct hj_err one = HJ_ERR_INIT;
    char *dir = hj_mem_text(w.todo.p + at, &s);        /* a copy: todo grows meanwhile */
    if (!dir)
      break;
    at += strlen(dir) + 1;
    w.dir = dir;
    if (hj_dir_list(dir, see_entry, &w, &one) && one.code != HJ_E_NONE)
      hj_err_pass(&s, &one);
    hj_mem_free(dir);
  }
  hj_buf_release(&w.todo);
  hj_mem_free(root);
  return w.needed || s.code;
}

/* The blob's bytes under a second name, proven on the way. */
static int copy_blob(const struct place *p, const char *etag, struct hj_err *e)
{
  struct hj_promise promised, got;
  struct hj_digest *d = NULL;
  struct hj_stat st;
  hj_file from = HJ_FILE_INIT, to = HJ_FILE_INIT;
  char *temp = NULL, *piece = NULL;
  bool named = false;
  if (!hj_promise_parse(&promised, etag))
    return hj_fail(e, HJ_E_NAME, "'%.80s' names no digest", etag);
  got = (struct hj_promise){ .algo = promised.algo };
  if (!(piece = hj_mem_new(COPY_PIECE, e)) || hj_file_open(&from, p->blob, HJ_OPEN_READ, 0, e) || hj_file_stat(&from, &st, e))
    goto out;
  if (hj_digest_open(&d, promised.algo, st.size, e) || hj_temp_open(&to, p->tmp, "", st.mode | 0200u, &temp, e))
    goto out;
  for (uint64_t at = 0; at < st.size;) {
    size_t n = 0;
    if (hj_file_read_at(&from, at, piece, COPY_PIECE, &n, e) || hj_digest_feed(d, piece, n, e) || hj_file_write_at(&to, at, piece, n, e))
      goto out;
    if (n == 0) {
      (void)hj_fail(e, HJ_E_CHANGED, "became shorter while it was copied: %s", p->blob);
      goto out;
    }
    at += n;
  }
  if (hj_digest_seal(d, got.bytes, e))
    goto out;
  if (!hj_promise_same(&promised, &got)) {
    (void)hj_fail(e, HJ_E_DIGEST, "the blob is not what its name says: %s", p->blob);
    goto out;
  }
  HJ_BENIGN_BEGIN();
  struct hj_err s = HJ_ERR_INIT;
  (void)hj_file_mode(&to, st.mode, &s);
  HJ_BENIGN_END();
  if (!p->sync || !hj_file_sync(&to, e))              /* else a power cut could leave a short file under a name that is believed */
    (void)hj_temp_publish(temp, p->pointer, true, p->sync, &named, e);
out:
  if (named) {
    hj_mem_free(temp);
    temp = NULL;
  }
  hj_temp_discard(&to, temp);
  hj_err_place(e, p->pointer);
  hj_file_close(&from);
  hj_digest_close(d);
  hj_mem_free(piece);
  return (int)e->code;
}

/* A rename is a change of the file, by its ctime: what was proven under the old name is so under the new one. */
static void note_named(const char *repo_dir, const struct place *p, const char *etag, bool proven)
{
  struct hj_err s = HJ_ERR_INIT;
  struct hj_stat st;
  HJ_BENIGN_BEGIN();
  if (proven && !hj_path_stat(p->pointer, true, &st, &s) && hj_record_note(repo_dir, etag, &st, &s))
    HJ_TRACE(HJ_T_STORE, 0, "named, not recorded: %s", s.msg);
  HJ_BENIGN_END();
}

static int move_blob(const char *repo_dir, const struct place *p, const char *etag, struct hj_err *e)
{
  struct hj_stat st;
  if (hj_path_stat(p->blob, false, &st, e))
    return (int)e->code;
  if (st.kind != HJ_KIND_FILE || needed_elsewhere(repo_dir, p, etag)) {
    if (copy_blob(p, etag, e))
      return (int)e->code;
    note_named(repo_dir, p, etag, true);
    return HJ_E_OK;
  }
  if (p->sync && hj_temp_sync_data(p->blob, e))            /* another program's blob may be in memory only */
    return (int)e->code;
  struct hj_err s = HJ_ERR_INIT;
  bool known, same = false;
  (void)hj_record_match(repo_dir, etag, &st, &known, &same, &s);
  if (hj_temp_publish(p->blob, p->pointer, true, p->sync, NULL, e))
    return (int)e->code;
  note_named(repo_dir, p, etag, same);
  return HJ_E_OK;
}

/* ---- the whole ---- */

/* A plain file at the snapshot path: is it the blob (moved there before, or copied by the stock client)? */
static int is_blob_itself(const char *repo_dir, const struct place *p, const char *etag, const struct hj_stat *st, bool *same,
                          struct hj_err *e)
{
  bool known;
  struct hj_err s = HJ_ERR_INIT;
  if (!hj_record_match(repo_dir, etag, st, &known, same, &s) && *same)
    return HJ_E_OK;
  if (!hj_record_hash(p->pointer, etag, NULL, same, NULL, e))
    note_named(repo_dir, p, etag, *same);
  return (int)e->code;
}

static int link_once(const char *repo_dir, const struct place *p, const char *etag, bool links, struct hj_err *e)
{
  char target[TARGET_MAX];
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  bool same = false, taken;
  if (check_folders(p, e))
    return (int)e->code;
  int rc = hj_path_stat(p->pointer, false, &st, &s);
  if (rc && rc != HJ_E_NONE) {
    hj_err_pass(e, &s);
    return (int)e->code;
  }
  taken = rc == HJ_E_OK;
  if (taken && st.kind != HJ_KIND_LINK) {
    if (st.kind == HJ_KIND_FILE && is_blob_itself(repo_dir, p, etag, &st, &same, e))
      return (int)e->code;
    if (same)
      return HJ_E_OK;
    return hj_fail(e, HJ_E_EXISTS, "another file lies at %s; it was left alone", p->pointer);
  }
  hj_err_clear(&s);
  same = taken && !hj_path_readlink(p->pointer, target, sizeof target, &s) && strcmp(target, p->target) == 0;
  if (hj_path_stat(p->blob, true, &st, e))
    return (int)e->code;
  if (st.kind != HJ_KIND_FILE)
    return hj_fail(e, HJ_E_NONE, "no such blob: %s", p->blob);
  if (same)
    return HJ_E_OK;
  if (links) {
    hj_err_clear(&s);
    if (!make_link(p, taken, &s))
      return HJ_E_OK;
    if (s.code != HJ_E_DENIED) {
      hj_err_pass(e, &s);
      return (int)e->code;
    }
    HJ_TRACE(HJ_T_STORE, 0, "no links here, the blob is moved: %s", s.msg);
  }
  return move_blob(repo_dir, p, etag, e);
}

/* Where the blob is moved, a rival who wants the same name may move it between our look at the name and our look at the blob: then the
 * name has it. Once it is there, it does not go. */
static int link_at(const char *repo_dir, const struct place *p, const char *etag, bool links, struct hj_err *e)
{
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT, look = HJ_ERR_INIT;
  if (link_once(repo_dir, p, etag, links, &s) == HJ_E_NONE && !hj_path_stat(p->pointer, false, &st, &look) && st.kind == HJ_KIND_FILE) {
    hj_err_clear(&s);
    (void)link_once(repo_dir, p, etag, links, &s);
  }
  hj_err_pass(e, &s);
  return (int)e->code;
}

int hj_link_snapshot(const char *repo_dir, const char *commit, const char *path, const char *etag, bool links, bool sync,
                     char **out_path, struct hj_err *e)
{
  struct place p;
  if (out_path)
    *out_path = NULL;
  int rc = find_place(&p, repo_dir, commit, path, etag, e);
  p.sync = sync;
  if (!rc && !link_at(repo_dir, &p, etag, links, e) && out_path) {
    *out_path = p.pointer;
    p.pointer = NULL;
  }
  release(&p);
  return (int)e->code;
}

bool hj_link_possible(const char *dir)
{
  char name[HJ_OWNER_MAX + 8] = ".hubjet.";
  struct hj_err s = HJ_ERR_INIT;
  hj_owner_name(name + 8);
  char *probe = hj_layout_join(dir, name, &s);
  bool yes = probe && !hj_dir_make_all(dir, &s) && !hj_path_symlink("nowhere", probe, &s);
  if (yes && hj_path_remove(probe, &s))
    HJ_TRACE(HJ_T_STORE, 0, "left behind: %s", s.msg);
  hj_mem_free(probe);
  return yes;
}

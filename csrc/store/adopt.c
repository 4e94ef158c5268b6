/* store/adopt.c - see adopt.h. Each tactic makes a private name in tmp/ and proves what is behind it; the rename is one for all. */
#include "store/adopt.h"

#include <string.h>

#include "digest/hashfile.h"
#include "plat/fault.h"
#include "plat/plat.h"
#include "store/blob.h"
#include "store/layout.h"
#include "store/owner_int.h"
#include "store/planted.h"
#include "store/record_int.h"
#include "store/temp_int.h"
#include "util/mem.h"
#include "util/trace.h"

#include "util/banned.h"

#define PIECE (1u << 20)   /* of a copy: between two looks at the stop flag */
#define TRIES 8            /* of a private name that is taken */

struct work {
  const struct hj_adopt_way *way;
  const char *etag, *tmp;
  const char *repo_dir;    /* whose record is told; NULL: none */
  struct hj_promise promised;
  hj_file from;            /* open for all tactics: it is the same file that is looked at, cloned, read */
  struct hj_stat was;      /* of it, at the beginning */
  struct hj_stat proven;   /* of what lies behind the private name, when it was proven */
  char *temp;              /* the private name; owned */
};

static bool is_same(const struct hj_stat *a, const struct hj_stat *b)
{
  return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mtime_ns == b->mtime_ns;
}

static int stopped(const struct work *w, struct hj_err *e)
{
  return w->way->stop && atomic_load(w->way->stop) ? hj_fail(e, HJ_E_CANCELLED, "stopped: %s was not taken", w->way->source) : HJ_E_OK;
}

/* Whether `st` is the file that the caller knows the digest of. */
static bool is_known(const struct work *w, const struct hj_stat *st)
{
  const struct hj_adopt_way *way = w->way;
  return way->known && way->device == st->device && way->inode == st->inode && way->size == st->size && way->mtime_ns == st->mtime_ns;
}

static int something_else(const struct work *w, struct hj_err *e)
{
  return hj_fail(e, HJ_E_DIGEST, "%s is not what it was taken for: its content has another digest", w->way->source);
}

/* The owner's own file: is it, and does it stay, what was promised? */
static int prove_source(struct work *w, struct hj_err *e)
{
  struct hj_stat now;
  bool good;
  if (is_known(w, &w->was)) {
    w->proven = w->was;
    return HJ_E_OK;
  }
  if (hj_record_hash(w->way->source, w->etag, w->way->stop, &good, &now, e))
    return (int)e->code;
  if (!is_same(&now, &w->was))
    return hj_fail(e, HJ_E_CHANGED, "changed while it was read: %s", w->way->source);
  if (!good)
    return something_else(w, e);
  w->proven = now;
  return HJ_E_OK;
}

/* ---- a file of our own ---- */

static int finish_own(struct work *w, hj_file *f, struct hj_err *e)
{
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  if (hj_file_stat(f, &st, e))
    return (int)e->code;
  HJ_BENIGN_BEGIN();
  if (hj_file_mode(f, st.mode & w->way->mode, &s))    /* the umask has been taken off when it was made */
    HJ_TRACE(HJ_T_STORE, 0, "the mode stays: %s", s.msg);
  HJ_BENIGN_END();
  if (w->way->sync && hj_file_sync(f, e))
    return (int)e->code;
  return hj_file_stat(f, &w->proven, e);
}

static int try_clone(struct work *w, struct hj_err *e)
{
  struct hj_promise got = { .algo = w->promised.algo };
  struct hj_stat now;
  hj_file f = HJ_FILE_INIT;
  if (hj_temp_open(&f, w->tmp, "", w->way->mode | 0200u, &w->temp, e))
    return (int)e->code;
  hj_file_close(&f);                                  /* macOS makes its own */
  if (hj_file_clone(&w->from, w->temp, e) || hj_file_stat(&w->from, &now, e))
    return (int)e->code;
  if (!is_known(w, &now)) {                           /* looked at behind the clone: nobody wrote to it before that */
    if (hj_hash_path(got.algo, w->temp, w->way->stop, got.bytes, e))
      return (int)e->code;
    if (!hj_promise_same(&w->promised, &got))
      return something_else(w, e);
  }
  if (!hj_file_open(&f, w->temp, HJ_OPEN_UPDATE, 0, e))
    (void)finish_own(w, &f, e);
  hj_file_close(&f);
  return (int)e->code;
}

static int copy_bytes(struct work *w, hj_file *to, struct hj_digest *d, char *piece, struct hj_err *e)
{
  struct hj_stat now;
  for (uint64_t at = 0; at < w->was.size;) {
    size_t n = 0, most = w->was.size - at < PIECE ? (size_t)(w->was.size - at) : PIECE;
    if (stopped(w, e) || hj_file_read_at(&w->from, at, piece, most, &n, e) || hj_digest_feed(d, piece, n, e) ||
        hj_file_write_at(to, at, piece, n, e))
      return (int)e->code;
    if (n == 0)
      break;
    hj_file_flush_hint(to, at, n);
    at += n;
  }
  if (hj_file_stat(&w->from, &now, e))
    return (int)e->code;
  return is_same(&now, &w->was) ? HJ_E_OK : hj_fail(e, HJ_E_CHANGED, "changed while it was copied: %s", w->way->source);
}

static int try_copy(struct work *w, struct hj_err *e)
{
  struct hj_promise got = { .algo = w->promised.algo };
  struct hj_digest *d = NULL;
  hj_file f = HJ_FILE_INIT;
  char *piece = hj_mem_new(PIECE, e);
  if (!piece || hj_digest_open(&d, got.algo, w->was.size, e) || hj_temp_open(&f, w->tmp, "", w->way->mode | 0200u, &w->temp, e))
    goto out;
  hj_file_sequential_hint(&w->from);
  if (hj_file_reserve(&f, w->was.size, e) || copy_bytes(w, &f, d, piece, e) || hj_digest_seal(d, got.bytes, e))
    goto out;
  if (hj_promise_same(&w->promised, &got))
    (void)finish_own(w, &f, e);
  else
    (void)something_else(w, e);
out:
  hj_err_place(e, w->temp ? w->temp : w->tmp);
  hj_file_close(&f);
  hj_digest_close(d);
  hj_mem_free(piece);
  return (int)e->code;
}

/* ---- the owner's file ---- */

/* Who can write to a file can give it its old time back, and size and inode are the same anyway: then the fingerprint sees nothing. We ourselves and
 * root could do that to any blob. Group bits count for nothing here: many systems give each user a group of his own, and 0664. */
static bool may_point_to(const struct hj_stat *st)
{
  return !(st->mode & 0002u) && (st->owner == 0 || st->owner == hj_proc_user());
}

static int private_name(struct work *w, int make(const char *, const char *, struct hj_err *), struct hj_err *e)
{
  char name[HJ_OWNER_MAX];
  for (int i = 0; i < TRIES; i++) {
    struct hj_err s = HJ_ERR_INIT;
    hj_mem_free(w->temp);
    hj_owner_name(name);
    if (!(w->temp = hj_layout_join(w->tmp, name, e)))
      return (int)e->code;
    if (!make(w->way->source, w->temp, &s))
      return HJ_E_OK;
    if (s.code == HJ_E_NONE && i < TRIES - 1) {       /* our folder; or the source, which the next round says again */
      if (hj_dir_make_all(w->tmp, e))
        break;
    } else if (s.code != HJ_E_EXISTS || i == TRIES - 1) {
      hj_mem_free(w->temp);
      w->temp = NULL;
      hj_err_pass(e, &s);
      break;
    }
  }
  return (int)e->code;
}

static int point_to(struct work *w, int make(const char *, const char *, struct hj_err *), struct hj_err *e)
{
  struct hj_stat behind;
  struct hj_err s = HJ_ERR_INIT;
  if (private_name(w, make, &s)) {
    if (s.code == HJ_E_DENIED)                        /* no links here, or not to this file: fs.protected_hardlinks */
      return hj_fail(e, HJ_E_NONE, "%s", s.msg);
    hj_err_pass(e, &s);
    return (int)e->code;
  }
  if (prove_source(w, e) || hj_path_stat(w->temp, true, &behind, e))
    return (int)e->code;
  return is_same(&behind, &w->proven) ? HJ_E_OK : hj_fail(e, HJ_E_CHANGED, "another file took its place: %s", w->way->source);
}

static int try_link(struct work *w, struct hj_err *e)
{
  if (!may_point_to(&w->was))
    return hj_fail(e, HJ_E_NONE, "others may write to %s: a link to it would not be safe", w->way->source);
  return point_to(w, hj_path_symlink, e);
}

static int try_hardlink(struct work *w, struct hj_err *e)
{
  if (!may_point_to(&w->was) || (w->was.mode & 0222u))
    return hj_fail(e, HJ_E_NONE, "%s may be written to: a second name for it would not be safe", w->way->source);
  return point_to(w, hj_path_hardlink, e);
}

/* ---- the whole ---- */

static int try_tactic(struct work *w, char tactic, struct hj_err *e)
{
  switch (tactic) {
  case 'c':
    return try_clone(w, e);
  case 'h':
    return try_hardlink(w, e);
  case 'l':
    return try_link(w, e);
  case 'y':
    return try_copy(w, e);
  }
  return hj_fail(e, HJ_E_BADARG, "'%c' is none of the ways to take a file", tactic);
}

static void discard(struct work *w)
{
  hj_file none = HJ_FILE_INIT;
  hj_temp_discard(&none, w->temp);
  w->temp = NULL;
}

static int open_source(struct work *w, struct hj_err *e)
{
  const struct hj_adopt_way *way = w->way;
  if (!hj_promise_parse(&w->promised, w->etag))
    return hj_fail(e, HJ_E_NAME, "'%.80s' names no digest", w->etag);
  if (hj_file_open(&w->from, way->source, HJ_OPEN_QUIET, 0, e) || hj_file_stat(&w->from, &w->was, e))
    return (int)e->code;
  if (w->was.kind != HJ_KIND_FILE)
    return hj_fail(e, HJ_E_NONE, "no file: %s", way->source);
  if (way->size != HJ_SIZE_UNKNOWN && way->size != w->was.size)
    return hj_fail(e, HJ_E_SIZE, "%s has %llu bytes, not %llu", way->source, (unsigned long long)w->was.size, (unsigned long long)way->size);
  return HJ_E_OK;
}

/* Somebody was faster. With what? */
static int settle(const struct work *w, const char *final, char *how, struct hj_err *e)
{
  struct hj_stat named;
  bool good;
  if (hj_record_hash(final, w->etag, w->way->stop, &good, &named, e))
    return (int)e->code;
  if (!good)
    return hj_fail(e, HJ_E_EXISTS, "another file has the name %s; it was left alone", final);
  *how = '=';
  return w->repo_dir ? hj_record_note(w->repo_dir, w->etag, &named, e) : HJ_E_OK;
}

/* The rename to its name is a change of the file, by its ctime. */
static void note_named(const char *final, const struct work *w)
{
  struct hj_err s = HJ_ERR_INIT;
  struct hj_stat st;
  HJ_BENIGN_BEGIN(); /* the blob is then hashed once more, at its first use */
  if (w->repo_dir && !hj_path_stat(final, true, &st, &s) && st.size == w->proven.size && st.mtime_ns == w->proven.mtime_ns &&
      st.inode == w->proven.inode && st.ctime_ns != w->proven.ctime_ns && hj_record_note(w->repo_dir, w->etag, &st, &s))
    HJ_TRACE(HJ_T_STORE, 0, "named, not recorded: %s", s.msg);
  HJ_BENIGN_END();
}

static int adopt(const char *final, struct work *w, char *how, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  struct hj_stat st;
  bool done = false, replace = w->way->replace;
  if (open_source(w, e))
    goto out;
  for (const char *t = w->way->tactics; *t && !done; t++) {
    hj_err_clear(&s);
    if (stopped(w, e))
      goto out;
    done = !try_tactic(w, *t, &s);
    *how = *t;
    if (done)
      break;
    discard(w);
    HJ_TRACE(HJ_T_STORE, 0, "%c: %s", *t, s.msg);
    if (s.code != HJ_E_NONE)
      break;
  }
  if (!done) {
    hj_err_pass(e, &s);
    if (e->code == HJ_E_OK)
      (void)hj_fail(e, HJ_E_BADARG, "no way to take a file was named");
    goto out;
  }
  /* Before the name: without its line an owner's edit would not be noticed. A line without a blob says nothing. */
  if (w->repo_dir && hj_record_note(w->repo_dir, w->etag, &w->proven, e))
    goto out;
  hj_err_clear(&s);
  if (!replace && hj_path_stat(final, true, &st, &s) == HJ_E_NONE && !hj_path_stat(final, false, &st, &s) && st.kind == HJ_KIND_LINK)
    replace = true;                                   /* a link that leads nowhere keeps nobody's bytes */
  hj_err_clear(&s);
  done = false;
  if (hj_temp_publish(w->temp, final, replace, w->way->sync, &done, &s) == HJ_E_EXISTS && !replace) {
    discard(w);                                       /* before it is noted: a name that goes changes the ctime of a file that has two */
    (void)settle(w, final, how, e);
  } else {
    hj_err_pass(e, &s);
  }
  if (done) {
    hj_mem_free(w->temp);
    w->temp = NULL;
    note_named(final, w);
  }
out:
  discard(w);
  hj_file_close(&w->from);
  return (int)e->code;
}

int hj_adopt_file(const char *final, const char *tmp, const char *etag, const struct hj_adopt_way *way, char *how, struct hj_err *e)
{
  struct work w = { .way = way, .etag = etag, .tmp = tmp, .from = HJ_FILE_INIT };
  *how = 0;
  return adopt(final, &w, how, e);
}

int hj_adopt_blob(const char *repo_dir, const char *etag, const struct hj_adopt_way *way, char *how, struct hj_err *e)
{
  struct work w = { .way = way, .etag = etag, .repo_dir = repo_dir, .from = HJ_FILE_INIT };
  char *final = NULL, *side = NULL, *tmp = NULL;
  *how = 0;
  if (!hj_planted_check_repo(repo_dir, e) && (final = hj_layout_blob(repo_dir, etag, e)) && (side = hj_layout_side(repo_dir, e)) &&
      (tmp = hj_layout_join(side, "tmp", e))) {
    w.tmp = tmp;
    (void)adopt(final, &w, how, e);
  }
  hj_mem_free(tmp);
  hj_mem_free(side);
  hj_mem_free(final);
  return (int)e->code;
}

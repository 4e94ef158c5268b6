/* store/record.c - what was proven. Lines of text, distrusted: one that makes no sense is skipped. */
#include "store/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "digest/hashfile.h"
#include "plat/fault.h"
#include "plat/plat.h"
#include "store/layout.h"
#include "store/record_int.h"
#include "store/small.h"
#include "store/temp_int.h"
#include "util/buf.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/trace.h"

#include "util/banned.h"

#define READ_MAX (16u << 20)       /* 130,000 blobs; of a longer record the last 16 MiB count */
#define LOOK_FROM (32u << 10)      /* bytes from which it is looked at whether half of it is old; then again whenever it has doubled */
#define LINE_BYTES (64 + 4 * 21 + 2 + sizeof SEEN)
#define SEEN " seen"              /* at the end of a line: nobody has proven it */

struct entry { const char *etag; size_t etag_len; uint64_t size, mtime, inode, ctime; bool seen; const char *line; size_t line_len; };

/* ---- reading ---- */

static bool next_field(const char **p, const char *end, uint64_t *out)
{
  if (*p == end || **p != ' ')
    return false;
  const char *from = ++*p;
  while (*p < end && **p != ' ')
    ++*p;
  return hj_text_u64(from, (size_t)(*p - from), out);
}

/* One line without its LF. */
static bool read_entry(const char *line, size_t n, struct entry *out)
{
  const char *p = memchr(line, ' ', n), *end = line + n;
  size_t len = p ? (size_t)(p - line) : 0;
  if ((len != 40 && len != 64) || !hj_text_is_lower_hex(line, len))
    return false;
  *out = (struct entry){ .etag = line, .etag_len = len, .line = line, .line_len = n };
  if (n > len + sizeof SEEN && memcmp(end - (sizeof SEEN - 1), SEEN, sizeof SEEN - 1) == 0) {
    out->seen = true;
    end -= sizeof SEEN - 1;
  }
  return next_field(&p, end, &out->size) && next_field(&p, end, &out->mtime) && next_field(&p, end, &out->inode) &&
         (p == end || (next_field(&p, end, &out->ctime) && p == end)); /* lines of earlier versions end with the inode */
}

static bool looks_like(const struct entry *was, const struct hj_stat *st)
{
  return st->size == was->size && (uint64_t)st->mtime_ns == was->mtime && st->inode == was->inode;
}

static bool is_touched(const struct entry *was, const struct hj_stat *st)
{
  return was->ctime != 0 && st->ctime_ns != 0 && (uint64_t)st->ctime_ns != was->ctime;
}

/* The line that begins at *at, without LF; moves *at behind it. A last line without LF was torn: NULL. */
static const char *next_line(const struct hj_buf *b, size_t *at, size_t *n)
{
  if (*at >= b->len)
    return NULL;
  const char *line = b->p + *at, *lf = memchr(line, '\n', b->len - *at);
  if (!lf)
    return NULL;
  *n = (size_t)(lf - line);
  *at += *n + 1;
  return line;
}

static char *record_path(const char *repo_dir, struct hj_err *e)
{
  char *side = hj_layout_side(repo_dir, e);
  char *path = side ? hj_layout_join(side, "record", e) : NULL;
  hj_mem_free(side);
  return path;
}

/* The record's text (its last 16 MiB) into b; none there: empty. */
static int load(const char *repo_dir, struct hj_buf *b, struct hj_err *e)
{
  hj_file f = HJ_FILE_INIT;
  struct hj_stat st;
  struct hj_err s = HJ_ERR_INIT;
  char *path = record_path(repo_dir, e);
  hj_buf_init(b, READ_MAX + 1);
  if (!path)
    return (int)e->code;
  if (hj_file_open(&f, path, HJ_OPEN_READ, 0, &s)) {
    if (s.code != HJ_E_NONE)
      hj_err_pass(e, &s);
    goto out;
  }
  if (hj_file_stat(&f, &st, e) || st.kind != HJ_KIND_FILE)
    goto out;
  uint64_t from = st.size > READ_MAX ? st.size - READ_MAX : 0;
  size_t n = (size_t)(st.size - from), got = 0;
  if (hj_buf_reserve(b, n + 1, e) || hj_file_read_at(&f, from, b->p, n, &got, e))
    goto out;
  b->len = got;
  if (from > 0) {                                     /* the first line is half a line */
    const char *lf = got ? memchr(b->p, '\n', got) : NULL;
    size_t cut = lf ? (size_t)(lf + 1 - b->p) : got;
    memmove(b->p, b->p + cut, got - cut);
    b->len -= cut;
  }
out:
  hj_file_close(&f);
  hj_mem_free(path);
  return (int)e->code;
}

/* What the record's text says of a file that looks like st. A blob is what the last line about its etag says; of plain files several may have
 * one content, so each is known by its inode; without an etag by that alone: it was that file, whatever it was called. *touched: but for its ctime. */
static enum hj_blob_state state_in(const struct hj_buf *text, const char *etag, bool plain, const struct hj_stat *st, bool *touched)
{
  struct entry last = { .etag = NULL }, own = { .etag = NULL }, one;
  size_t n, etag_len = etag ? strlen(etag) : 0;
  for (size_t at = 0;;) {
    const char *line = next_line(text, &at, &n);
    if (!line)
      break;
    if ((etag && (n <= etag_len || memcmp(line, etag, etag_len) != 0)) || !read_entry(line, n, &one) || (etag && one.etag_len != etag_len))
      continue;
    last = one;
    if (one.inode == st->inode)
      own = one;
  }
  if (plain && (own.etag || !etag))
    last = own;
  *touched = last.etag && is_touched(&last, st);
  if (!last.etag)
    return HJ_BLOB_NEW;
  return !looks_like(&last, st) ? HJ_BLOB_CHANGED : last.seen ? HJ_BLOB_SEEN : HJ_BLOB_SAME;
}

/* The ctime counts for who can note what he finds out: see record.h. */
static int state_of(const char *repo_dir, const char *etag, bool plain, const struct hj_stat *st, enum hj_blob_state *out, struct hj_err *e)
{
  struct hj_buf text;
  bool touched = false;
  *out = HJ_BLOB_NEW;
  if (!load(repo_dir, &text, e))
    *out = state_in(&text, etag, plain, st, &touched);
  hj_buf_release(&text);
  if (touched && !hj_record_is_shut(repo_dir))
    *out = HJ_BLOB_CHANGED;
  return (int)e->code;
}

/* HJ_E_DENIED: `path`, the record's, may not be written to. */
static int may_note(const char *path, struct hj_err *e)
{
  struct hj_err s = HJ_ERR_INIT;
  if (hj_path_may_write(path, &s) == HJ_E_NONE)
    return hj_small_may(path, e);
  hj_err_pass(e, &s);
  return (int)e->code;
}

bool hj_record_is_shut(const char *repo_dir)
{
  struct hj_err s = HJ_ERR_INIT; /* trouble is no answer: then the file is hashed */
  char *path = record_path(repo_dir, &s);
  bool shut = path && may_note(path, &s) == HJ_E_DENIED;
  hj_mem_free(path);
  return shut;
}

int hj_record_match(const char *repo_dir, const char *etag, const struct hj_stat *st, bool *known, bool *same, struct hj_err *e)
{
  enum hj_blob_state state;
  *known = *same = false;
  if (!state_of(repo_dir, etag, true, st, &state, e)) {
    *known = state != HJ_BLOB_NEW && state != HJ_BLOB_SEEN;
    *same = state == HJ_BLOB_SAME;
  }
  return (int)e->code;
}

/* ---- rewriting ---- */

static int by_etag_then_place(const void *a, const void *b)
{
  const struct entry *x = a, *y = b;
  if (x->etag_len != y->etag_len)
    return x->etag_len < y->etag_len ? -1 : 1;
  int rc = memcmp(x->etag, y->etag, x->etag_len);
  if (rc || x->inode != y->inode)
    return rc ? rc : x->inode < y->inode ? -1 : 1;
  return x->line < y->line ? -1 : x->line > y->line;
}

static int by_place(const void *a, const void *b)
{
  const struct entry *x = a, *y = b;
  return x->line < y->line ? -1 : x->line > y->line;
}

/* Of each etag and inode the last: a blob has one of them, plain files of one content have one each. */
static size_t keep_live(struct entry all[], size_t n)
{
  size_t live = 0;
  qsort(all, n, sizeof *all, by_etag_then_place);
  for (size_t i = 0; i < n; i++) {
    bool last = i + 1 == n || all[i].etag_len != all[i + 1].etag_len || memcmp(all[i].etag, all[i + 1].etag, all[i].etag_len) != 0 ||
                all[i].inode != all[i + 1].inode;
    if (last)
      all[live++] = all[i];
  }
  qsort(all, live, sizeof *all, by_place);
  return live;
}

/* Rewrites the record if more than half of its lines are old. A line that another process appends meanwhile may be lost: its blob
 * is then "new" and gets proven again. */
static int compact(const char *repo_dir, const char *path, struct hj_err *e)
{
  struct hj_buf text, kept;
  struct entry *all = NULL;
  size_t n = 0, lines = 0, live = 0, len;
  hj_buf_init(&kept, READ_MAX + 1);
  if (load(repo_dir, &text, e))
    goto out;
  for (size_t at = 0; next_line(&text, &at, &len); lines++)
    ;
  all = hj_mem_zero(lines ? lines : 1, sizeof *all, e);
  if (!all)
    goto out;
  for (size_t at = 0;;) {
    const char *line = next_line(&text, &at, &len);
    if (!line)
      break;
    n += read_entry(line, len, &all[n]);
  }
  live = keep_live(all, n);
  for (size_t i = 0; i < live; i++)
    if (hj_buf_add(&kept, all[i].line, all[i].line_len + 1, e))     /* with its LF */
      goto out;
  if (live < lines - lines / 2)
    (void)hj_small_write(path, kept.p ? kept.p : "", kept.len, 0666, false, e);
out:
  hj_mem_free(all);
  hj_buf_release(&text);
  hj_buf_release(&kept);
  return (int)e->code;
}

/* ---- adding ---- */

/* A look reads all of it: at every doubling, a thousand files cost as much each as ten. */
static bool doubled(uint64_t before, uint64_t after)
{
  uint64_t mark = LOOK_FROM;
  while (mark <= before)
    mark *= 2;
  return after >= mark;
}

static int append(const char *repo_dir, const char *line, size_t n, struct hj_err *e)
{
  hj_file f = HJ_FILE_INIT;
  struct hj_stat st = { .size = 0 };
  struct hj_err s = HJ_ERR_INIT;
  char *path = record_path(repo_dir, e);
  bool look = false;
  if (!path || may_note(path, e))
    goto out;
  if (hj_file_open(&f, path, HJ_OPEN_APPEND, 0666, &s)) {
    if (s.code != HJ_E_NONE)
      hj_err_pass(e, &s);
    if (s.code != HJ_E_NONE || hj_dir_make_parents(path, e) || hj_file_open(&f, path, HJ_OPEN_APPEND, 0666, e))
      goto out;
  }
  if (hj_file_append(&f, line, n, e))
    goto out;
  HJ_BENIGN_BEGIN();
  hj_err_clear(&s);
  look = !hj_file_stat(&f, &st, &s) && doubled(st.size - n, st.size);
  hj_file_close(&f);
  if (look && compact(repo_dir, path, &s))
    HJ_TRACE(HJ_T_STORE, 0, "the record was not rewritten: %s", s.msg);
  HJ_BENIGN_END();
out:
  hj_file_close(&f);
  hj_mem_free(path);
  return (int)e->code;
}

static size_t format_line(char line[LINE_BYTES], const char *etag, const struct hj_stat *st, bool seen)
{
  return (size_t)snprintf(line, LINE_BYTES, "%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "%s\n", etag, st->size, (uint64_t)st->mtime_ns, st->inode,
                          (uint64_t)st->ctime_ns, seen ? SEEN : "");
}

int hj_record_note(const char *repo_dir, const char *etag, const struct hj_stat *st, struct hj_err *e)
{
  char line[LINE_BYTES];
  return append(repo_dir, line, format_line(line, etag, st, false), e);
}

/* Stats the blob, through links. */
static int stat_blob(const char *repo_dir, const char *etag, struct hj_stat *st, struct hj_err *e)
{
  char *blob = hj_layout_blob(repo_dir, etag, e);
  if (blob && !hj_path_stat(blob, true, st, e) && st->kind != HJ_KIND_FILE)
    (void)hj_fail(e, HJ_E_NONE, "not a file: %s", blob);
  hj_mem_free(blob);
  return (int)e->code;
}

int hj_record_add(const char *repo_dir, const char *const etags[], unsigned n, struct hj_err *e)
{
  struct hj_buf lines;
  hj_buf_init(&lines, READ_MAX);
  for (unsigned i = 0; i < n; i++) {
    struct hj_stat st = { .size = 0 };
    struct hj_err s = HJ_ERR_INIT;
    char line[LINE_BYTES];
    if (stat_blob(repo_dir, etags[i], &st, &s) || hj_buf_add(&lines, line, format_line(line, etags[i], &st, false), &s))
      hj_err_pass(e, &s);
  }
  if (lines.len) {
    struct hj_err s = HJ_ERR_INIT;
    if (append(repo_dir, lines.p, lines.len, &s))
      hj_err_pass(e, &s);
  }
  hj_buf_release(&lines);
  return (int)e->code;
}

/* ---- asking ---- */

static int look_at(const char *repo_dir, const char *path, const char *etag, bool plain, enum hj_blob_state *out, struct hj_err *e)
{
  struct hj_stat st = { .size = 0 };
  struct hj_err s = HJ_ERR_INIT;
  *out = HJ_BLOB_MISSING;
  if (hj_path_stat(path, true, &st, &s)) {
    if (s.code != HJ_E_NONE)
      hj_err_pass(e, &s);
    return (int)e->code;
  }
  if (st.kind != HJ_KIND_FILE)
    return HJ_E_OK;
  return state_of(repo_dir, etag, plain, &st, out, e);
}

int hj_record_look(const char *repo_dir, const char *etag, enum hj_blob_state *out, struct hj_err *e)
{
  char *blob = hj_layout_blob(repo_dir, etag, e);
  *out = HJ_BLOB_MISSING;
  if (blob)
    (void)look_at(repo_dir, blob, etag, false, out, e);
  hj_mem_free(blob);
  return (int)e->code;
}

int hj_record_look_plain(const char *repo_dir, const char *path, const char *etag, enum hj_blob_state *out, struct hj_err *e)
{
  *out = HJ_BLOB_MISSING;
  if (etag && hj_layout_check_etag(etag, e))
    return (int)e->code;
  return look_at(repo_dir, path, etag, true, out, e);
}

int hj_record_saw(const char *repo_dir, const char *path, const char *etag, struct hj_err *e)
{
  char line[LINE_BYTES];
  struct hj_stat st = { .size = 0 };
  if (hj_layout_check_etag(etag, e) || hj_path_stat(path, true, &st, e))
    return (int)e->code;
  return append(repo_dir, line, format_line(line, etag, &st, true), e);
}

int hj_record_hash(const char *path, const char *etag, const atomic_int *stop, bool *good, struct hj_stat *st, struct hj_err *e)
{
  struct hj_promise promised, got;
  struct hj_stat before, after;
  *good = false;
  if (!hj_promise_parse(&promised, etag))
    return hj_fail(e, HJ_E_NAME, "'%.80s' names no digest", etag);
  got = (struct hj_promise){ .algo = promised.algo };
  if (hj_path_stat(path, true, &before, e) || hj_hash_path(promised.algo, path, stop, got.bytes, e) || hj_path_stat(path, true, &after, e))
    return (int)e->code;
  if (before.size != after.size || before.mtime_ns != after.mtime_ns || before.inode != after.inode || before.ctime_ns != after.ctime_ns)
    return hj_fail(e, HJ_E_CHANGED, "changed while it was read: %s", path);
  *good = hj_promise_same(&promised, &got);
  if (st)
    *st = after;
  return HJ_E_OK;
}

int hj_record_prove(const char *repo_dir, const char *etag, const atomic_int *stop, bool *good, struct hj_err *e)
{
  struct hj_stat st;
  char *blob = hj_layout_blob(repo_dir, etag, e);
  *good = false;
  if (blob && !hj_record_hash(blob, etag, stop, good, &st, e) && *good) {
    HJ_BENIGN_BEGIN();             /* a read-only cache is proven all the same */
    struct hj_err s = HJ_ERR_INIT;
    if (hj_record_note(repo_dir, etag, &st, &s))
      HJ_TRACE(HJ_T_STORE, 0, "proven, not recorded: %s", s.msg);
    HJ_BENIGN_END();
  }
  hj_mem_free(blob);
  return (int)e->code;
}

/* tests/fuzz/fuzz_store.c - files of ours on a disk that others can write to: journal, record, sums, manifest, what a resume finds. */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest/algo.h"
#include "fuzz.h"
#include "fuzz_disk.h"
#include "store/blob.h"
#include "store/journal.h"
#include "store/layout.h"
#include "store/manifest.h"
#include "store/record.h"
#include "store/record_int.h"
#include "store/sums.h"
#include "util/buf.h"
#include "util/le.h"
#include "util/mem.h"
#include "util/text.h"

/* ---- journal ---- */

struct walk { uint64_t total, sum, count; struct hj_piece last; };

static int see_piece(void *user, const struct hj_piece *p, struct hj_err *e)
{
  struct walk *w = user;
  uint64_t limit = w->total == UINT64_MAX ? INT64_MAX : w->total;
  (void)e;
  MUST(p->len > 0 && p->len <= limit && p->at <= limit - p->len);
  w->sum = w->sum > UINT64_MAX - p->len ? UINT64_MAX : w->sum + p->len;
  w->count++;
  w->last = *p;
  return 0;
}

/* A journal whose sums fit, from numbers; the mutator finds no checksum by itself. */
static void add_journal(struct hj_buf *out, struct feed *f, struct hj_journal_head *head)
{
  struct hj_err e = HJ_ERR_INIT;
  uint8_t bytes[HJ_JOURNAL_HEAD];
  *head = (struct hj_journal_head){ feed_number(f), feed_number(f) };
  hj_journal_put_head(bytes, head);
  MUST(!hj_buf_add(out, bytes, sizeof bytes, &e));
  while (f->n > 4 && out->len < 4096) {
    struct hj_piece p = { feed_number(f), feed_number(f), feed_number(f) }, again;
    hj_journal_put_piece(bytes, &p);
    if (hj_journal_get_piece(bytes, head->total, &again))
      MUST(again.at == p.at && again.len == p.len && again.sum == p.sum);
    MUST(!hj_buf_add(out, bytes, HJ_JOURNAL_RECORD, &e));
  }
}

/* First byte: 0 raw bytes; else made of numbers, bit 1: one byte of it wrong, bit 2: cut. */
FUZZ(journal)
{
  struct feed f = { p, n };
  struct hj_journal_head head = { UINT64_MAX, 0 };
  struct hj_journal j;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_buf b;
  const char *path = disk_path("journal");
  uint8_t how = feed_byte(&f), where = feed_byte(&f), bit = feed_byte(&f);
  hj_buf_init(&b, 1u << 16);
  if (how == 0)
    MUST(!hj_buf_add(&b, f.p, f.n, &e));
  else
    add_journal(&b, &f, &head);
  if ((how & 2) && b.len)
    b.p[where % b.len] ^= (char)(1u << bit % 8);
  if ((how & 4) && b.len)
    b.len -= where % b.len;
  if (how == 0 && b.len >= HJ_JOURNAL_HEAD)
    (void)hj_journal_get_head((const uint8_t *)b.p, &head);
  disk_put(path, b.p ? b.p : "", b.len);

  struct hj_journal_head ask = { how & 8 ? UINT64_MAX : head.total, head.tag };
  int rc = hj_journal_open(&j, path, &ask, &e);
  MUST(rc == (int)e.code && (rc == HJ_E_OK || rc == HJ_E_STALE));
  if (rc == HJ_E_OK) {
    struct walk first = { .total = j.head.total }, second = first;
    MUST(!hj_journal_each(&j, see_piece, &first, &e));
    MUST(j.end == HJ_JOURNAL_HEAD + HJ_JOURNAL_RECORD * first.count && j.end <= b.len);
    uint64_t bytes = 0, end = 0, stepwise = 0, total = j.head.total;
    MUST(!hj_journal_sum(path, &bytes, &e) && bytes == (first.sum < total ? first.sum : total));

    struct hj_piece one = { 0, 1, 42 };                       /* what is added behind comes back, and nothing that lay behind it */
    bool fits = total > 0;
    MUST(!hj_journal_sum_on(path, &end, &stepwise, &e) && stepwise == bytes && end == j.end);
    MUST(!hj_journal_add(&j, &one, &e));
    MUST(!hj_journal_each(&j, see_piece, &second, &e));
    MUST(second.count >= first.count + fits && (fits || second.count == first.count));
    if (second.count == first.count + 1)
      MUST(second.last.at == 0 && second.last.len == 1 && second.last.sum == 42);
    MUST(!hj_journal_sum_on(path, &end, &stepwise, &e) && !hj_journal_sum(path, &bytes, &e) && bytes == stepwise);
    hj_journal_close(&j);
  }
  hj_buf_release(&b);
}

/* ---- record ---- */

static const char *const etags[] = {
  "0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef",
  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
};

/* A byte 1..4 stands for an etag, the rest for itself. */
static void expand(struct hj_buf *out, struct feed *f)
{
  struct hj_err e = HJ_ERR_INIT;
  while (f->n && out->len < 8192) {
    uint8_t c = feed_byte(f);
    if (c >= 1 && c <= 4)
      MUST(!hj_buf_text(out, etags[c - 1], &e));
    else
      MUST(!hj_buf_add(out, &c, 1, &e));
  }
}

struct model_line { uint64_t v[4]; bool seen; };              /* size, mtime, inode, ctime */

/* "<size> <mtime> <inode>[ <ctime>][ seen]" up to end. */
static bool model_line(const char *p, const char *end, struct model_line *out)
{
  static const char seen[] = " seen";
  *out = (struct model_line){ .seen = (size_t)(end - p) > strlen(seen) && memcmp(end - strlen(seen), seen, strlen(seen)) == 0 };
  if (out->seen)
    end -= strlen(seen);
  for (int i = 0; i < 4; i++) {
    const char *blank = memchr(p, ' ', (size_t)(end - p)), *stop = blank ? blank : end;
    if (!hj_text_u64(p, (size_t)(stop - p), &out->v[i]))
      return false;
    if (!blank)
      return i >= 2;                                          /* lines of earlier versions end with the inode */
    p = blank + 1;
  }
  return false;                                               /* a fifth one */
}

/* The record, read the plain way: the last sound line of an etag counts, or the last of those with this inode. */
static bool model_record(const char *text, size_t n, const char *etag, const uint64_t *inode, struct model_line *out)
{
  const char *end = text + n, *lf;
  size_t len = strlen(etag);
  struct model_line line;
  bool found = false;
  for (; text < end && (lf = memchr(text, '\n', (size_t)(end - text))) != NULL; text = lf + 1) {
    if ((size_t)(lf - text) <= len || memcmp(text, etag, len) != 0 || text[len] != ' ' || !model_line(text + len + 1, lf, &line))
      continue;
    if (inode && line.v[2] != *inode)
      continue;
    *out = line;
    found = true;
  }
  return found;
}

/* A file that looks like this line: what is said of it is what the model says. */
static void compare_file(const char *repo, const char *text, size_t n, const char *etag, const struct model_line *is)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_stat st = { .kind = HJ_KIND_FILE, .size = is->v[0], .mtime_ns = (int64_t)is->v[1], .inode = is->v[2], .ctime_ns = (int64_t)is->v[3] };
  struct model_line was = { .seen = false };
  bool known, same, found = model_record(text, n, etag, &is->v[2], &was) || model_record(text, n, etag, NULL, &was);
  bool fits = found && memcmp(was.v, is->v, 3 * sizeof was.v[0]) == 0 && (!was.v[3] || !is->v[3] || was.v[3] == is->v[3]);
  MUST(!hj_record_match(repo, etag, &st, &known, &same, &e));
  MUST(known == (found && (!fits || !was.seen)) && same == (fits && !was.seen));
  st.size ^= 1;                                               /* an edit shows */
  MUST(!hj_record_match(repo, etag, &st, &known, &same, &e) && (same == false || was.v[0] == st.size));
}

static void compare_record(const char *repo, const char *text, size_t n, const char *but)
{
  static const struct model_line any = { { 1, 2, 3, 4 }, false };
  for (size_t i = 0; i < sizeof etags / sizeof etags[0]; i++) {
    struct model_line line;
    if (but && !strcmp(but, etags[i]))
      continue;
    compare_file(repo, text, n, etags[i], &any);
    if (model_record(text, n, etags[i], NULL, &line)) {
      compare_file(repo, text, n, etags[i], &line);
      line.v[3] ^= 1;                                         /* edited, and the old time put back */
      compare_file(repo, text, n, etags[i], &line);
      line.v[2] ^= 1;                                         /* another file: one of several plain ones, or a replaced blob */
      compare_file(repo, text, n, etags[i], &line);
    }
  }
}

/* First byte: bit 0: so often that it is rewritten with the next line. */
FUZZ(record)
{
  struct feed f = { p, n };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_buf b;
  enum hj_blob_state state;
  const char *repo = disk_path("repo"), *blob = disk_path("repo/blobs/0123456789abcdef0123456789abcdef01234567");
  uint8_t how = feed_byte(&f);
  hj_buf_init(&b, 1u << 20);
  expand(&b, &f);
  if ((how & 1) && b.len > 16) {
    size_t unit = b.len;
    while (b.len < (32u << 10) - 60)
      MUST(!hj_buf_reserve(&b, b.len + unit + 1, &e) && !hj_buf_add(&b, b.p, unit, &e));
  }
  disk_put(disk_path("repo/.hubjet/record"), b.p ? b.p : "", b.len);
  compare_record(repo, b.p ? b.p : "", b.len, NULL);
  disk_put(blob, "12345", 5);
  MUST(!hj_record_add(repo, &etags[0], 1, &e));
  MUST(!hj_record_look(repo, etags[0], &state, &e));
  MUST(b.len && b.p[b.len - 1] != '\n' ? state != HJ_BLOB_MISSING : state == HJ_BLOB_SAME);
  compare_record(repo, b.p ? b.p : "", b.len, etags[0]);     /* the others are as they were, rewritten or not */
  hj_buf_release(&b);
}

/* ---- sums ---- */

static void same_sums(const struct hj_sums *a, const struct hj_sums *b)
{
  MUST(a->size == b->size && a->n == b->n && a->tag == b->tag && (!a->n || !memcmp(a->cell, b->cell, a->n * sizeof a->cell[0])));
}

/* First byte: bit 0 raw bytes, else made of numbers; bit 1: one bit of it wrong, bit 2: cut, bit 3: another size is said, bit 4: the sum over all fits again. */
FUZZ(sums)
{
  struct feed f = { p, n };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_sums s = { 0 }, again = { 0 };
  struct hj_promise of = { .algo = HJ_SHA256 };
  struct hj_buf b, text;
  uint8_t how = feed_byte(&f), where = feed_byte(&f), bit = feed_byte(&f);
  uint64_t size = feed_number(&f);
  const char *place = disk_path("sums/0000000000000000000000000000000000000000000000000000000000000000"), *dir = disk_path("sums");
  hj_buf_init(&b, 1u << 16);
  hj_buf_init(&text, 1u << 16);
  if (how & 1) {
    MUST(!hj_buf_add(&b, f.p, f.n, &e));
  } else {
    MUST(!hj_sums_new(&s, size % (64u * HJ_SUMS_CELL), &of, &e));
    for (size_t i = 0; i < s.n; i++)
      s.cell[i] = feed_number(&f);
    MUST(!hj_sums_put(&s, &b, &e) && !hj_sums_get(&again, b.p, b.len, &of, &e));
    same_sums(&s, &again);
    hj_sums_release(&s);
    hj_sums_release(&again);
  }
  if ((how & 2) && b.len)
    b.p[where % b.len] ^= (char)(1u << bit % 8);
  if ((how & 4) && b.len)
    b.len -= where % b.len;
  if ((how & 8) && b.len >= 16)
    hj_put_le((uint8_t *)b.p + 8, size, 8);
  if ((how & 16) && b.len >= 8)
    hj_put_le((uint8_t *)b.p + b.len - 8, hj_xxh3(b.p, b.len - 8), 8);

  int rc = hj_sums_get(&s, b.p ? b.p : "", b.len, &of, &e);
  MUST(rc == (int)e.code && (rc == HJ_E_OK || rc == HJ_E_STALE));
  disk_put(place, b.p ? b.p : "", b.len);
  hj_err_clear(&e);
  MUST(hj_sums_load(&again, dir, &of, &e) == rc);
  if (rc == HJ_E_OK) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < s.n; i++)
      bytes += hj_sums_len(&s, i);
    MUST(bytes == s.size);
    same_sums(&s, &again);
    MUST(!hj_sums_put(&s, &text, &e) && text.len == b.len && !memcmp(text.p, b.p, b.len));   /* there is one way to say it */
  }
  hj_sums_release(&s);
  hj_sums_release(&again);
  hj_buf_release(&text);
  hj_buf_release(&b);
}

/* ---- manifest ---- */

#define COMMIT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Relative to the snapshot. The last two are not in it. */
static const char *const files[] = { "a", "d/b", "l", "../../outside", "d/../a" };

/* A byte 1..5 stands for size, mtime, inode and ctime of that file, 6..10 for its name; the rest for itself. */
static void expand_manifest(struct hj_buf *out, struct feed *f)
{
  struct hj_err e = HJ_ERR_INIT;
  char path[600];
  const char *snapshot = disk_path("repo/snapshots/" COMMIT);
  struct stat st;
  while (f->n && out->len < 4096) {
    uint8_t c = feed_byte(f);
    if (c >= 6 && c != '\n' && c <= 11) {
      MUST(!hj_buf_text(out, files[c > 10 ? 4 : c - 6], &e));
    } else if (c >= 1 && c <= 5) {
      (void)snprintf(path, sizeof path, "%s/%s", snapshot, files[c - 1]);
      if (stat(path, &st))
        abort();
      MUST(!hj_buf_printf(out, &e, "%lld %lld %llu %lld ", (long long)st.st_size, (long long)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                          (unsigned long long)st.st_ino, (long long)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec));
    } else {
      MUST(!hj_buf_add(out, &c, 1, &e));
    }
  }
}

FUZZ(manifest)
{
  struct feed f = { p, n };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_buf b;
  bool whole;
  size_t named = 0;
  const char *repo = disk_path("repo"), *place = disk_path("repo/.hubjet/whole/" COMMIT);
  disk_once(disk_path("repo/snapshots/" COMMIT "/a"), "one");
  disk_once(disk_path("repo/snapshots/" COMMIT "/d/b"), "second");
  disk_once(disk_path("repo/outside"), "not in the snapshot");
  (void)symlink("d/b", disk_path("repo/snapshots/" COMMIT "/l"));
  hj_buf_init(&b, 1u << 16);
  expand_manifest(&b, &f);
  disk_put(place, b.p ? b.p : "", b.len);
  MUST(!hj_manifest_check(repo, COMMIT, "", &whole, &named, &e));
  if (whole) {                                                /* then each line names a file of the snapshot, and the last one counts them */
    char *text = b.p;
    for (size_t i = 0; i < named; i++) {
      char *lf = strchr(text, '\n'), *name = text;
      MUST(lf);
      *lf = 0;
      for (int blank = 0; blank < 4; blank++)
        MUST((name = strchr(name, ' ')) != NULL && *++name);
      MUST(hj_layout_check_path(name, &e) == HJ_E_OK);
      MUST(!strcmp(name, "a") || !strcmp(name, "d/b") || !strcmp(name, "l"));
      text = lf + 1;
    }
    MUST(hj_text_starts(text, "end "));
  }
  MUST(!hj_manifest_write(repo, COMMIT, "", files, 3, &e));    /* what we write ourselves is whole */
  MUST(!hj_manifest_check(repo, COMMIT, "", &whole, &named, &e) && whole && named == 3);
  hj_buf_release(&b);
}

/* ---- resume ---- */

#define BODY_MOST 6000u

static void make_body(uint8_t *body, size_t n)
{
  uint32_t x = 1;
  for (size_t i = 0; i < n; i++) {
    x = x * 1664525u + 1013904223u;
    body[i] = (uint8_t)(x >> 24);
  }
}

/* An old partial, of whatever worth: data (right, wrong or planted) and a journal whose sums are of what should be there, of what is
 * there, or of nothing. Then the rest comes from the network. Either the file is right and under its name, or it is refused. */
FUZZ(resume)
{
  struct feed f = { p, n };
  struct hj_err e = HJ_ERR_INIT;
  static uint8_t body[BODY_MOST], lie[BODY_MOST];
  uint8_t how = feed_byte(&f), head_bytes[HJ_JOURNAL_HEAD];
  size_t size = 1 + ((size_t)feed_byte(&f) << 8 | feed_byte(&f)) % (BODY_MOST - 1), held = size;
  char text[80];
  struct hj_promise promise = { .algo = HJ_SHA256 }, got;
  bool lied = false, planted = how & 16;
  make_body(body, size);
  memcpy(lie, body, size);
  MUST(!hj_digest_bytes(HJ_SHA256, body, size, promise.bytes, &e));
  hj_promise_text(&promise, text);
  for (int i = how & 3; i > 0; i--)
    lie[((size_t)feed_byte(&f) << 8 | feed_byte(&f)) % size] ^= 0x40;
  if (how & 4)
    held = size * feed_byte(&f) / 255;

  disk_clear("res");
  const char *key = "k", *final = disk_path("res/blobs/f"), *partial = disk_path("res/.hubjet/partial");
  const char *data = disk_path("res/.hubjet/partial/k/data"), *journal = disk_path("res/.hubjet/partial/k/journal");
  const char *canary = disk_path("res/canary");
  disk_put(canary, "canary", 6);
  if (planted) {
    disk_parents(data);
    if (how & 32 ? link(canary, data) : symlink(canary, data))
      abort();
  } else {
    disk_put(data, lie, held);
  }
  struct hj_journal_head head = { how & 64 ? UINT64_MAX : size, hj_xxh3(text, strlen(text)) };
  struct hj_buf b;
  hj_buf_init(&b, 1u << 16);
  hj_journal_put_head(head_bytes, &head);
  MUST(!hj_buf_add(&b, head_bytes, sizeof head_bytes, &e));
  for (int i = 0; f.n > 2 && i < 40; i++) {
    uint8_t kind = feed_byte(&f);
    struct hj_piece piece = { feed_number(&f), feed_number(&f), 0 };
    if (kind & 4) {
      piece.at = size * (uint8_t)piece.at / 256;
      piece.len = 1 + (size - piece.at - 1) * (uint8_t)piece.len / 256;
    }
    if (piece.len <= size && piece.at <= size - piece.len) {
      const uint8_t *whose = kind & 1 ? lie : body;
      piece.sum = kind & 2 ? 0 : hj_xxh3(whose + piece.at, piece.len);
      lied = lied || (whose == lie && !(kind & 2) && memcmp(lie + piece.at, body + piece.at, piece.len) != 0);
    }
    uint8_t record[HJ_JOURNAL_RECORD];
    hj_journal_put_piece(record, &piece);
    MUST(!hj_buf_add(&b, record, sizeof record, &e));
  }
  disk_put(journal, b.p, b.len);
  hj_buf_release(&b);

  struct hj_blob_want w = { .final = final, .partial_dir = partial, .key = key, .promise = promise, .validator = "",
                            .size = how & 8 ? HJ_SIZE_UNKNOWN : size, .mode = 0444, .replace = true, .resume = true };
  struct hj_blob *blob = NULL;
  MUST(!hj_blob_open(&blob, &w, &e));
  const struct hj_ranges *have = hj_blob_held(blob);
  MUST(!have->n || have->p[have->n - 1].end <= size || (how & 8));
  if ((how & 8) && hj_blob_settle(blob, size, &e)) {
    MUST(e.code == HJ_E_SIZE);
    goto out;
  }
  struct hj_span gap;
  while (hj_ranges_gap(hj_blob_held(blob), 0, size, &gap))
    MUST(!hj_blob_put(blob, gap.at, body + gap.at, (size_t)(gap.end - gap.at), &e));
  while (hj_blob_provable(blob)) {
    struct hj_proof proof = { blob, NULL, &e };
    hj_blobs_prove(&proof, 1, UINT64_MAX);
    MUST(e.code == HJ_E_OK);
  }
  MUST(hj_blob_is_whole(blob));
  if (hj_blob_commit(blob, &got, &e)) {
    MUST(e.code == HJ_E_DIGEST && lied && access(final, F_OK) != 0);
    hj_blob_drop(blob, true);
    blob = NULL;
    MUST(access(data, F_OK) != 0 || !planted);
  } else {
    MUST(disk_holds(final, body, size));
  }
out:
  hj_blob_drop(blob, false);
  MUST(disk_holds(canary, (const uint8_t *)"canary", 6));
}

/* store/sums.c - see sums.h */
#include "store/sums.h"

#include <string.h>
#include "plat/plat.h"
#include "store/blob.h"
#include "store/layout.h"
#include "store/small.h"
#include "util/le.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/banned.h"

#define MAGIC "HJS1"
#define HEAD 24u
#define TAIL 8u

_Static_assert(HJ_SUMS_CELL == HJ_PIECE, "a cell is a piece of the journal: else its sums cannot be taken over, and a repair not resumed");

static uint64_t tag_of(const struct hj_promise *of)
{
  char text[80];
  hj_promise_text(of, text);
  return hj_xxh3(text, strlen(text));
}

int hj_sums_new(struct hj_sums *s, uint64_t size, const struct hj_promise *of, struct hj_err *e)
{
  *s = (struct hj_sums){ .size = size, .tag = tag_of(of) };
  if (size > (uint64_t)HJ_SUMS_CELLS_MAX * HJ_SUMS_CELL)
    return hj_fail(e, HJ_E_TOOBIG, "a file of %llu bytes has more cells than sums are kept of", (unsigned long long)size);
  size_t n = (size_t)((size + HJ_SUMS_CELL - 1) / HJ_SUMS_CELL);
  s->cell = hj_mem_zero(n ? n : 1, sizeof *s->cell, e);
  s->n = s->cell ? n : 0; /* who goes on without sums has none */
  return (int)e->code;
}

void hj_sums_release(struct hj_sums *s)
{
  hj_mem_free(s->cell);
  *s = (struct hj_sums){ 0 };
}

size_t hj_sums_len(const struct hj_sums *s, size_t i)
{
  uint64_t left = s->size - (uint64_t)i * HJ_SUMS_CELL;
  return left < HJ_SUMS_CELL ? (size_t)left : HJ_SUMS_CELL;
}

/* ---- the codec ---- */

int hj_sums_put(const struct hj_sums *s, struct hj_buf *out, struct hj_err *e)
{
  uint8_t raw[HEAD];
  memcpy(raw, MAGIC, 4);
  hj_put_le(raw + 4, HJ_SUMS_CELL, 4);
  hj_put_le(raw + 8, s->size, 8);
  hj_put_le(raw + 16, s->tag, 8);
  if (hj_buf_reserve(out, HEAD + 8 * s->n + TAIL + 1, e) || hj_buf_add(out, raw, HEAD, e))
    return (int)e->code;
  for (size_t i = 0; i < s->n; i++) {
    hj_put_le(raw, s->cell[i], 8);
    if (hj_buf_add(out, raw, 8, e))
      return (int)e->code;
  }
  hj_put_le(raw, hj_xxh3(out->p, out->len), 8);
  return hj_buf_add(out, raw, TAIL, e);
}

int hj_sums_get(struct hj_sums *s, const void *p, size_t n, const struct hj_promise *of, struct hj_err *e)
{
  const uint8_t *raw = p;
  *s = (struct hj_sums){ 0 };
  if (n < HEAD + TAIL || memcmp(raw, MAGIC, 4) != 0 || hj_get_le(raw + 4, 4) != HJ_SUMS_CELL || hj_get_le(raw + n - TAIL, 8) != hj_xxh3(raw, n - TAIL))
    return hj_fail(e, HJ_E_STALE, "these are no sums of this version");
  uint64_t size = hj_get_le(raw + 8, 8), cells = size / HJ_SUMS_CELL + (size % HJ_SUMS_CELL != 0);
  if (hj_get_le(raw + 16, 8) != tag_of(of) || cells != (n - HEAD - TAIL) / 8 || (n - HEAD - TAIL) % 8 != 0)
    return hj_fail(e, HJ_E_STALE, "these are the sums of another content");
  if (hj_sums_new(s, size, of, e))
    return (int)e->code;
  for (size_t i = 0; i < s->n; i++)
    s->cell[i] = hj_get_le(raw + HEAD + 8 * i, 8);
  return HJ_E_OK;
}

/* ---- the files ---- */

static char *path_of(const char *dir, const struct hj_promise *of, struct hj_err *e)
{
  char hex[2 * HJ_DIGEST_MAX + 1];
  hj_text_hex(of->bytes, hj_algo_size(of->algo), hex);
  return hj_layout_join(dir, hex, e);
}

int hj_sums_load(struct hj_sums *s, const char *dir, const struct hj_promise *of, struct hj_err *e)
{
  hj_file f = HJ_FILE_INIT;
  struct hj_stat st;
  uint8_t *text = NULL;
  size_t got = 0;
  char *path = path_of(dir, of, e);
  *s = (struct hj_sums){ 0 };
  if (!path || hj_file_open(&f, path, HJ_OPEN_READ, 0, e) || hj_file_stat(&f, &st, e))
    goto out;
  if (st.kind != HJ_KIND_FILE || st.size > HEAD + TAIL + 8 * (uint64_t)HJ_SUMS_CELLS_MAX) {
    (void)hj_fail(e, HJ_E_STALE, "no sums: %s", path);
    goto out;
  }
  text = hj_mem_new((size_t)st.size, e);
  if (text && !hj_file_read_at(&f, 0, text, (size_t)st.size, &got, e))
    (void)hj_sums_get(s, text, got, of, e);
out:
  hj_file_close(&f);
  hj_mem_free(text);
  hj_mem_free(path);
  return (int)e->code;
}

int hj_sums_save(const struct hj_sums *s, const char *dir, const struct hj_promise *of, struct hj_err *e)
{
  struct hj_buf text;
  char *path = path_of(dir, of, e);
  hj_buf_init(&text, HEAD + TAIL + 8 * (size_t)HJ_SUMS_CELLS_MAX + 1);
  if (path && !hj_sums_put(s, &text, e))
    (void)hj_small_write(path, text.p, text.len, 0666, false, e); /* not synced: sums that a power cut took are made again */
  hj_buf_release(&text);
  hj_mem_free(path);
  return (int)e->code;
}

/* ---- from a journal ---- */

struct gather { struct hj_sums *s; uint8_t *known; };

/* Later records were written later: of two about a cell the last one speaks of what lies there. */
static int see_record(void *user, const struct hj_piece *p, struct hj_err *e)
{
  struct gather *g = user;
  size_t first = (size_t)(p->at / HJ_SUMS_CELL), last = (size_t)((p->at + p->len - 1) / HJ_SUMS_CELL);
  (void)e;
  if (p->at + p->len > g->s->size)
    return HJ_E_OK;
  bool whole = first == last && p->at % HJ_SUMS_CELL == 0 && p->len == hj_sums_len(g->s, first);
  for (size_t i = first; i <= last; i++)
    g->known[i] = whole;
  if (whole)
    g->s->cell[first] = p->sum;
  return HJ_E_OK;
}

int hj_sums_of_journal(struct hj_sums *s, struct hj_journal *j, hj_file *data, struct hj_err *e)
{
  struct gather g = { s, hj_mem_zero(s->n ? s->n : 1, 1, e) };
  uint8_t *piece = NULL;
  if (!g.known || hj_journal_each(j, see_record, &g, e))
    goto out;
  for (size_t i = 0; i < s->n; i++) {
    size_t len = hj_sums_len(s, i), got = 0;
    if (g.known[i])
      continue;
    if ((!piece && !(piece = hj_mem_new(HJ_SUMS_CELL, e))) || hj_file_read_at(data, (uint64_t)i * HJ_SUMS_CELL, piece, len, &got, e))
      goto out;
    if (got != len) {
      (void)hj_fail(e, HJ_E_IO, "a proven file became shorter");
      goto out;
    }
    s->cell[i] = hj_xxh3(piece, len);
  }
out:
  hj_mem_free(piece);
  hj_mem_free(g.known);
  return (int)e->code;
}

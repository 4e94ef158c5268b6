/* tests/fuzz/fuzz_text.c - numbers, hex, printing of foreign text; sets of bytes beside a bitmap. */
#include <errno.h>

#include "fuzz.h"
#include "util/ranges.h"
#include "util/text.h"

static bool library_u64(const char *p, size_t n, uint64_t *out)
{
  char text[24];
  if (n < 1 || n > 20)
    return false;
  for (size_t i = 0; i < n; i++)
    if (p[i] < '0' || p[i] > '9')
      return false;
  memcpy(text, p, n);
  text[n] = 0;
  errno = 0;
  *out = strtoull(text, NULL, 10);
  return errno == 0;
}

static bool is_printable(const char *text)
{
  for (; *text; text++)
    if (*text < ' ' || *text > '~')
      return false;
  return true;
}

FUZZ(text)
{
  struct feed f = { p, n };
  size_t cap = feed_byte(&f), k, m;
  char *text = feed_rest(&f, &k), *out = malloc(cap ? cap : 1), *copy = malloc(k + 1);
  uint64_t a = 1, b = 2;
  if (!out || !copy)
    abort();

  bool took = hj_text_u64(text, k, &a), same = library_u64(text, k, &b);
  MUST(took == same && (!took || a == b) && (took || a == 1));

  uint8_t *bytes = malloc(k / 2 + 1);
  char *hex = malloc(k + 2);
  if (!bytes || !hex)
    abort();
  if (hj_text_unhex(text, k, bytes)) {
    hj_text_hex(bytes, k / 2, hex);
    MUST(strlen(hex) == k && hj_text_same(text, k, hex) && (k == 0 || hj_text_is_lower_hex(hex, k)));
  }
  free(bytes);
  free(hex);

  const char *inner = text;
  m = k;
  hj_text_trim(&inner, &m);
  MUST(m <= k && inner >= text && inner + m <= text + k);
  MUST(!m || (!strchr(" \t\r\n", inner[0]) && !strchr(" \t\r\n", inner[m - 1])) || !inner[0] || !inner[m - 1]);

  hj_text_show(text, k, out, cap);
  MUST(!cap || (strlen(out) < cap && strlen(out) <= k + 3 && is_printable(out)));
  MUST(hj_text_copy(out, cap, text, k) == (k < cap));
  MUST(!cap || out[k < cap ? k : 0] == 0);

  memcpy(copy, text, k);
  copy[k] = 0;
  hj_text_one_line(copy);
  size_t len = strlen(copy);
  for (size_t i = 0; i < len; i++)
    MUST((unsigned char)copy[i] >= ' ' && copy[i] != 0x7f);
  hj_text_end_whole(copy);
  MUST(strlen(copy) <= len && strlen(copy) + 3 >= len);
  free(copy);
  free(out);
  free(text);
}

/* ---- ranges ---- */

#define BITS 192u

/* The set as bits; bit i stands for the byte base + i. */
struct model { bool bit[BITS]; uint64_t base; };

static void compare(const struct hj_ranges *s, const struct model *m, uint64_t from, uint64_t limit)
{
  uint64_t sum = 0, reach = from;
  bool all = true, gap = false;
  struct hj_span got = { 0, 0 }, want = { 0, 0 };
  for (size_t i = 0; i < s->n; i++) {
    MUST(s->p[i].at < s->p[i].end);
    MUST(i == 0 || s->p[i - 1].end < s->p[i].at);              /* sorted, apart, not even touching */
  }
  for (size_t i = 0; i < BITS; i++)
    sum += m->bit[i];
  MUST(hj_ranges_sum(s) == sum);
  for (uint64_t i = from; i < limit; i++)
    all = all && m->bit[i];
  MUST(hj_ranges_has(s, m->base + from, m->base + limit) == all);
  while (reach < BITS && m->bit[reach])
    reach++;
  MUST(hj_ranges_reach(s, m->base + from) == m->base + reach);
  for (uint64_t i = from; i < limit && !gap; i++)
    if (!m->bit[i]) {
      gap = true;
      want = (struct hj_span){ i, i };
      while (want.end < limit && !m->bit[want.end])
        want.end++;
    }
  MUST(hj_ranges_gap(s, m->base + from, m->base + limit, &got) == gap);
  MUST(!gap || (got.at == m->base + want.at && got.end == m->base + want.end));
}

/* Each step is three bytes: what, from, to. The first byte puts the window at zero or at the end of all numbers. */
FUZZ(ranges)
{
  static const uint64_t bases[] = { 0, (uint64_t)1 << 63, UINT64_MAX - BITS };
  struct feed f = { p, n };
  struct model m = { .base = bases[feed_byte(&f) % 3] };
  struct hj_ranges s;
  struct hj_err e = HJ_ERR_INIT;
  hj_ranges_init(&s);
  while (f.n >= 3) {
    uint8_t what = feed_byte(&f);
    uint64_t at = feed_byte(&f) % (BITS + 1), end = feed_byte(&f) % (BITS + 1);
    if (what % 3 == 0) {
      MUST(hj_ranges_add(&s, m.base + at, m.base + end, &e) == HJ_E_OK);
      for (uint64_t i = at; i < end; i++)
        m.bit[i] = true;
    } else if (what % 3 == 1) {
      MUST(hj_ranges_cut(&s, m.base + at, m.base + end, &e) == HJ_E_OK);
      for (uint64_t i = at; i < end; i++)
        m.bit[i] = false;
    }
    compare(&s, &m, at, end < at ? at : end);
  }
  hj_ranges_release(&s);
}

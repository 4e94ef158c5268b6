/* util/text.c - see text.h. */
#include "util/text.h"

#include <string.h>

#include "util/banned.h"

bool hj_text_u64(const char *p, size_t n, uint64_t *out)
{
  uint64_t sum = 0;
  if (n < 1 || n > 20)
    return false;
  for (size_t i = 0; i < n; i++) {
    if (p[i] < '0' || p[i] > '9')
      return false;
    uint64_t digit = (uint64_t)(p[i] - '0');
    if (sum > (UINT64_MAX - digit) / 10)
      return false;
    sum = sum * 10 + digit;
  }
  *out = sum;
  return true;
}

static int nibble(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c = hj_text_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hj_text_unhex(const char *p, size_t n, uint8_t *out)
{
  if (n % 2)
    return false;
  for (size_t i = 0; i < n; i++)  /* all is looked at before anything is written */
    if (nibble(p[i]) < 0)
      return false;
  for (size_t i = 0; i < n / 2; i++)
    out[i] = (uint8_t)((unsigned)nibble(p[2 * i]) << 4 | (unsigned)nibble(p[2 * i + 1]));
  return true;
}

void hj_text_hex(const uint8_t *p, size_t n, char *out)
{
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    *out++ = digits[p[i] >> 4];
    *out++ = digits[p[i] & 15];
  }
  *out = 0;
}

bool hj_text_is_lower_hex(const char *p, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
      return false;
  return n > 0;
}

bool hj_text_is_etag_hex(const char *text)
{
  size_t n = strlen(text);
  return (n == 40 || n == 64) && hj_text_is_lower_hex(text, n);
}

char hj_text_lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool hj_text_same(const char *a, size_t an, const char *b)
{
  if (an != strlen(b))
    return false;
  for (size_t i = 0; i < an; i++)
    if (hj_text_lower(a[i]) != hj_text_lower(b[i]))
      return false;
  return true;
}

bool hj_text_starts(const char *text, const char *prefix)
{
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void hj_text_trim(const char **p, size_t *n)
{
  while (*n && is_blank(**p)) {
    ++*p;
    --*n;
  }
  while (*n && is_blank((*p)[*n - 1]))
    --*n;
}

static char printable(char c)
{
  return c >= ' ' && c <= '~' ? c : '?';
}

void hj_text_show(const char *p, size_t n, char *out, size_t cap)
{
  static const char dots[] = "...";
  const size_t dots_n = sizeof dots - 1;
  if (cap == 0)
    return;
  size_t room = cap - 1, head = n, tail = 0, at = 0;
  if (n > room && room > dots_n) {
    head = (room - dots_n + 1) / 2;
    tail = room - dots_n - head;
  } else if (n > room) {
    head = room;  /* too small even for dots */
  }
  for (size_t i = 0; i < head; i++)
    out[at++] = printable(p[i]);
  if (head < n && room > dots_n) {
    memcpy(out + at, dots, dots_n);
    at += dots_n;
  }
  for (size_t i = n - tail; i < n && tail; i++)
    out[at++] = printable(p[i]);
  out[at] = 0;
}

bool hj_text_copy(char *out, size_t cap, const char *p, size_t n)
{
  bool fits = n < cap;
  if (fits && n)
    memcpy(out, p, n);
  if (cap)
    out[fits ? n : 0] = 0;
  return fits;
}

void hj_text_one_line(char *text)
{
  for (; *text; text++)
    if ((unsigned char)*text < ' ' || *text == 0x7f)
      *text = '?';
}

void hj_text_end_whole(char *text)
{
  size_t n = strlen(text), back = 0;
  while (back < 3 && back < n && ((unsigned char)text[n - 1 - back] & 0xC0) == 0x80)
    back++;
  if (back == n)
    return;
  unsigned char lead = (unsigned char)text[n - 1 - back];
  size_t needs = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  if (needs > back)
    text[n - 1 - back] = 0;
}

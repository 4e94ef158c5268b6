/* transfer/headers.c - see headers.h */
#include "transfer/headers.h"

#include <stdio.h>
#include <string.h>
#include "util/mem.h"
#include "util/text.h"
#include "util/banned.h"

#define DAY_MS (24 * 3600 * (int64_t)1000)

static const char *const kept_names[HJ_KEPT_COUNT] = {
#define HJ_X(name, text) text,
  HJ_KEPT_MAP(HJ_X)
#undef HJ_X
};

const char *hj_kept_name(enum hj_kept k) { return k < HJ_KEPT_COUNT ? kept_names[k] : ""; }

/* Digits at p up to `stop` (or the end); moves p behind them. */
static bool take_number(const char **p, const char *end, uint64_t *out)
{
  const char *from = *p;
  while (*p < end && **p >= '0' && **p <= '9')
    (*p)++;
  return hj_text_u64(from, (size_t)(*p - from), out);
}

bool hj_parse_content_range(const char *p, size_t n, struct hj_content_range *out)
{
  struct hj_content_range r = { 0, 0, HJ_UNKNOWN, true };
  const char *end;
  hj_text_trim(&p, &n);
  end = p + n;
  if (n < 8 || !hj_text_same(p, 5, "bytes") || p[5] != ' ')
    return false;
  p += 6;
  if (*p == '*') {
    r.satisfied = false;
    p++;
  } else if (!take_number(&p, end, &r.first) || p == end || *p++ != '-' || !take_number(&p, end, &r.last) ||
             r.last < r.first) {
    return false;
  }
  if (p == end || *p++ != '/' || p == end)
    return false;
  if (*p == '*' && r.satisfied)
    p++;
  else if (!take_number(&p, end, &r.total) || (r.satisfied && r.last >= r.total))
    return false;
  if (p != end || r.last == HJ_UNKNOWN || (r.total == HJ_UNKNOWN && p[-1] != '*'))
    return false; /* 2^64 - 1 means "not known" to us, and last + 1 would be zero */
  *out = r;
  return true;
}

int hj_format_content_range(char *out, size_t cap, const struct hj_content_range *r)
{
  char total[24] = "*";
  int n;
  if (r->total != HJ_UNKNOWN)
    (void)snprintf(total, sizeof total, "%llu", (unsigned long long)r->total);
  if (r->satisfied)
    n = snprintf(out, cap, "bytes %llu-%llu/%s", (unsigned long long)r->first, (unsigned long long)r->last, total);
  else
    n = snprintf(out, cap, "bytes */%s", total);
  return n < 0 || (size_t)n >= cap ? -1 : n;
}

static int month_of(const char *p)
{
  static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (int m = 0; m < 12; m++)
    if (!memcmp(p, names + 3 * m, 3))
      return m;
  return -1;
}

static bool two_digits(const char *p, int *out)
{
  if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
    return false;
  *out = (p[0] - '0') * 10 + (p[1] - '0');
  return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar (month 0..11). */
static int64_t days_of(int year, int month, int day)
{
  static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
  int64_t y = year - 1;
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  int64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162;
  return days + before[month] + (leap && month > 1) + day - 1;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", the one form that servers may send (RFC 9110 section 5.6.7). */
static bool parse_date(const char *p, size_t n, int64_t *out_s)
{
  int day, month, century, year, hour, minute, second;
  if (n != 29 || p[3] != ',' || p[4] != ' ' || p[7] != ' ' || p[11] != ' ' || p[16] != ' ' || p[19] != ':' ||
      p[22] != ':' || memcmp(p + 25, " GMT", 4) != 0)
    return false;
  month = month_of(p + 8);
  if (month < 0 || !two_digits(p + 5, &day) || !two_digits(p + 12, &century) || !two_digits(p + 14, &year) ||
      !two_digits(p + 17, &hour) || !two_digits(p + 20, &minute) || !two_digits(p + 23, &second))
    return false;
  if (day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60 || century < 19)
    return false;
  *out_s = ((days_of(century * 100 + year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
  return true;
}

int64_t hj_parse_retry_after(const char *p, size_t n, int64_t now_s)
{
  uint64_t seconds;
  int64_t date;
  hj_text_trim(&p, &n);
  if (hj_text_u64(p, n, &seconds))
    return seconds >= (uint64_t)(DAY_MS / 1000) ? DAY_MS : (int64_t)seconds * 1000;
  if (!parse_date(p, n, &date))
    return -1;
  if (date <= now_s)
    return 0;
  return date - now_s >= DAY_MS / 1000 ? DAY_MS : (date - now_s) * 1000;
}

/* The numbers of two one-letter parameters; both must be there. */
static bool two_numbers(const char *p, size_t n, const char letters[2], uint64_t out[2])
{
  const char *end = p + n;
  bool has[2] = { false, false };
  while (p < end) {
    while (p < end && (*p == ';' || *p == ' '))
      p++;
    if (end - p > 2 && (p[0] == letters[0] || p[0] == letters[1]) && p[1] == '=') {
      int which = p[0] == letters[1];
      p += 2;
      if (!take_number(&p, end, &out[which]))
        return false;
      has[which] = true;
    }
    while (p < end && *p != ';')
      p++;
  }
  return has[0] && has[1];
}

bool hj_parse_ratelimit(const char *p, size_t n, uint64_t *left, uint64_t *reset_s)
{
  uint64_t v[2] = { 0, 0 };
  if (!two_numbers(p, n, "rt", v))
    return false;
  *left = v[0];
  *reset_s = v[1];
  return true;
}

bool hj_parse_ratelimit_policy(const char *p, size_t n, uint64_t *most, uint64_t *window_s)
{
  uint64_t v[2] = { 0, 0 };
  if (!two_numbers(p, n, "qw", v))
    return false;
  *most = v[0];
  *window_s = v[1];
  return true;
}

void hj_reply_init(struct hj_reply *r)
{
  memset(r, 0, sizeof *r);
}

void hj_reply_release(struct hj_reply *r)
{
  hj_mem_free(r->location);
  for (int k = 0; k < HJ_KEPT_COUNT; k++)
    hj_mem_free(r->kept[k]);
  memset(r, 0, sizeof *r);
}

static int keep(char **slot, const char *p, size_t n, struct hj_err *e)
{
  char *copy;
  if (n > HJ_HEAD_VALUE_MAX)
    return hj_fail(e, HJ_E_TOOBIG, "a header value of %zu bytes came, at most %u are read", n, HJ_HEAD_VALUE_MAX);
  copy = hj_mem_text_n(p, n, e);
  if (!copy)
    return (int)e->code;
  hj_mem_free(*slot);
  *slot = copy;
  return HJ_E_OK;
}

static int status_line(struct hj_reply *r, const char *line, size_t n, struct hj_err *e)
{
  const char *space = memchr(line, ' ', n);
  size_t bytes = r->bytes;
  uint64_t status;
  if (!space || (size_t)(line + n - space) < 4 || !hj_text_u64(space + 1, 3, &status) || status < 100 || status > 599)
    return hj_fail(e, HJ_E_PROTOCOL, "the answer has no status");
  hj_reply_release(r);
  r->bytes = bytes;
  r->status = (int)status;
  return HJ_E_OK;
}

/* Field by field: between them lies padding, which nobody sets. */
static bool same_range(const struct hj_content_range *a, const struct hj_content_range *b)
{
  return a->first == b->first && a->last == b->last && a->total == b->total && a->satisfied == b->satisfied;
}

static int understand(struct hj_reply *r, enum hj_kept k, const char *p, size_t n, struct hj_err *e)
{
  struct hj_content_range range;
  uint64_t length;
  switch (k) {
  case HJ_KEPT_RANGE:
    if (!hj_parse_content_range(p, n, &range) || (r->has_range && !same_range(&range, &r->range)))
      return hj_fail(e, HJ_E_PROTOCOL, "the answer's Content-Range makes no sense");
    r->range = range;
    r->has_range = true;
    break;
  case HJ_KEPT_LENGTH:
    if (!hj_text_u64(p, n, &length) || (r->has_length && length != r->length))
      return hj_fail(e, HJ_E_PROTOCOL, "the answer's Content-Length makes no sense");
    r->length = length;
    r->has_length = true;
    break;
  case HJ_KEPT_ENCODING:
    r->encoded = n > 0 && !hj_text_same(p, n, "identity");
    break;
  case HJ_KEPT_ACCEPT_RANGES:
    r->ranges_refused = hj_text_same(p, n, "none");
    break;
  default:
    break;
  }
  return HJ_E_OK;
}

int hj_reply_line(struct hj_reply *r, const char *line, size_t n, struct hj_err *e)
{
  const char *colon, *value;
  size_t name_n, value_n;
  if (n > HJ_HEAD_MAX - r->bytes)
    return hj_fail(e, HJ_E_TOOBIG, "the head of the answer is longer than %u bytes", HJ_HEAD_MAX);
  r->bytes += n;
  if (r->ended)
    return HJ_E_OK; /* a trailer: nothing we ask for comes that way, least of all a new status */
  if (n >= 5 && !memcmp(line, "HTTP/", 5))
    return status_line(r, line, n, e);
  if (n <= 2 && (n == 0 || line[0] == '\r' || line[0] == '\n')) {
    r->ended = r->status >= 200;
    return HJ_E_OK;
  }
  colon = memchr(line, ':', n);
  if (!colon)
    return HJ_E_OK; /* no header at all */
  name_n = (size_t)(colon - line);
  value = colon + 1;
  value_n = n - name_n - 1;
  hj_text_trim(&value, &value_n);
  if (hj_text_same(line, name_n, "location"))
    return value_n > HJ_HEAD_MAX / 2 ? hj_fail(e, HJ_E_TOOBIG, "a redirect to an address of %zu bytes", value_n)
                                     : keep(&r->location, value, value_n, e);
  for (int k = 0; k < HJ_KEPT_COUNT; k++) {
    if (!hj_text_same(line, name_n, kept_names[k]))
      continue;
    if (keep(&r->kept[k], value, value_n, e))
      return (int)e->code;
    return understand(r, (enum hj_kept)k, value, value_n, e);
  }
  return HJ_E_OK;
}

int64_t hj_reply_retry_ms(const struct hj_reply *r, int64_t now_s)
{
  const char *limit = r->kept[HJ_KEPT_RATELIMIT], *after = r->kept[HJ_KEPT_RETRY_AFTER];
  uint64_t left, reset_s;
  if (limit && hj_parse_ratelimit(limit, strlen(limit), &left, &reset_s) && left == 0 && r->status == 429)
    return reset_s >= (uint64_t)(DAY_MS / 1000) ? DAY_MS : (int64_t)(reset_s + 1) * 1000;
  return after ? hj_parse_retry_after(after, strlen(after), now_s) : -1;
}

bool hj_etag_bare(const char *value, char *out, size_t cap)
{
  size_t n;
  if (!value)
    return false;
  if (value[0] == 'W' && value[1] == '/')
    value += 2;
  n = strlen(value);
  if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
    value++;
    n -= 2;
  }
  return n > 0 && hj_text_copy(out, cap, value, n);
}

bool hj_etag_is_strong(const char *value)
{
  size_t n = value ? strlen(value) : 0;
  return n > 2 && n < 120 && value[0] == '"' && value[n - 1] == '"';
}

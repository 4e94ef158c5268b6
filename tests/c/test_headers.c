/* tests/c/test_headers.c - the head of an answer: hostile lines, numbers that overflow, and what is accepted can be said again. */
#include <stdio.h>
#include <stdlib.h>

#include "guard.h"
#include "harness.h"
#include "transfer/headers.h"
#include "util/mem.h"

static bool content_range(const char *text, struct hj_content_range *out)
{
  struct guard g = guard_copy(text, strlen(text));
  bool took = hj_parse_content_range(g.p, strlen(text), out);
  guard_end(&g);
  return took;
}

TEST(a_content_range_becomes_three_numbers)
{
  struct { const char *text; uint64_t first, last, total; bool satisfied; } rows[] = {
    { "bytes 0-0/1", 0, 0, 1, true },
    { "bytes 5-9/100", 5, 9, 100, true },
    { " bytes 5-9/100\r\n", 5, 9, 100, true },
    { "Bytes 5-9/100", 5, 9, 100, true },
    { "bytes 5-9/*", 5, 9, HJ_UNKNOWN, true },
    { "bytes */100", 0, 0, 100, false },
    { "bytes */0", 0, 0, 0, false },
    { "bytes 107374182399-107374182399/107374182400", 107374182399u, 107374182399u, 107374182400u, true },
    { "bytes 0-18446744073709551613/18446744073709551614", 0, UINT64_MAX - 2, UINT64_MAX - 1, true },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_content_range r;
    context("\"%s\"", rows[i].text);
    CHECK(content_range(rows[i].text, &r));
    CHECK_EQ(r.satisfied, rows[i].satisfied);
    CHECK_EQ(r.first, rows[i].first);
    CHECK_EQ(r.last, rows[i].last);
    CHECK_EQ(r.total, rows[i].total);
  }
}

TEST(a_content_range_that_is_none_is_refused)
{
  static const char *const rows[] = {
    "", "b", "bytes", "bytes ", "bytes 5", "bytes 5-", "bytes 5-9", "bytes 5-9/", "bytes 9-5/100", "bytes 5-100/100", "bytes 5-9/5",
    "bytes 5-9/0", "bytes */*", "bytes */", "bytes *", "bytes -9/100", "bytes +5-9/100", "bytes 5-+9/100", "bytes 5 -9/100",
    "bytes 5-9/ 100", "bytes 5-9/100 x", "bytes 5-9/100/100", "bytes 5-9-11/100", "bytes=5-9/100", "bytes:5-9/100", "byte 5-9/100",
    "octets 5-9/100", "bytes  5-9/100", "bytes\t5-9/100", "bytes 0x5-9/100", "bytes 5-9/1e3", "bytes 5-9/100,bytes 5-9/100",
    "bytes 18446744073709551616-18446744073709551617/*", "bytes 5-18446744073709551616/*", "bytes 5-9/18446744073709551616",
    "bytes 5-9/184467440737095516150", "bytes */18446744073709551615", "bytes 0-0/18446744073709551615", "bytes 5--9/100", "bytes 5-9/-100",
    "bytes 0-18446744073709551615/*",
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_content_range r = { 1, 2, 3, true };
    context("\"%s\"", rows[i]);
    CHECK(!content_range(rows[i], &r));
    CHECK_EQ(r.first, 1); /* untouched */
    CHECK_EQ(r.total, 3);
  }
}

static void say_again(const char *p, size_t n)
{
  struct hj_content_range r, again;
  char text[96];
  struct guard g = guard_copy(p, n);
  bool took = hj_parse_content_range(g.p, n, &r);
  guard_end(&g);
  if (!took)
    return;
  int len = hj_format_content_range(text, sizeof text, &r);
  CHECK_GT(len, 0);
  context("%s", text);
  CHECK(hj_parse_content_range(text, (size_t)len, &again));
  CHECK_EQ(r.satisfied, again.satisfied);
  CHECK_EQ(r.first, again.first);
  CHECK_EQ(r.last, again.last);
  CHECK_EQ(r.total, again.total);
  context_end();
}

TEST(a_content_range_that_is_accepted_can_be_said_again)
{
  static const char seed[] = "bytes 5-9/100", alphabet[] = "bytes 0123456789-/*+ \t\r";
  uint32_t dice = 1;
  for (int round = 0; round < 15000; round++) { /* every mutation of one to three bytes that dice think of */
    char text[32];
    size_t n = sizeof seed - 1;
    memcpy(text, seed, n);
    for (int k = 0; k <= round % 3; k++) {
      dice = dice * 1664525u + 1013904223u;
      text[(dice >> 8) % n] = alphabet[(dice >> 16) % (sizeof alphabet - 1)];
    }
    say_again(text, n - (dice >> 28) % 4);
  }
}

TEST(a_content_range_that_does_not_fit_is_not_written)
{
  struct hj_content_range r = { 5, 9, 100, true };
  char text[14];
  CHECK_EQ(hj_format_content_range(text, sizeof text, &r), 13);
  CHECK_STR(text, "bytes 5-9/100");
  CHECK_EQ(hj_format_content_range(text, 13, &r), -1);
  CHECK_EQ(hj_format_content_range(text, 0, &r), -1);
}

#define NOW INT64_C(784111777) /* Sun, 06 Nov 1994 08:49:37 GMT */

TEST(retry_after_is_seconds_or_a_date)
{
  struct { const char *text; int64_t ms; } rows[] = {
    { "0", 0 }, { "1", 1000 }, { " 120 ", 120000 }, { "86399", 86399000 }, { "86400", 86400000 }, { "86401", 86400000 },
    { "18446744073709551615", 86400000 }, { "18446744073709551616", -1 }, { "", -1 }, { "-1", -1 }, { "+1", -1 }, { "1.5", -1 }, { "soon", -1 },
    { "1 s", -1 },
    { "Sun, 06 Nov 1994 08:49:37 GMT", 0 }, { "Sun, 06 Nov 1994 08:49:38 GMT", 1000 }, { "Sun, 06 Nov 1994 08:49:36 GMT", 0 },
    { "Sun, 06 Nov 1994 09:49:37 GMT", 3600000 }, { "Fri, 31 Dec 9999 23:59:59 GMT", 86400000 }, { "Mon, 01 Jan 1900 00:00:00 GMT", 0 },
    { "Sunday, 06-Nov-94 08:49:37 GMT", -1 }, { "Sun Nov  6 08:49:37 1994", -1 }, { "Sun, 6 Nov 1994 08:49:37 GMT", -1 },
    { "Sun, 06 Nov 1994 24:49:37 GMT", -1 }, { "Sun, 06 Nov 1994 08:60:37 GMT", -1 }, { "Sun, 00 Nov 1994 08:49:37 GMT", -1 },
    { "Sun, 32 Nov 1994 08:49:37 GMT", -1 }, { "Sun, 06 Nov 0094 08:49:37 GMT", -1 }, { "Sun, 06 Xxx 1994 08:49:37 GMT", -1 },
    { "Sun, 06 Nov 1994 08:49:37 CET", -1 }, { "Sun, 06 Nov 1994 08:49:37 GMTx", -1 }, { "Sun, 06 Nov 1994 08:49:3", -1 },
    { "Sun, +6 Nov 1994 08:49:37 GMT", -1 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("\"%s\"", rows[i].text);
    struct guard g = guard_copy(rows[i].text, strlen(rows[i].text));
    CHECK_EQ(hj_parse_retry_after(g.p, strlen(rows[i].text), NOW), rows[i].ms);
    guard_end(&g);
  }
}

TEST(dates_count_leap_days)
{
  struct { const char *text; int64_t s; } rows[] = {
    { "Thu, 01 Jan 1970 00:00:01 GMT", 1 },
    { "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
    { "Wed, 01 Mar 2000 00:00:00 GMT", 951868800 },
    { "Mon, 01 Mar 2100 00:00:00 GMT", 4107542400 },
    { "Fri, 31 Dec 2027 23:59:60 GMT", 1830297600 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("\"%s\"", rows[i].text);
    CHECK_EQ(hj_parse_retry_after(rows[i].text, 29, rows[i].s - 1), 1000);
    CHECK_EQ(hj_parse_retry_after(rows[i].text, 29, rows[i].s), 0);
  }
}

TEST(ratelimit_says_what_is_left_and_until_when)
{
  struct { const char *text; bool ok; uint64_t left, reset; } rows[] = {
    { "\"api\";r=0;t=55", true, 0, 55 }, { "\"resolvers\";r=2999;t=172", true, 2999, 172 }, { "\"api\"; r=5; t=7", true, 5, 7 },
    { "\"api\";t=7;r=5", true, 5, 7 }, { "r=1;t=2", true, 1, 2 }, { "\"api\";x=9;r=1;t=2", true, 1, 2 },
    { "", false, 0, 0 }, { "\"api\"", false, 0, 0 }, { "\"api\";r=1", false, 0, 0 }, { "\"api\";t=1", false, 0, 0 },
    { "\"api\";r=;t=1", false, 0, 0 }, { "\"api\";r=-1;t=1", false, 0, 0 }, { "\"api\";r=18446744073709551616;t=1", false, 0, 0 },
    { "r=", false, 0, 0 }, { ";;;;", false, 0, 0 }, { "r=1;t=", false, 0, 0 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t left = 77, reset = 78;
    context("\"%s\"", rows[i].text);
    struct guard g = guard_copy(rows[i].text, strlen(rows[i].text));
    CHECK_EQ(hj_parse_ratelimit(g.p, strlen(rows[i].text), &left, &reset), rows[i].ok);
    guard_end(&g);
    CHECK_EQ(left, rows[i].ok ? rows[i].left : 77);
    CHECK_EQ(reset, rows[i].ok ? rows[i].reset : 78);
  }
}

/* Feeds the lines of `head` (ended by \n each), from guarded memory. */
static int feed(struct hj_reply *r, const char *head, struct hj_err *e)
{
  while (*head) {
    const char *end = strchr(head, '\n');
    size_t n = end ? (size_t)(end + 1 - head) : strlen(head);
    struct guard g = guard_copy(head, n);
    int rc = hj_reply_line(r, g.p, n, e);
    guard_end(&g);
    if (rc)
      return rc;
    head += n;
  }
  return HJ_E_OK;
}

TEST(a_head_becomes_numbers_and_kept_values)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_reply r;
  hj_reply_init(&r);
  CHECK_OK(feed(&r, "HTTP/1.1 206 Partial Content\r\nETag: \"abc\"\r\nCONTENT-RANGE: bytes 0-9/20\r\nContent-Length:10\r\n"
                    "X-Repo-Commit:   c0ffee  \r\nSet-Cookie: a=b\r\nLocation: /there?sig=1\r\nContent-Encoding: identity\r\n", &e), e);
  CHECK(!r.ended);
  CHECK_OK(feed(&r, "\r\n", &e), e);
  CHECK(r.ended);
  CHECK_EQ(r.status, 206);
  CHECK(r.has_range && r.has_length && !r.encoded);
  CHECK_EQ(r.range.total, 20);
  CHECK_EQ(r.length, 10);
  CHECK_STR(r.location, "/there?sig=1");
  CHECK_STR(r.kept[HJ_KEPT_ETAG], "\"abc\"");
  CHECK_STR(r.kept[HJ_KEPT_COMMIT], "c0ffee");
  CHECK(r.kept[HJ_KEPT_XET_HASH] == NULL);
  hj_reply_release(&r);
}

TEST(a_new_status_forgets_the_head_before_it)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_reply r;
  hj_reply_init(&r);
  CHECK_OK(feed(&r, "HTTP/1.1 103 Early Hints\r\nETag: \"early\"\r\nLink: <x>\r\n\r\n", &e), e);
  CHECK(!r.ended);
  CHECK_OK(feed(&r, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", &e), e);
  CHECK(r.ended);
  CHECK_EQ(r.status, 200);
  CHECK(r.kept[HJ_KEPT_ETAG] == NULL);
  CHECK(r.kept[HJ_KEPT_LINK] == NULL);
  hj_reply_release(&r);
}

TEST(trailers_change_nothing)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_reply r;
  hj_reply_init(&r);
  CHECK_OK(feed(&r, "HTTP/1.1 200 OK\r\nETag: \"a\"\r\n\r\n", &e), e);
  CHECK_OK(feed(&r, "ETag: \"b\"\r\nContent-Length: 9\r\nHTTP/1.1 404 Gone\r\nHTTP/nonsense\r\nLocation: http://evil/\r\n\r\n", &e), e);
  CHECK(r.ended);
  CHECK_EQ(r.status, 200);
  CHECK_STR(r.kept[HJ_KEPT_ETAG], "\"a\"");
  CHECK(!r.has_length);
  CHECK(r.location == NULL);
  hj_reply_release(&r);
}

TEST(headers_given_twice_must_agree)
{
  struct { const char *head; enum hj_code code; } rows[] = {
    { "HTTP/1.1 206 x\r\nContent-Range: bytes 0-9/20\r\nContent-Range: bytes 0-9/20\r\n\r\n", HJ_E_OK },
    { "HTTP/1.1 206 x\r\nContent-Range: bytes 0-9/20\r\nContent-Range: bytes 0-9/21\r\n\r\n", HJ_E_PROTOCOL },
    { "HTTP/1.1 206 x\r\nContent-Range: bytes 0-9/20\r\nContent-Range: bytes */20\r\n\r\n", HJ_E_PROTOCOL },
    { "HTTP/1.1 200 x\r\nContent-Length: 9\r\nContent-Length: 9\r\n\r\n", HJ_E_OK },
    { "HTTP/1.1 200 x\r\nContent-Length: 9\r\nContent-Length: 10\r\n\r\n", HJ_E_PROTOCOL },
    { "HTTP/1.1 200 x\r\nContent-Length: 9, 9\r\n\r\n", HJ_E_PROTOCOL },
    { "HTTP/1.1 200 x\r\nContent-Length: -9\r\n\r\n", HJ_E_PROTOCOL },
    { "HTTP/1.1 200 x\r\nContent-Length: 18446744073709551616\r\n\r\n", HJ_E_PROTOCOL },
    { "HTTP/1.1 206 x\r\nContent-Range: 0-9/20\r\n\r\n", HJ_E_PROTOCOL },
    { "HTTP/1.1\r\n\r\n", HJ_E_PROTOCOL }, { "HTTP/1.1 \r\n\r\n", HJ_E_PROTOCOL }, { "HTTP/1.1 20\r\n", HJ_E_PROTOCOL },
    { "HTTP/1.1 -20 x\r\n", HJ_E_PROTOCOL }, { "HTTP/1.1 600 x\r\n", HJ_E_PROTOCOL }, { "HTTP/1.1 099 x\r\n", HJ_E_PROTOCOL },
    { "HTTP/2 200\r\n\r\n", HJ_E_OK }, { "HTTP/", HJ_E_PROTOCOL }, { "HTTP/ 20", HJ_E_PROTOCOL },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    for (int again = 0; again < 40; again++) { /* what lay on the stack must not matter */
      struct hj_err e = HJ_ERR_INIT;
      struct hj_reply r;
      volatile char dirt[512];
      for (size_t k = 0; k < sizeof dirt; k++)
        dirt[k] = (char)(again * 37 + (int)k);
      context("row %zu: %s", i, rows[i].head);
      hj_reply_init(&r);
      CHECK_CODE(feed(&r, rows[i].head, &e), rows[i].code, e);
      hj_reply_release(&r);
    }
  }
}

TEST(a_head_without_end_is_cut_off)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_reply r;
  char line[1000];
  int rc = 0, n = 0;
  memset(line, 'x', sizeof line);
  memcpy(line, "X-Pad: ", 7);
  line[998] = '\r';
  line[999] = '\n';
  hj_reply_init(&r);
  CHECK_OK(hj_reply_line(&r, "HTTP/1.1 200 OK\r\n", 17, &e), e);
  while (!(rc = hj_reply_line(&r, line, sizeof line, &e)) && n < 1000) {
    if (n++ % 7 == 0) /* nor do interim answers set the count back */
      CHECK_OK(hj_reply_line(&r, "HTTP/1.1 100 Continue\r\n", 23, &e), e);
  }
  CHECK_EQ(rc, HJ_E_TOOBIG);
  CHECK_EQ(e.code, HJ_E_TOOBIG);
  CHECK_LE(n, HJ_HEAD_MAX / 1000);
  hj_reply_release(&r);
}

TEST(a_kept_value_has_a_maximum)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_reply r;
  char line[HJ_HEAD_VALUE_MAX + 64];
  hj_reply_init(&r);
  memset(line, 'x', sizeof line);
  memcpy(line, "ETag: ", 6);
  CHECK_OK(hj_reply_line(&r, "HTTP/1.1 200 OK\r\n", 17, &e), e);
  CHECK_OK(hj_reply_line(&r, line, 6 + HJ_HEAD_VALUE_MAX, &e), e);
  CHECK_CODE(hj_reply_line(&r, line, 7 + HJ_HEAD_VALUE_MAX, &e), HJ_E_TOOBIG, e);
  hj_reply_release(&r);
}

TEST(lines_that_are_no_headers_cost_nothing)
{
  static const char *const rows[] = { ":", ": x", "no colon", " folded: x", "ETag : \"x\"", "\x00\x01\x02:\xff", "ETag", "E", "\r", "\t:" };
  struct hj_err e = HJ_ERR_INIT;
  struct hj_reply r;
  hj_reply_init(&r);
  CHECK_OK(hj_reply_line(&r, "HTTP/1.1 200 OK\r\n", 17, &e), e);
  for (size_t i = 0; i + 2 < sizeof rows / sizeof rows[0]; i++) {
    struct guard g = guard_copy(rows[i], strlen(rows[i]));
    CHECK_OK(hj_reply_line(&r, g.p, strlen(rows[i]), &e), e);
    guard_end(&g);
  }
  for (int k = 0; k < HJ_KEPT_COUNT; k++)
    CHECK(r.kept[k] == NULL);
  hj_reply_release(&r);
}

TEST(what_the_server_wants_us_to_wait)
{
  struct { const char *head; int64_t ms; } rows[] = {
    { "HTTP/1.1 429 x\r\n\r\n", -1 },
    { "HTTP/1.1 429 x\r\nRetry-After: 3\r\n\r\n", 3000 },
    { "HTTP/1.1 429 x\r\nRateLimit: \"api\";r=0;t=55\r\n\r\n", 56000 },
    { "HTTP/1.1 429 x\r\nRateLimit: \"api\";r=0;t=55\r\nRetry-After: 3\r\n\r\n", 56000 },
    { "HTTP/1.1 429 x\r\nRateLimit: \"api\";r=7;t=55\r\nRetry-After: 3\r\n\r\n", 3000 },
    { "HTTP/1.1 503 x\r\nRateLimit: \"api\";r=0;t=55\r\nRetry-After: 3\r\n\r\n", 3000 },
    { "HTTP/1.1 429 x\r\nRateLimit: \"api\";r=0;t=18446744073709551615\r\n\r\n", 86400000 },
    { "HTTP/1.1 429 x\r\nRetry-After: never\r\n\r\n", -1 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_reply r;
    context("%s", rows[i].head);
    hj_reply_init(&r);
    CHECK_OK(feed(&r, rows[i].head, &e), e);
    CHECK_EQ(hj_reply_retry_ms(&r, NOW), rows[i].ms);
    hj_reply_release(&r);
  }
}

TEST(an_etag_is_taken_out_of_its_quotes)
{
  struct { const char *value, *bare; bool strong; } rows[] = {
    { "\"abc\"", "abc", true }, { "W/\"abc\"", "abc", false }, { "abc", "abc", false }, { "\"", "\"", false }, { "\"\"", NULL, false },
    { "W/\"\"", NULL, false }, { "", NULL, false }, { "W/", NULL, false }, { "\"abc", "\"abc", false }, { "w/\"abc\"", "w/\"abc\"", false },
    { "\"0123456789012345678901234567890123456789\"", NULL, true },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char bare[32] = "";
    context("%s", rows[i].value);
    CHECK_EQ(hj_etag_bare(rows[i].value, bare, sizeof bare), rows[i].bare != NULL);
    if (rows[i].bare)
      CHECK_STR(bare, rows[i].bare);
    CHECK_EQ(hj_etag_is_strong(rows[i].value), rows[i].strong);
  }
  char bare[8];
  CHECK(!hj_etag_bare(NULL, bare, sizeof bare));
  CHECK(!hj_etag_is_strong(NULL));
}

TEST(names_of_kept_headers_are_lower_case_and_in_order)
{
  CHECK_STR(hj_kept_name(HJ_KEPT_ETAG), "etag");
  CHECK_STR(hj_kept_name(HJ_KEPT_DATE), "date");
  CHECK_STR(hj_kept_name(HJ_KEPT_COUNT), "");
}

TEST(a_head_that_finds_no_memory_says_so)
{
  for (int n = 1; n < 10; n++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_reply r;
    hj_reply_init(&r);
    hj_mem_fail_at(n);
    int rc = feed(&r, "HTTP/1.1 200 x\r\nETag: \"a\"\r\nLocation: /x\r\nETag: \"b\"\r\nDate: x\r\n\r\n", &e);
    int fired = hj_mem_fired();
    hj_mem_fail_at(0);
    CHECK_EQ(rc, fired ? HJ_E_NOMEM : HJ_E_OK);
    hj_reply_release(&r);
    if (!fired) {
      CHECK_EQ(n, 5);
      return;
    }
  }
  CHECK(!"more requests than headers");
}

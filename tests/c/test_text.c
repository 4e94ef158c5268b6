/* tests/c/test_text.c - text from strangers becomes numbers, once. */
#include "guard.h"
#include "harness.h"
#include "util/text.h"

TEST(numbers_are_digits_that_fit)
{
  static const struct { const char *text; bool ok; uint64_t value; } rows[] = {
    { "0", true, 0 }, { "7", true, 7 }, { "007", true, 7 }, { "1234567890", true, 1234567890 },
    { "18446744073709551615", true, UINT64_MAX }, { "18446744073709551616", false, 0 },
    { "99999999999999999999", false, 0 }, { "00000000000000000001", true, 1 }, { "000000000000000000001", false, 0 },
    { "", false, 0 }, { "-1", false, 0 }, { "+1", false, 0 }, { " 1", false, 0 }, { "1 ", false, 0 }, { "0x10", false, 0 },
    { "1e3", false, 0 }, { "1,000", false, 0 }, { "\xd9\xa1", false, 0 }, { "/", false, 0 }, { ":", false, 0 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint64_t got = 4711;
    struct guard g = guard_copy(rows[i].text, strlen(rows[i].text));
    context("\"%s\"", rows[i].text);
    CHECK_EQ(hj_text_u64(g.p, strlen(rows[i].text), &got), rows[i].ok);
    CHECK_EQ(got, rows[i].ok ? rows[i].value : 4711);
    guard_end(&g);
  }
  uint64_t got = 0;
  CHECK(hj_text_u64("12345", 3, &got));
  CHECK_EQ(got, 123);
}

TEST(hex_goes_both_ways)
{
  uint8_t bytes[256], again[256];
  char text[513];
  for (int i = 0; i < 256; i++)
    bytes[i] = (uint8_t)i;
  hj_text_hex(bytes, 256, text);
  CHECK_EQ(strlen(text), 512);
  CHECK(hj_text_is_lower_hex(text, 512));
  CHECK(hj_text_unhex(text, 512, again));
  CHECK_MEM(bytes, again, 256);
  CHECK(hj_text_unhex("DEADbeef", 8, again));
  CHECK_MEM(again, "\xde\xad\xbe\xef", 4);
  hj_text_hex(bytes, 0, text);
  CHECK_STR(text, "");
}

TEST(bad_hex_leaves_the_output_alone)
{
  static const char *const rows[] = { "0", "000", "0g", "g0", "0 ", "00:", "@0", "`0", "0G", "00000\xff" };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint8_t out[8] = "ABCDEFG";
    struct guard g = guard_copy(rows[i], strlen(rows[i]));
    context("\"%s\"", rows[i]);
    CHECK(!hj_text_unhex(g.p, strlen(rows[i]), out));
    CHECK_MEM(out, "ABCDEFG", 8);
    guard_end(&g);
  }
  CHECK(!hj_text_is_lower_hex("", 0));
  CHECK(!hj_text_is_lower_hex("aF", 2));
  CHECK(!hj_text_is_lower_hex("a/", 2));
  CHECK(hj_text_is_lower_hex("af09", 4));
}

TEST(a_hub_etag_is_40_or_64_lower_hex_digits)
{
  char text[70];
  for (size_t n = 0; n < 70; n++) {
    memset(text, 'a', n);
    text[n] = 0;
    context("%zu digits", n);
    CHECK_EQ(hj_text_is_etag_hex(text), n == 40 || n == 64);
  }
  memset(text, 'a', 64);
  text[64] = 0;
  for (size_t at = 0; at < 64; at++) {
    text[at] = 'A';
    CHECK(!hj_text_is_etag_hex(text));
    text[at] = 'a';
  }
}

TEST(case_is_folded_for_ascii_only)
{
  CHECK(hj_text_same("Content-RANGE", 13, "content-range"));
  CHECK(!hj_text_same("content-rang", 12, "content-range"));
  CHECK(!hj_text_same("content-range:", 14, "content-range"));
  CHECK(hj_text_same("", 0, ""));
  CHECK(!hj_text_same("\xc3\x84", 2, "\xc3\xa4"));   /* Ä, ä */
  CHECK(!hj_text_same("@", 1, "`"));
  CHECK(!hj_text_same("[", 1, "{"));
  CHECK_EQ(hj_text_lower('Z'), 'z');
  CHECK_EQ(hj_text_lower('\xC4'), '\xC4');
  CHECK(hj_text_starts("sha256:ab", "sha256:"));
  CHECK(hj_text_starts("x", ""));
  CHECK(!hj_text_starts("sha", "sha256:"));
  CHECK(!hj_text_starts("SHA256:", "sha256:"));
}

TEST(blanks_at_both_ends_go)
{
  static const struct { const char *in, *out; } rows[] = {
    { "  a b \r\n", "a b" }, { "", "" }, { " \t\r\n", "" }, { "a", "a" }, { "\ta", "a" }, { "a\n", "a" },
    { "\v a", "\v a" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *p = rows[i].in;
    size_t n = strlen(p);
    hj_text_trim(&p, &n);
    CHECK_EQ(n, strlen(rows[i].out));
    CHECK_MEM(p, rows[i].out, n);
  }
}

TEST(foreign_text_is_shown_printable_and_cut_in_the_middle)
{
  static const struct { const char *in; size_t cap; const char *out; } rows[] = {
    { "short", 20, "short" }, { "short", 6, "short" }, { "a\nb\x1b\x7f\xff", 20, "a?b???" },
    { "0123456789", 10, "012...789" }, { "0123456789", 8, "01...89" }, { "0123456789", 6, "0...9" },
    { "0123456789", 5, "0..." }, { "0123456789", 4, "012" }, { "0123456789", 2, "0" }, { "0123456789", 1, "" }, { "", 5, "" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char out[32];
    memset(out, 'Z', sizeof out);
    struct guard g = guard_copy(rows[i].in, strlen(rows[i].in));
    context("row %zu", i);
    hj_text_show(g.p, strlen(rows[i].in), out, rows[i].cap);
    CHECK_STR(out, rows[i].out);
    CHECK_EQ(out[rows[i].cap], 'Z');
    guard_end(&g);
  }
  char none = 'Z';
  hj_text_show("abc", 3, &none, 0);
  CHECK_EQ(none, 'Z');
}

TEST(a_copy_fits_or_is_empty)
{
  char out[4];
  CHECK(hj_text_copy(out, sizeof out, "abc", 3));
  CHECK_STR(out, "abc");
  CHECK(!hj_text_copy(out, sizeof out, "abcd", 4));
  CHECK_STR(out, "");
  CHECK(hj_text_copy(out, sizeof out, NULL, 0));
  CHECK(!hj_text_copy(out, 0, "", 0));
}

TEST(a_character_cut_at_the_end_goes_away)
{
  static const struct { const char *in, *out; } rows[] = {
    { "a", "a" }, { "", "" }, { "a\xc3\xa4", "a\xc3\xa4" }, { "a\xc3", "a" }, { "a\xe4\xb8\xad", "a\xe4\xb8\xad" },
    { "a\xe4\xb8", "a" }, { "a\xe4", "a" }, { "a\xf0\x9f\x98\x80", "a\xf0\x9f\x98\x80" }, { "a\xf0\x9f\x98", "a" },
    { "\x80\x80\x80", "\x80\x80\x80" }, { "a\x80\x80\x80\x80", "a\x80\x80\x80\x80" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[16];
    context("row %zu", i);
    memcpy(text, rows[i].in, strlen(rows[i].in) + 1);
    hj_text_end_whole(text);
    CHECK_STR(text, rows[i].out);
  }
}

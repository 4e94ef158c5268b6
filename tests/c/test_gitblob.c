/* tests/c/test_gitblob.c - git's name of a file. */
#include "digest/algo.h"
#include "harness.h"
#include "util/text.h"

TEST(a_file_has_the_name_that_git_gives_it)
{
  /* From `git hash-object --stdin` (2.39). */
  static const struct { const char *text; size_t n; const char *name; } rows[] = {
    { "", 0, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391" },
    { "abc", 3, "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f" },
    { "test content\n", 13, "d670460b4b4aece5915caf5c68d12f560a9fe3e4" },
    { "hello world\n", 12, "3b18e512dba79e4c8300dd08aeb37f8e728b8dad" },
    { "a\0b", 3, "20b5be91886d0b6f26dc98a225c0dac05fe2c86e" },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    uint8_t out[HJ_DIGEST_MAX];
    char text[41];
    context("row %zu", i);
    CHECK_OK(hj_digest_bytes(HJ_GIT_SHA1, rows[i].text, rows[i].n, out, &e), e);
    hj_text_hex(out, 20, text);
    CHECK_STR(text, rows[i].name);
  }
}

TEST(a_size_of_six_digits_is_written_out)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_digest *d;
  uint8_t out[HJ_DIGEST_MAX];
  char text[41];
  CHECK_OK(hj_digest_open(&d, HJ_GIT_SHA1, 100000, &e), e);
  for (int i = 0; i < 100000; i++)
    CHECK_OK(hj_digest_feed(d, "a", 1, &e), e);
  CHECK_OK(hj_digest_seal(d, out, &e), e);
  hj_digest_close(d);
  hj_text_hex(out, 20, text);
  CHECK_STR(text, "94bc76618de566c4e568aaf031cce7cef592d868");
}

TEST(the_stated_size_must_be_the_real_one)
{
  static const struct { uint64_t stated; size_t fed; bool ok; } rows[] = {
    { 3, 3, true }, { 0, 0, true }, { 3, 2, false }, { 3, 4, false }, { 3, 0, false }, { 0, 1, false }, { UINT64_MAX, 3, false },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_digest *d;
    uint8_t out[HJ_DIGEST_MAX];
    context("row %zu", i);
    CHECK_OK(hj_digest_open(&d, HJ_GIT_SHA1, rows[i].stated, &e), e);
    CHECK_OK(hj_digest_feed(d, "abcdef", rows[i].fed, &e), e);
    CHECK_CODE(hj_digest_seal(d, out, &e), rows[i].ok ? HJ_E_OK : HJ_E_SIZE, e);
    hj_digest_close(d);
  }
}

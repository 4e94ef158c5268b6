/* tests/c/test_layout.c - hostile names never become paths; good ones become the hub's. */
#include "harness.h"
#include "store/layout.h"
#include "sweep.h"
#include "util/mem.h"

#include <stdlib.h>

#define SHA1 "0123456789abcdef0123456789abcdef01234567"
#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char *repeat(const char *text, size_t times)
{
  size_t n = strlen(text);
  char *out = malloc(n * times + 1);
  CHECK(out);
  for (size_t i = 0; i < times; i++)
    memcpy(out + n * i, text, n);
  out[n * times] = 0;
  return out;
}

TEST(hostile_file_names_are_refused)
{
  static const char *const names[] = {
    "", ".", "..", "/", "//", "/etc/passwd", "../x", "a/../b", "a/..", "a/.", "./a", "a//b", "a/", "/a", "a/b/../../../c",
    "..\\x", "a\\b", "\\\\server\\share\\x", "//server/share/x", "c:", "C:/Windows/x", "c:x", "a/d:/x", "Z:", "a:b",
    ".git", ".git/config", ".GIT/hooks/x", "a/.Git/b", "a/.git",
    "a\nb", "a\rb", "a\tb", "a\x1b[31mb", "\x7f", "a\x01", "a/\x02/b", "a\xc2\x9b[31m", "a\xc2\x80", "a\xc2\x9f",
  };
  struct hj_err e = HJ_ERR_INIT;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    context("row %zu", i);
    CHECK_CODE(hj_layout_check_path(names[i], &e), HJ_E_NAME, e);
    CHECK(!hj_layout_pointer("/r", SHA1, names[i], &e));
    CHECK_EQ(e.code, HJ_E_NAME);
    hj_err_clear(&e);
    CHECK(!hj_layout_link_target(names[i], SHA1, &e));
    CHECK_EQ(e.code, HJ_E_NAME);
    hj_err_clear(&e);
  }
}

TEST(good_file_names_are_accepted)
{
  static const char *const names[] = {
    "a", "config.json", ".gitattributes", "git", ".gi", ".gitx/y", "x.git/y", ".hubjet/record", ".cache/x", "...", "..a", "a..", "a..b", "-", "~", "a b/c d", " lead", "trail ", "a/.b/..c",
    "\xe6\xa8\xa1\xe5\x9e\x8b/\xc3\xa9t\xc3\xa9.safetensors", "\xf0\x9f\xa4\x97.bin", "ab:c", "1:x", "con", "nul.txt", "%2e%2e",
    "\xc2\xa0nbsp", "a'b\"c", "$HOME", "*?<>|",
  };
  struct hj_err e = HJ_ERR_INIT;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    context("%s", names[i]);
    CHECK_OK(hj_layout_check_path(names[i], &e), e);
  }
}

TEST(file_names_have_limits)
{
  static const struct { const char *text; size_t times; const char *end; bool ok; } rows[] = {
    { "x", 255, "", true }, { "x", 256, "", false }, { "a/", 63, "b", true }, { "a/", 64, "b", false },
    { "d/", 10000, "f", false }, { "../", 10000, "f", false }, { "x", 5000, "", false }, { "/", 100000, "", false },
  };
  struct hj_err e = HJ_ERR_INIT;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("row %zu", i);
    char *most = repeat(rows[i].text, rows[i].times);
    char *name = malloc(strlen(most) + strlen(rows[i].end) + 1);
    CHECK(name);
    memcpy(name, most, strlen(most));
    memcpy(name + strlen(most), rows[i].end, strlen(rows[i].end) + 1);
    CHECK_CODE(hj_layout_check_path(name, &e), rows[i].ok ? HJ_E_OK : HJ_E_NAME, e);
    free(most);
    free(name);
  }
  /* each part short enough, the whole too long */
  char *part = repeat("p", 200), *with = malloc(202), *whole;
  CHECK(with);
  memcpy(with, part, 200);
  memcpy(with + 200, "/", 2);
  whole = repeat(with, 16);
  whole[strlen(whole) - 1] = 0;
  CHECK_CODE(hj_layout_check_path(whole, &e), HJ_E_NAME, e);
  whole[3072] = 0;
  CHECK_OK(hj_layout_check_path(whole, &e), e);
  free(part);
  free(with);
  free(whole);
}

TEST(etags_commits_and_keys_are_exact)
{
  static const struct { const char *text; bool etag, commit, key; } rows[] = {
    { SHA1, true, true, true }, { SHA256, true, false, true }, { "", false, false, false },
    { "0123456789ABCDEF0123456789abcdef01234567", false, false, false },
    { "0123456789abcdef0123456789abcdef0123456", false, false, true },
    { "0123456789abcdef0123456789abcdef012345678", false, false, true },
    { "\"0123456789abcdef0123456789abcdef01234567\"", false, false, false },
    { "../../../../../../../../../../etc/passwd", false, false, false }, { "W/abc", false, false, false },
    { "0123456789abcdef0123456789abcdef0123456/", false, false, false }, { "url-1234", false, false, true },
    { ".", false, false, false }, { "..", false, false, false }, { "a.b", false, false, false }, { "a b", false, false, false },
    { "0123456789abcdef0123456789abcdef0123456\n", false, false, false }, { "main", false, false, true },
    { SHA256 SHA256, false, false, true }, { SHA256 SHA256 "0", false, false, false },
  };
  struct hj_err e = HJ_ERR_INIT;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("row %zu: %s", i, rows[i].text);
    CHECK_CODE(hj_layout_check_etag(rows[i].text, &e), rows[i].etag ? HJ_E_OK : HJ_E_NAME, e);
    CHECK_CODE(hj_layout_check_commit(rows[i].text, &e), rows[i].commit ? HJ_E_OK : HJ_E_NAME, e);
    CHECK_CODE(hj_layout_check_key(rows[i].text, &e), rows[i].key ? HJ_E_OK : HJ_E_NAME, e);
  }
}

static void check_made(char *made, const char *want, struct hj_err *e)
{
  CHECK_EQ(e->code, HJ_E_OK);
  CHECK_STR(made, want);
  hj_mem_free(made);
}

TEST(names_become_the_hubs_own_paths)
{
  struct hj_err e = HJ_ERR_INIT;
  check_made(hj_layout_blob("/c/models--o--n", SHA1, &e), "/c/models--o--n/blobs/" SHA1, &e);
  check_made(hj_layout_pointer("/c/m", SHA1, "unet/a b.bin", &e), "/c/m/snapshots/" SHA1 "/unet/a b.bin", &e);
  check_made(hj_layout_link_target("f", SHA1, &e), "../../blobs/" SHA1, &e);
  check_made(hj_layout_link_target("a/b/f", SHA256, &e), "../../../../blobs/" SHA256, &e);
  check_made(hj_layout_side("/c/m", &e), "/c/m/.hubjet", &e);
  check_made(hj_layout_lock("/c/models--o--n", SHA1, &e), "/c/.locks/models--o--n/" SHA1 ".lock", &e);
  check_made(hj_layout_lock("/c/models--o--n//", SHA1, &e), "/c/.locks/models--o--n/" SHA1 ".lock", &e);
  check_made(hj_layout_lock("/m", SHA1, &e), "/.locks/m/" SHA1 ".lock", &e);
  check_made(hj_layout_join("/c", "x", &e), "/c/x", &e);
  CHECK(!hj_layout_lock("m", SHA1, &e));
  CHECK_EQ(e.code, HJ_E_BADARG);
  hj_err_clear(&e);
  CHECK(!hj_layout_blob("/c", "../x", &e));
  CHECK_EQ(e.code, HJ_E_NAME);
}

TEST(the_deepest_path_has_a_link_target)
{
  struct hj_err e = HJ_ERR_INIT;
  char *deep = repeat("a/", 64);
  deep[127] = 0;
  char *target = hj_layout_link_target(deep, SHA256, &e);
  CHECK_EQ(e.code, HJ_E_OK);
  CHECK_EQ(strlen(target), 65 * 3 + 6 + 64);
  hj_mem_free(target);
  free(deep);
}

static int make_all_names(void *user, struct hj_err *e)
{
  (void)user;
  char *made[6] = { 0 };
  size_t n = 0;
  if ((made[n++] = hj_layout_blob("/c/m", SHA1, e)) && (made[n++] = hj_layout_pointer("/c/m", SHA1, "a/b", e)) &&
      (made[n++] = hj_layout_link_target("a/b", SHA1, e)) && (made[n++] = hj_layout_side("/c/m", e)))
    made[n++] = hj_layout_lock("/c/m", SHA1, e);
  while (n)
    hj_mem_free(made[--n]);
  return (int)e->code;
}

TEST(layout_survives_every_failing_allocation)
{
  sweep_memory("layout", make_all_names, NULL);
}

/* tests/c/test_want.c - what a caller may ask for. */
#include <stdio.h>

#include "engine/want.h"
#include "harness.h"
#include "store/blob.h"
#include "util/mem.h"

static char *text(const char *t)
{
  struct hj_err e = HJ_ERR_INIT;
  char *p = hj_mem_text(t, &e);
  CHECK(p != NULL || t == NULL);
  return p;
}

static struct hj_want whole(void)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_want w;
  hj_want_init(&w);
  w.url = text("https://hub.example/x");
  w.dest = HJ_DEST_STORE;
  w.repo_dir = text("/cache/models--a--b");
  w.link_path = text("a/b.bin");
  w.commit = text("0123456789012345678901234567890123456789");
  w.auth = text("Bearer hf_x");
  w.auth_origin = text("https://hub.example");
  w.headers = hj_mem_zero(2, sizeof *w.headers, &e);
  CHECK(w.headers != NULL);
  w.headers[0] = text("X-One: 1");
  w.headers[1] = text("X-Two: 2");
  w.headers_n = 2;
  w.held = hj_mem_zero(1, sizeof *w.held, &e);
  CHECK(w.held != NULL);
  w.held[0] = text("abc");
  w.held_n = 1;
  return w;
}

static void swap(char **field, const char *value)
{
  hj_mem_free(*field);
  *field = text(value);
}

TEST(a_want_is_checked_field_by_field)
{
  struct { size_t field; const char *value, *says; enum hj_code code; } rows[] = {
#define ROW(f, v, s, c) { offsetof(struct hj_want, f), v, s, c }
    ROW(url, NULL, "url", HJ_E_BADARG),
    ROW(auth_origin, NULL, "auth_origin", HJ_E_BADARG),
    ROW(auth, "Bearer x\r\nHost: evil", "auth", HJ_E_BADARG),
    ROW(auth, "Bearer x\x7f", "auth", HJ_E_BADARG),
    ROW(repo_dir, "cache/models", "repo_dir", HJ_E_BADARG),
    ROW(repo_dir, "", "repo_dir", HJ_E_BADARG),
    ROW(link_path, "../x", "", HJ_E_NAME),
    ROW(link_path, "/x", "", HJ_E_NAME),
    ROW(link_path, "a/../../x", "", HJ_E_NAME),
    ROW(commit, "main", "", HJ_E_NAME),
    ROW(key, "../../x", "", HJ_E_NAME),
    ROW(auth, NULL, NULL, HJ_E_OK),
    ROW(link_path, NULL, NULL, HJ_E_OK),
    ROW(commit, NULL, NULL, HJ_E_OK),
#undef ROW
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_want w = whole();
    context("row %zu", i);
    CHECK_OK(hj_want_check(&w, &e), e);
    swap((char **)(void *)((char *)&w + rows[i].field), rows[i].value);
    int rc = hj_want_check(&w, &e);
    if (rc && rows[i].says[0])
      CHECK_HAS(e.msg, rows[i].says);
    CHECK_CODE(rc, rows[i].code, e);
    hj_want_release(&w);
  }
}

TEST(a_header_is_one_line)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_want w = whole();
  swap(&w.headers[1], "X-Two: 2\nHost: evil");
  (void)hj_want_check(&w, &e);
  CHECK_EQ(e.code, HJ_E_BADARG);
  CHECK_HAS(e.msg, "headers[1]");
  hj_want_release(&w);
}

TEST(a_mirror_is_an_address_of_the_web)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_want w = whole();
  w.mirrors = hj_mem_zero(2, sizeof *w.mirrors, &e);
  CHECK(w.mirrors != NULL);
  w.mirrors[0] = text("https://mirror.example/x");
  w.mirrors[1] = text("file:///etc/passwd");
  w.mirrors_n = 2;
  CHECK_EQ(hj_want_check(&w, &e), HJ_E_BADARG);
  CHECK_HAS(e.msg, "mirrors[1]");
  hj_err_clear(&e);
  swap(&w.mirrors[1], "http://other.example:8080/x");
  CHECK_OK(hj_want_check(&w, &e), e);
  hj_want_release(&w);
  CHECK(w.mirrors == NULL && w.mirrors_n == 0);
}

TEST(a_want_for_a_path_needs_absolute_places)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_want w = whole();
  w.dest = HJ_DEST_PATH;
  swap(&w.path, "/x");
  CHECK_CODE(hj_want_check(&w, &e), HJ_E_BADARG, e);
  swap(&w.side_dir, "side");
  CHECK_CODE(hj_want_check(&w, &e), HJ_E_BADARG, e);
  swap(&w.side_dir, "/side");
  CHECK_OK(hj_want_check(&w, &e), e);
  swap(&w.path, "x");
  CHECK_CODE(hj_want_check(&w, &e), HJ_E_BADARG, e);
  hj_want_release(&w);
}

TEST(a_place_that_is_missing_is_an_error_not_a_crash)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_want w = whole();
  w.dest = HJ_DEST_NONE;
  CHECK_CODE(hj_want_check(&w, &e), HJ_E_BADARG, e);
  w.dest = HJ_DEST_STORE;
  swap(&w.repo_dir, NULL);
  CHECK_CODE(hj_want_check(&w, &e), HJ_E_BADARG, e);
  w.dest = HJ_DEST_PATH;
  CHECK_CODE(hj_want_check(&w, &e), HJ_E_BADARG, e);
  hj_want_release(&w);
}

TEST(a_released_want_is_an_empty_one)
{
  struct hj_want w = whole(), empty;
  hj_want_release(&w);
  hj_want_init(&empty);
  CHECK(w.url == NULL && w.headers == NULL && w.held_n == 0);
  CHECK_EQ(w.size, HJ_SIZE_UNKNOWN);
  hj_want_release(&w);
}

TEST(limits_are_checked_and_brought_into_order)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_limits l;
  hj_limits_init(&l);
  CHECK_OK(hj_limits_check(&l, &e), e);
#define BAD(field, value)                                 \
  do {                                                    \
    struct hj_limits bad = l;                             \
    bad.field = value;                                    \
    CHECK_CODE(hj_limits_check(&bad, &e), HJ_E_BADARG, e); \
  } while (0)
  BAD(connections, 0);
  BAD(connections, 257);
  BAD(memory, ((uint64_t)4 << 20) - 1);
  BAD(tries, 0);
  BAD(stall_ms, 0);
  BAD(connect_ms, 0);
  BAD(give_up_ms, 0);
  struct hj_limits odd = l;
  odd.first_connections = 99;
  odd.connections = 2;
  odd.range_min = 1;
  odd.range_max = 0;
  CHECK_OK(hj_limits_check(&odd, &e), e);
  CHECK_EQ(odd.first_connections, 2);
  CHECK_EQ(odd.range_min, HJ_PIECE);
  CHECK_EQ(odd.range_max, HJ_PIECE);
  odd.first_connections = 0;
  CHECK_OK(hj_limits_check(&odd, &e), e);
  CHECK_EQ(odd.first_connections, 1);
  hj_limits_release(&l);
}

/* tests/c/test_hashfile.c - the digest of a file on disk. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest/hashfile.h"
#include "harness.h"
#include "plat/fault.h"
#include "plat/plat.h"
#include "sweep.h"
#include "util/mem.h"

TEST(a_file_has_the_digest_of_its_bytes)
{
  static const size_t sizes[] = { 0, 1, 1000, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 1 << 20 };
  struct hj_err e = HJ_ERR_INIT;
  char *bytes = hj_mem_new(1 << 20, &e);
  CHECK(bytes);
  for (size_t i = 0; i < 1 << 20; i++)
    bytes[i] = (char)(i * 11 + (i >> 9));
  for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
    for (int a = 1; a < HJ_ALGO_COUNT; a++) {
      uint8_t want[HJ_DIGEST_MAX], got[HJ_DIGEST_MAX];
      context("%s of %zu bytes", hj_algo_name((enum hj_algo)a), sizes[k]);
      put_file(temp_path("x"), bytes, sizes[k]);
      CHECK_OK(hj_digest_bytes((enum hj_algo)a, bytes, sizes[k], want, &e), e);
      CHECK_OK(hj_hash_path((enum hj_algo)a, temp_path("x"), NULL, got, &e), e);
      CHECK_MEM(want, got, HJ_DIGEST_MAX);
    }
  hj_mem_free(bytes);
}

TEST(a_link_is_followed_and_nothing_has_no_digest)
{
  struct hj_err e = HJ_ERR_INIT;
  uint8_t a[HJ_DIGEST_MAX], b[HJ_DIGEST_MAX];
  put_text(temp_path("x"), "abc");
  CHECK(symlink("x", temp_path("l")) == 0);
  CHECK(symlink("none", temp_path("d")) == 0);
  CHECK_OK(hj_hash_path(HJ_SHA256, temp_path("x"), NULL, a, &e), e);
  CHECK_OK(hj_hash_path(HJ_SHA256, temp_path("l"), NULL, b, &e), e);
  CHECK_MEM(a, b, HJ_DIGEST_MAX);
  CHECK_CODE(hj_hash_path(HJ_SHA256, temp_path("none"), NULL, a, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_hash_path(HJ_SHA256, temp_path("d"), NULL, a, &e), HJ_E_NONE, e);
  CHECK_CODE(hj_hash_path(HJ_ALGO_NONE, temp_path("x"), NULL, a, &e), HJ_E_BADARG, e);
}

TEST(folders_and_pipes_have_no_digest)
{
  struct hj_err e = HJ_ERR_INIT;
  uint8_t out[HJ_DIGEST_MAX];
  (void)alarm(20);
  CHECK(mkfifo(temp_path("pipe"), 0600) == 0);
  CHECK_CODE(hj_hash_path(HJ_SHA256, temp_dir(), NULL, out, &e), HJ_E_IO, e);
  CHECK_CODE(hj_hash_path(HJ_SHA256, temp_path("pipe"), NULL, out, &e), HJ_E_IO, e);
  (void)alarm(0);
}

TEST(a_raised_flag_stops_the_reading)
{
  struct hj_err e = HJ_ERR_INIT;
  uint8_t out[HJ_DIGEST_MAX];
  atomic_int stop = 1;
  put_text(temp_path("x"), "abc");
  CHECK_CODE(hj_hash_path(HJ_SHA256, temp_path("x"), &stop, out, &e), HJ_E_CANCELLED, e);
  stop = 0;
  CHECK_OK(hj_hash_path(HJ_SHA256, temp_path("x"), &stop, out, &e), e);
}

struct grower { const char *path; atomic_int stop, steps; };

static void grow(void *user)
{
  struct grower *g = user;
  struct hj_err e = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  char piece[4096] = "";
  CHECK_OK(hj_file_open(&f, g->path, HJ_OPEN_APPEND, 0600, &e), e);
  while (!atomic_load(&g->stop)) {
    CHECK_OK(hj_file_append(&f, piece, sizeof piece, &e), e);
    (void)atomic_fetch_add(&g->steps, 1);
    (void)usleep(50);
  }
  hj_file_close(&f);
}

TEST(a_file_that_changes_its_size_meanwhile_is_not_believed)
{
  struct hj_err e = HJ_ERR_INIT;
  struct grower g = { .path = temp_path("x") };
  hj_file f = HJ_FILE_INIT;
  uint8_t out[HJ_DIGEST_MAX];
  hj_thread t;
  CHECK_OK(hj_file_open(&f, g.path, HJ_OPEN_NEW, 0600, &e), e);
  CHECK_OK(hj_file_resize(&f, 32 << 20, &e), e);   /* long enough that many steps of growth fall into one reading */
  hj_file_close(&f);
  CHECK_OK(hj_thread_start(&t, "grower", grow, &g, &e), e);
  while (atomic_load(&g.steps) < 3)
    (void)usleep(100);
  int rc = hj_hash_path(HJ_SHA256, g.path, NULL, out, &e);
  atomic_store(&g.stop, 1);
  hj_thread_join(&t);
  CHECK_EQ(rc, HJ_E_CHANGED);
}

static int hash_one(void *user, struct hj_err *e)
{
  uint8_t out[HJ_DIGEST_MAX];
  (void)user;
  if (hj_hash_path(HJ_GIT_SHA1, temp_path("x"), NULL, out, e))
    return (int)e->code;
  CHECK_MEM(out, "\xf2\xba\x8f\x84\xab\x5c\x1b\xce\x84\xa7\xb4\x41\xcb\x19\x59\xcf\xc7\x09\x3b\x7f", 20);   /* "abc" */
  return HJ_E_OK;
}

TEST(hashing_a_file_reports_every_failure)
{
  put_text(temp_path("x"), "abc");
  CHECK_GE(sweep_memory("hashfile", hash_one, NULL), 3);
  CHECK_EQ(sweep_platform("hashfile", hash_one, NULL), 3);
}

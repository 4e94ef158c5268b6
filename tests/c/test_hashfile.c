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

/* ---- several, and large ones --------------------------------------------------------------------------------------- */

#define SEVERAL 7

static const char *several_path(unsigned i)
{
  char name[16];
  (void)snprintf(name, sizeof name, "s%u", i);
  return temp_path(name);
}

/* Files of these sizes, and what their digests must be. */
static void make_several(const size_t sizes[SEVERAL], struct hj_hashing h[SEVERAL], uint8_t want[SEVERAL][HJ_DIGEST_MAX])
{
  static const enum hj_algo algos[SEVERAL] = { HJ_SHA256, HJ_SHA256, HJ_GIT_SHA1, HJ_SHA256, HJ_XXH3, HJ_SHA256, HJ_SHA256 };
  struct hj_err e = HJ_ERR_INIT;
  for (unsigned i = 0; i < SEVERAL; i++) {
    char *bytes = hj_mem_new(sizes[i], &e);
    CHECK(bytes);
    for (size_t k = 0; k < sizes[i]; k++)
      bytes[k] = (char)(k * 7 + (k >> 13) + i);
    put_file(several_path(i), bytes, sizes[i]);
    CHECK_OK(hj_digest_bytes(algos[i], bytes, sizes[i], want[i], &e), e);
    hj_mem_free(bytes);
    h[i] = (struct hj_hashing){ .path = several_path(i), .algo = algos[i], .e = HJ_ERR_INIT };
  }
}

static void check_several(const struct hj_hashing h[SEVERAL], uint8_t want[SEVERAL][HJ_DIGEST_MAX], size_t n)
{
  for (unsigned i = 0; i < n; i++) {
    context("file %u of %zu", i, n);
    CHECK_EQ(h[i].e.code, HJ_E_OK);
    CHECK(h[i].done);
    CHECK_MEM(h[i].out, want[i], HJ_DIGEST_MAX);
  }
  context_end();
}

TEST(several_files_have_the_digests_they_have_alone)
{
  static const size_t sizes[SEVERAL] = { 1000000, 0, 300000, 256 << 10, 700001, 1, (512 << 10) + 64 };
  struct hj_hashing h[SEVERAL];
  uint8_t want[SEVERAL][HJ_DIGEST_MAX];
  for (size_t n = 0; n <= 2 * SEVERAL + 1; n++) {
    make_several(sizes, h, want);
    unsigned before = open_files();
    hj_hash_paths(h, n / 2, n % 2 ? 3 : 1, NULL);
    CHECK_EQ(open_files(), before);
    check_several(h, want, n / 2);
  }
}

static void large_files_are_read_ahead_and_have_the_same_digests_by(unsigned threads)
{
  static const size_t sizes[SEVERAL] = { 20 << 20, 3, 18 << 20, 400000, 17 << 20, (21 << 20) + 5, 1 << 20 };
  struct hj_hashing h[SEVERAL];
  uint8_t want[SEVERAL][HJ_DIGEST_MAX], alone[HJ_DIGEST_MAX];
  struct hj_err e = HJ_ERR_INIT;
  make_several(sizes, h, want);
  CHECK_OK(hj_hash_path(HJ_SHA256, several_path(0), NULL, alone, &e), e);
  CHECK_MEM(alone, want[0], HJ_DIGEST_MAX);
  hj_hash_paths(h, SEVERAL, threads, NULL);
  check_several(h, want, SEVERAL);
}

TEST(large_files_are_read_ahead_and_have_the_same_digests)
{
  for (unsigned threads = 0; threads <= 2; threads++)
    large_files_are_read_ahead_and_have_the_same_digests_by(threads);
}

static void one_that_is_not_there_does_not_harm_the_others_by(unsigned threads)
{
  static const size_t sizes[SEVERAL] = { 17 << 20, 9, 300000, 256 << 10, 700001, 1, 5 };
  struct hj_hashing h[SEVERAL];
  uint8_t want[SEVERAL][HJ_DIGEST_MAX];
  make_several(sizes, h, want);
  h[1].path = temp_path("none");
  h[3].path = temp_dir();
  h[5].algo = HJ_ALGO_NONE;
  hj_hash_paths(h, SEVERAL, threads, NULL);
  CHECK_EQ(h[1].e.code, HJ_E_NONE);
  CHECK_EQ(h[3].e.code, HJ_E_IO);
  CHECK_EQ(h[5].e.code, HJ_E_BADARG);
  for (unsigned i = 0; i < SEVERAL; i += 2)
    CHECK(h[i].done && memcmp(h[i].out, want[i], HJ_DIGEST_MAX) == 0);
  CHECK(!h[1].done && !h[3].done && !h[5].done);
}

TEST(one_that_is_not_there_does_not_harm_the_others)
{
  for (unsigned threads = 0; threads <= 2; threads++)
    one_that_is_not_there_does_not_harm_the_others_by(threads);
}

static void a_stop_ends_all_files_by(unsigned threads)
{
  static const size_t sizes[SEVERAL] = { 17 << 20, 18 << 20, 3, 20 << 20, 5, 19 << 20, 7 };
  struct hj_hashing h[SEVERAL];
  uint8_t want[SEVERAL][HJ_DIGEST_MAX];
  atomic_int stop = 1;
  make_several(sizes, h, want);
  hj_hash_paths(h, SEVERAL, threads, &stop);
  for (unsigned i = 0; i < SEVERAL; i++)
    CHECK_EQ(h[i].e.code, HJ_E_CANCELLED);
}

TEST(a_stop_ends_all_files)
{
  for (unsigned threads = 0; threads <= 2; threads++)
    a_stop_ends_all_files_by(threads);
}

static void stop_soon(void *user)
{
  (void)usleep(3000);
  atomic_store((atomic_int *)user, 1);
}

static void a_stop_in_the_middle_leaves_each_done_or_cancelled_by(unsigned threads)
{
  static const size_t sizes[SEVERAL] = { 17 << 20, 300, 18 << 20, 20 << 20, 5, 19 << 20, 7 };
  struct hj_hashing h[SEVERAL];
  uint8_t want[SEVERAL][HJ_DIGEST_MAX];
  struct hj_err e = HJ_ERR_INIT;
  atomic_int stop = 0;
  hj_thread t;
  make_several(sizes, h, want);
  CHECK_OK(hj_thread_start(&t, "stopper", stop_soon, &stop, &e), e);
  hj_hash_paths(h, SEVERAL, threads, &stop);
  hj_thread_join(&t);
  for (unsigned i = 0; i < SEVERAL; i++) {
    CHECK_EQ(h[i].e.code, h[i].done ? HJ_E_OK : HJ_E_CANCELLED);
    if (h[i].done)
      CHECK_MEM(h[i].out, want[i], HJ_DIGEST_MAX);
  }
}

TEST(a_stop_in_the_middle_leaves_each_done_or_cancelled)
{
  for (unsigned threads = 0; threads <= 2; threads++)
    a_stop_in_the_middle_leaves_each_done_or_cancelled_by(threads);
}

/* The sites of a large file: its first read, the helper's memory and thread, and the reads on that thread. */
static int hash_large(void *user, struct hj_err *e)
{
  uint8_t out[HJ_DIGEST_MAX];
  if (hj_hash_path(HJ_SHA256, several_path(0), NULL, out, e))
    return (int)e->code;
  CHECK_MEM(out, user, 32);
  return HJ_E_OK;
}

TEST(a_large_file_without_a_helper_is_digested_all_the_same)
{
  static const size_t sizes[SEVERAL] = { 17 << 20, 1, 1, 1, 1, 1, 1 };
  struct hj_hashing h[SEVERAL];
  uint8_t want[SEVERAL][HJ_DIGEST_MAX];
  make_several(sizes, h, want);
  CHECK_GE(sweep_memory("large hashfile", hash_large, want[0]), 4);
  CHECK_GE(sweep_platform("large hashfile", hash_large, want[0]), 4);
}

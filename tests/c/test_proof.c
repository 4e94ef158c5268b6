/* tests/c/test_proof.c - several blobs proven side by side (store/blob.h: hj_blobs_prove). One alone: test_blob.c. */
#include <glob.h>

#include "digest/sha256_lanes.h"
#include "store/blob.h"
#include "store_kit.h"
#include "util/mem.h"

#define KIB 1024u
#define MOST (1u << 20)
#define N HJ_PROOFS_MAX

static uint8_t body[N][MOST];

struct scene {
  struct hj_blob_want want[N];
  struct hj_blob *b[N];
  struct hj_err e[N];
  struct hj_proof proof[N];
  size_t size[N];
  char final[N][4096], partial[4096], key[N][8];
};

/* n blobs; algo[i] and size[i] are theirs. */
static void open_all(struct scene *s, unsigned n, const enum hj_algo algo[], const size_t size[])
{
  struct hj_err e = HJ_ERR_INIT;
  memset(s, 0, sizeof *s);
  (void)snprintf(s->partial, sizeof s->partial, "%s/side/partial", temp_dir());
  make_dirs(s->partial);
  for (unsigned i = 0; i < n; i++) {
    (void)snprintf(s->final[i], sizeof s->final[i], "%s/final%u", temp_dir(), i);
    (void)snprintf(s->key[i], sizeof s->key[i], "k%u", i);
    fill_bytes(body[i], size[i], 100 + i);
    s->size[i] = size[i];
    s->e[i] = (struct hj_err)HJ_ERR_INIT;
    s->want[i] = (struct hj_blob_want){ .final = s->final[i], .partial_dir = s->partial, .key = s->key[i], .validator = "",
                                        .promise = promise_of(algo[i], body[i], size[i]), .size = size[i], .mode = 0644,
                                        .replace = true };
    CHECK_OK(hj_blob_open(&s->b[i], &s->want[i], &e), e);
    s->proof[i] = (struct hj_proof){ s->b[i], NULL, &s->e[i] };
  }
}

static void put(struct scene *s, unsigned i, size_t at, size_t n)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(hj_blob_put(s->b[i], at, body[i] + at, n, &e), e);
}

/* What is missing is put and proven alone, committed, and looked at. */
static void finish(struct scene *s, unsigned i)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_promise got;
  put(s, i, 0, s->size[i]);
  CHECK_OK(prove_one(s->b[i], UINT64_MAX, NULL, &e), e);
  CHECK_OK(hj_blob_commit(s->b[i], &got, &e), e);
  CHECK(hj_promise_same(&got, &s->want[i].promise));
  CHECK(has_bytes(s->final[i], body[i], s->size[i]));
  hj_blob_drop(s->b[i], false);
}

static const enum hj_algo all_sha256[N] = { HJ_SHA256, HJ_SHA256, HJ_SHA256, HJ_SHA256 };
static const size_t all_large[N] = { MOST, MOST, MOST, MOST };

static void prove_side_by_side(const enum hj_algo algo[], const size_t size[])
{
  struct scene s;
  for (unsigned n = 1; n <= N; n++) {
    context("%u blobs", n);
    open_all(&s, n, algo, size);
    for (unsigned i = 0; i < n; i++)
      put(&s, i, 0, size[i]);
    hj_blobs_prove(s.proof, n, UINT64_MAX);
    for (unsigned i = 0; i < n; i++) {
      CHECK_EQ(s.e[i].code, HJ_E_OK);
      CHECK(hj_blob_is_whole(s.b[i]));
      finish(&s, i);
    }
  }
  context_end();
}

TEST(blobs_of_all_sizes_are_proven_side_by_side)
{
  static const size_t sizes[N] = { MOST, 300 * KIB + 7, 1, MOST - 1 }, others[N] = { 0, 64, 128 * KIB, 128 * KIB + 1 };
  prove_side_by_side(all_sha256, all_large);
  prove_side_by_side(all_sha256, sizes);
  prove_side_by_side(all_sha256, others);
}

TEST(blobs_of_different_algorithms_are_proven_side_by_side)
{
  static const enum hj_algo algos[N] = { HJ_GIT_SHA1, HJ_SHA256, HJ_SHA1, HJ_SHA256 };
  prove_side_by_side(algos, all_large);
}

TEST(blobs_are_proven_side_by_side_without_the_processors_help)
{
  hj_sha256_hide(true);
  prove_side_by_side(all_sha256, all_large);
  hj_sha256_hide(false);
}

TEST(the_budget_is_each_blobs_own)
{
  struct scene s;
  open_all(&s, N, all_sha256, all_large);
  for (unsigned i = 0; i < N; i++)
    put(&s, i, 0, (i + 1) * 100 * KIB);
  hj_blobs_prove(s.proof, N, 0);
  CHECK_EQ(hj_blob_proven(s.b[0]), 0);
  hj_blobs_prove(s.proof, N, 150 * KIB + 3);
  CHECK_EQ(hj_blob_proven(s.b[0]), 100 * KIB);
  for (unsigned i = 1; i < N; i++)
    CHECK_EQ(hj_blob_proven(s.b[i]), 150 * KIB + 3);
  hj_blobs_prove(s.proof + 1, N - 1, UINT64_MAX);
  for (unsigned i = 0; i < N; i++) {
    CHECK_EQ(hj_blob_proven(s.b[i]), (i + 1) * 100 * KIB);
    finish(&s, i);
  }
}

TEST(one_that_is_stopped_does_not_stop_the_others)
{
  struct scene s;
  atomic_int stop = 1, go = 0;
  open_all(&s, N, all_sha256, all_large);
  for (unsigned i = 0; i < N; i++) {
    put(&s, i, 0, MOST);
    s.proof[i].stop = i == 1 ? &stop : &go;
  }
  hj_blobs_prove(s.proof, N, UINT64_MAX);
  for (unsigned i = 0; i < N; i++) {
    CHECK_EQ(s.e[i].code, i == 1 ? HJ_E_CANCELLED : HJ_E_OK);
    CHECK_EQ(hj_blob_proven(s.b[i]), i == 1 ? 0 : MOST);
    finish(&s, i);
  }
}

TEST(one_whose_file_was_cut_does_not_harm_the_others)
{
  struct scene s;
  glob_t found;
  char data[4200];
  open_all(&s, N, all_sha256, all_large);
  for (unsigned i = 0; i < N; i++)
    put(&s, i, 0, MOST);
  (void)snprintf(data, sizeof data, "%s/k2.*/data", s.partial);
  CHECK_EQ(glob(data, 0, NULL, &found), 0);
  CHECK_EQ(truncate(found.gl_pathv[0], 200 * KIB), 0);
  globfree(&found);
  hj_blobs_prove(s.proof, N, UINT64_MAX);
  for (unsigned i = 0; i < N; i++) {
    CHECK_EQ(s.e[i].code, i == 2 ? HJ_E_IO : HJ_E_OK);
    if (i == 2)
      CHECK_EQ(s.e[i].offset, 200 * KIB);
    else
      finish(&s, i);
  }
  hj_blob_drop(s.b[2], false);
}

TEST(without_memory_each_says_so_and_nothing_is_lost)
{
  for (int site = 1; site <= (int)N; site++) {         /* the digest of each is opened at the first proof */
    struct scene s;
    unsigned failed = 0;
    context("site %d", site);
    open_all(&s, N, all_sha256, all_large);
    for (unsigned i = 0; i < N; i++)
      put(&s, i, 0, MOST);
    hj_mem_fail_at(site);
    hj_blobs_prove(s.proof, N, UINT64_MAX);
    hj_mem_fail_at(0);
    for (unsigned i = 0; i < N; i++) {
      failed += s.e[i].code == HJ_E_NOMEM;
      CHECK_EQ(hj_blob_proven(s.b[i]), s.e[i].code == HJ_E_OK ? MOST : 0);
      finish(&s, i);
    }
    CHECK_EQ(failed, 1);
  }
  context_end();
}

/* ---- while the network still brings more ---- */

struct putter { struct scene *s; unsigned i; hj_thread thread; };

static void put_in_pieces(void *user)
{
  struct putter *p = user;
  uint64_t dice = p->i;
  for (size_t at = 0; at < MOST;) {
    size_t n = next_dice(&dice) % 30000;
    n = n < MOST - at ? n : MOST - at;
    put(p->s, p->i, at, n);
    at += n;
  }
}

TEST(four_threads_put_while_a_fifth_proves_all)
{
  struct scene s;
  struct putter p[N];
  struct hj_err e = HJ_ERR_INIT;
  bool whole = false;
  open_all(&s, N, all_sha256, all_large);
  for (unsigned i = 0; i < N; i++) {
    p[i] = (struct putter){ .s = &s, .i = i };
    CHECK_OK(hj_thread_start(&p[i].thread, "put", put_in_pieces, &p[i], &e), e);
  }
  while (!whole) {
    hj_blobs_prove(s.proof, N, 100 * KIB);
    whole = true;
    for (unsigned i = 0; i < N; i++) {
      CHECK_EQ(s.e[i].code, HJ_E_OK);
      whole = whole && hj_blob_is_whole(s.b[i]);
    }
  }
  for (unsigned i = 0; i < N; i++) {
    hj_thread_join(&p[i].thread);
    finish(&s, i);
  }
}

/* tests/c/test_algo.c - digests, against the vectors that their authors published. */
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "digest/algo.h"
#include "digest/algo_int.h"
#include "digest/xxh_int.h"
#include "guard.h"
#include "harness.h"
#include "sweep.h"
#include "util/mem.h"
#include "util/text.h"

static const char *hex_of(enum hj_algo a, const void *p, size_t n)
{
  static char text[2 * HJ_DIGEST_MAX + 1];
  struct hj_err e = HJ_ERR_INIT;
  uint8_t out[HJ_DIGEST_MAX];
  CHECK_OK(hj_digest_bytes(a, p, n, out, &e), e);
  hj_text_hex(out, hj_algo_size(a), text);
  return text;
}

TEST(sha256_and_sha1_give_the_digests_nist_publishes)
{
  /* FIPS 180-4 examples and the one-million-a message of NIST's example page. */
  static const struct { const char *text, *sha256, *sha1; } rows[] = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
    { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
    { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1", "a49b2446a02c645bf419f995b67091253a04a259" },
  };
  struct hj_err e = HJ_ERR_INIT;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct guard g = guard_copy(rows[i].text, strlen(rows[i].text));
    context("\"%s\"", rows[i].text);
    CHECK_STR(hex_of(HJ_SHA256, g.p, strlen(rows[i].text)), rows[i].sha256);
    CHECK_STR(hex_of(HJ_SHA1, g.p, strlen(rows[i].text)), rows[i].sha1);
    guard_end(&g);
  }
  char *million = hj_mem_new(1000000, &e);
  CHECK(million);
  memset(million, 'a', 1000000);
  CHECK_STR(hex_of(HJ_SHA256, million, 1000000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  CHECK_STR(hex_of(HJ_SHA1, million, 1000000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  hj_mem_free(million);
}

TEST(xxh3_gives_the_sums_its_author_publishes)
{
  /* The table of xxHash's own self-test (0.8.1, seed 0) over its generator's bytes; the lengths take all its ways. */
  static const struct { size_t n; uint64_t sum; } rows[] = {
    { 0, 0x2D06800538D394C2 }, { 1, 0xC44BDFF4074EECDB }, { 6, 0x27B56A84CD2D7325 }, { 12, 0xA713DAF0DFBB77E7 },
    { 24, 0xA3FE70BF9D3510EB }, { 48, 0x397DA259ECBA1F11 }, { 80, 0xBCDEFBBB2C47C90A }, { 195, 0xCD94217EE362EC3A },
    { 403, 0xCDEB804D65C6DEA4 }, { 512, 0x617E49599013CB6B }, { 2048, 0xDD59E2C3A5F038E0 }, { 2240, 0x6E73A90539CF2948 },
    { 2367, 0xCB37AEB9E5D361ED },
  };
  uint8_t bytes[2367];
  uint64_t generator = 2654435761u;
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (uint8_t)(generator >> 56);
    generator *= 11400714785074694797u;
  }
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[17];
    context("%zu bytes", rows[i].n);
    struct guard g = guard_copy(bytes, rows[i].n);
    CHECK_EQ(hj_xxh3(g.p, rows[i].n), rows[i].sum);
    for (unsigned k = 0; hj_xxh_kernel(k); k++) {
      context("%zu bytes by %s", rows[i].n, hj_xxh_kernel(k)->name);
      CHECK_EQ(hj_xxh_kernel(k)->whole(g.p, rows[i].n), rows[i].sum);
    }
    (void)snprintf(text, sizeof text, "%016llx", (unsigned long long)rows[i].sum);
    CHECK_STR(hex_of(HJ_XXH3, g.p, rows[i].n), text);   /* streamed and big-endian */
    guard_end(&g);
  }
}

/* Streams, because the bulk loop of each kernel is entered there with every remainder; and unaligned. */
TEST(every_kernel_of_xxh3_that_runs_here_gives_the_same_sums)
{
  static _Alignas(64) uint8_t state[1024];
  static uint8_t bytes[300000];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * i >> 7 ^ i);
  CHECK(hj_xxh_kernel(0));
  for (unsigned k = 0; hj_xxh_kernel(k); k++) {
    const struct hj_xxh_kernel *x = hj_xxh_kernel(k);
    context("%s", x->name);
    CHECK(x->state_size <= sizeof state);
    for (size_t n = 1; n < sizeof bytes - 1; n += n / 3 + 1) {
      uint64_t sum = hj_xxh_baseline.whole(bytes + 1, n);
      CHECK_EQ(x->whole(bytes + 1, n), sum);
      CHECK(x->reset(state));
      for (size_t at = 0, step = 1; at < n; at += step, step = step * 2 + 1) {
        if (step > n - at)
          step = n - at;
        CHECK(x->feed(state, bytes + 1 + at, step));
      }
      CHECK_EQ(x->digest(state), sum);
    }
  }
}

TEST(a_digest_does_not_depend_on_the_pieces)
{
  static const size_t pieces[] = { 1, 3, 63, 64, 65, 240, 241, 1000, 4096, 9999 };
  struct hj_err e = HJ_ERR_INIT;
  uint8_t bytes[10000], whole[HJ_DIGEST_MAX], got[HJ_DIGEST_MAX];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 31);
  for (int a = 1; a < HJ_ALGO_COUNT; a++) {
    CHECK_OK(hj_digest_bytes((enum hj_algo)a, bytes, sizeof bytes, whole, &e), e);
    for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
      struct hj_digest *d;
      context("%s by %zu", hj_algo_name((enum hj_algo)a), pieces[k]);
      CHECK_OK(hj_digest_open(&d, (enum hj_algo)a, sizeof bytes, &e), e);
      for (size_t at = 0; at < sizeof bytes; at += pieces[k]) {
        size_t n = sizeof bytes - at < pieces[k] ? sizeof bytes - at : pieces[k];
        CHECK_OK(hj_digest_feed(d, bytes + at, n, &e), e);
        CHECK_OK(hj_digest_feed(d, NULL, 0, &e), e);
      }
      CHECK_OK(hj_digest_seal(d, got, &e), e);
      CHECK_MEM(whole, got, HJ_DIGEST_MAX);
      hj_digest_close(d);
    }
  }
}

TEST(two_states_do_not_disturb_each_other)
{
  for (int a = 1; a < HJ_ALGO_COUNT; a++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_digest *x, *y;
    uint8_t one[HJ_DIGEST_MAX], two[HJ_DIGEST_MAX], want[HJ_DIGEST_MAX];
    context("%s", hj_algo_name((enum hj_algo)a));
    CHECK_OK(hj_digest_open(&x, (enum hj_algo)a, 2, &e), e);
    CHECK_OK(hj_digest_open(&y, (enum hj_algo)a, 2, &e), e);
    CHECK_OK(hj_digest_feed(x, "a", 1, &e), e);
    CHECK_OK(hj_digest_feed(y, "c", 1, &e), e);
    CHECK_OK(hj_digest_feed(x, "b", 1, &e), e);
    CHECK_OK(hj_digest_feed(y, "d", 1, &e), e);
    CHECK_OK(hj_digest_seal(x, one, &e), e);
    CHECK_OK(hj_digest_seal(y, two, &e), e);
    CHECK_OK(hj_digest_bytes((enum hj_algo)a, "ab", 2, want, &e), e);
    CHECK_MEM(one, want, HJ_DIGEST_MAX);
    CHECK_OK(hj_digest_bytes((enum hj_algo)a, "cd", 2, want, &e), e);
    CHECK_MEM(two, want, HJ_DIGEST_MAX);
    hj_digest_close(x);
    hj_digest_close(y);
  }
  hj_digest_close(NULL);
}

TEST(names_and_sizes_come_from_one_table)
{
  static const struct { enum hj_algo a; const char *name; size_t size; } rows[] = {
    { HJ_SHA256, "sha256", 32 }, { HJ_SHA1, "sha1", 20 }, { HJ_GIT_SHA1, "git-sha1", 20 }, { HJ_XXH3, "xxh3", 8 },
  };
  CHECK_EQ(sizeof rows / sizeof rows[0], HJ_ALGO_COUNT - 1);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    CHECK_STR(hj_algo_name(rows[i].a), rows[i].name);
    CHECK_EQ(hj_algo_size(rows[i].a), rows[i].size);
    CHECK_EQ(hj_algo_find(rows[i].name), rows[i].a);
    CHECK_LE(rows[i].size, HJ_DIGEST_MAX);
  }
  CHECK_STR(hj_algo_name(HJ_ALGO_NONE), "");
  CHECK_STR(hj_algo_name((enum hj_algo)99), "");
  CHECK_EQ(hj_algo_size((enum hj_algo)-1), 0);
  CHECK_EQ(hj_algo_find(""), HJ_ALGO_NONE);
  CHECK_EQ(hj_algo_find("SHA256"), HJ_ALGO_NONE);
  CHECK_EQ(hj_algo_find("sha25"), HJ_ALGO_NONE);
  CHECK_EQ(hj_algo_find("sha2566"), HJ_ALGO_NONE);
}

#define HEX40 "0123456789abcdef0123456789abcdef01234567"
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST(a_promise_that_is_accepted_can_be_said_again)
{
  static const struct { const char *text, *canonical; enum hj_algo a; } rows[] = {
    { "sha256:" HEX64, "sha256:" HEX64, HJ_SHA256 },
    { "git-sha1:" HEX40, "git-sha1:" HEX40, HJ_GIT_SHA1 },
    { "sha1:" HEX40, "sha1:" HEX40, HJ_SHA1 },
    { "xxh3:0123456789abcdef", "xxh3:0123456789abcdef", HJ_XXH3 },
    { HEX64, "sha256:" HEX64, HJ_SHA256 },
    { HEX40, "git-sha1:" HEX40, HJ_GIT_SHA1 },
    { "sha1:0123456789ABCDEF0123456789ABCDEF01234567", "sha1:" HEX40, HJ_SHA1 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_promise p, again;
    char text[80];
    context("%s", rows[i].text);
    CHECK(hj_promise_parse(&p, rows[i].text));
    CHECK_EQ(p.algo, rows[i].a);
    hj_promise_text(&p, text);
    CHECK_STR(text, rows[i].canonical);
    CHECK(hj_promise_parse(&again, text));
    CHECK(hj_promise_same(&p, &again));
    for (size_t at = 0; at < hj_algo_size(p.algo); at++) {   /* every byte counts (casync's loop tested word 0 only) */
      again.bytes[at] ^= 0x80;
      CHECK(!hj_promise_same(&p, &again));
      again.bytes[at] ^= 0x80;
    }
    again.algo = HJ_ALGO_NONE;
    CHECK(!hj_promise_same(&p, &again));
    p.algo = HJ_ALGO_NONE;
    CHECK(!hj_promise_same(&p, &again));
  }
}

TEST(what_is_no_promise_is_refused)
{
  static const char *const rows[] = {
    "", ":", "sha256", "sha256:", "sha256:" HEX40, "sha1:" HEX64, "git-sha1:" HEX64, ":" HEX64, "md5:" HEX40, HEX64 "0",
    "SHA256:" HEX64, " " HEX64, "sha256: " HEX64, "sha256:" HEX64 " ", "sha256:sha256:" HEX64, "\"" HEX64 "\"",
    "W/" HEX64, "0123456789ABCDEF0123456789ABCDEF01234567", "sha256:g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "xxh3:0123456789abcde", "d41d8cd98f00b204e9800998ecf8427e",
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_promise p = { HJ_XXH3, { 42 } };
    context("%s", rows[i]);
    CHECK(!hj_promise_parse(&p, rows[i]));
    CHECK_EQ(p.algo, HJ_XXH3);
    CHECK_EQ(p.bytes[0], 42);
  }
}

TEST(an_unknown_algorithm_cannot_be_opened)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_digest *d = (struct hj_digest *)&e;
  CHECK_CODE(hj_digest_open(&d, HJ_ALGO_NONE, 0, &e), HJ_E_BADARG, e);
  CHECK(d == NULL);
  CHECK_CODE(hj_digest_open(&d, (enum hj_algo)99, 0, &e), HJ_E_BADARG, e);
}

TEST(the_versions_are_of_what_runs)
{
  CHECK_HAS(hj_digest_versions(), "OpenSSL 3.");
  CHECK_HAS(hj_digest_versions(), ", xxHash 0.");
}

TEST(openssls_own_words_reach_the_error_and_its_queue_is_left_empty)
{
  struct hj_err e = HJ_ERR_INIT;
  uint8_t out[HJ_DIGEST_MAX];
  EVP_MD_CTX *bare = EVP_MD_CTX_new();   /* never initialised: each call on it fails */
  CHECK(bare);
  CHECK_EQ(hj_row_sha256.feed(bare, "x", 1, &e), HJ_E_BUG);
  CHECK_HAS(e.msg, "OpenSSL: a digest did not take its bytes");
  CHECK_EQ(ERR_peek_error(), 0);
  hj_err_clear(&e);
  CHECK_EQ(hj_row_sha256.seal(bare, out, &e), HJ_E_BUG);
  CHECK_HAS(e.msg, "OpenSSL: a digest could not be finished");
  CHECK_EQ(ERR_peek_error(), 0);
  hj_err_clear(&e);
  ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
  CHECK_CODE(hj_row_sha256.feed(bare, "x", 1, &e), HJ_E_NOMEM, e);
  CHECK_EQ(ERR_peek_error(), 0);
  EVP_MD_CTX_free(bare);
}

TEST(closing_nothing_is_allowed_in_every_row)
{
  hj_row_sha256.close(NULL);
  hj_row_sha1.close(NULL);
  hj_row_git_sha1.close(NULL);
  hj_row_xxh3.close(NULL);
}

static int digest_all(void *user, struct hj_err *e)
{
  (void)user;
  for (int a = 1; a < HJ_ALGO_COUNT && !e->code; a++) {
    uint8_t out[HJ_DIGEST_MAX];
    char text[2 * HJ_DIGEST_MAX + 1];
    if (hj_digest_bytes((enum hj_algo)a, "abc", 3, out, e))
      break;
    if (a == HJ_SHA256) {
      hj_text_hex(out, 32, text);
      CHECK_STR(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
  }
  return (int)e->code;
}

TEST(digests_survive_every_failure_of_our_memory)
{
  CHECK_GE(sweep_memory("digests", digest_all, NULL), 4);
}

/* OpenSSL does not always say that it was memory: a failed EVP_DigestInit_ex was seen with "initialization error" only. */
static int digest_all_with_openssls_words(void *user, struct hj_err *e)
{
  if (digest_all(user, e) == HJ_E_BUG && strncmp(e->msg, "OpenSSL: ", 9) == 0)
    e->code = HJ_E_NOMEM;
  return (int)e->code;
}

static void *ssl_malloc(size_t n, const char *file, int line)
{
  (void)file;
  (void)line;
  return hj_mem_c_malloc(n);
}

static void *ssl_realloc(void *p, size_t n, const char *file, int line)
{
  (void)file;
  (void)line;
  return hj_mem_c_realloc(p, n);
}

static void ssl_free(void *p, const char *file, int line)
{
  (void)file;
  (void)line;
  hj_mem_free(p);
}

TEST(digests_survive_every_failure_of_openssls_memory)
{
  if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1)
    skip("OpenSSL was used before in this process (run this test alone)");
  int sites = sweep_memory("openssl", digest_all_with_openssls_words, NULL);
  CHECK_GE(sites, 8);
  OPENSSL_cleanup();   /* gives everything back, or the runner finds it alive */
}

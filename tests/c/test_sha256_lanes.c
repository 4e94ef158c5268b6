/* tests/c/test_sha256_lanes.c - SHA-256 by the processor's instructions: NIST's vectors, and OpenSSL as the oracle. */
#include <openssl/evp.h>
#include <stdio.h>

#include "digest/algo.h"
#include "digest/algo_int.h"
#include "digest/hashfile.h"
#include "digest/sha256_lanes.h"
#include "guard.h"
#include "harness.h"
#include "util/mem.h"
#include "util/text.h"

#define LANES HJ_SHA256_LANES

static void needs_kernel(void)
{
  if (!hj_sha256_kernel())
    skip("this processor has no SHA-256 instructions");
}

static uint64_t next_dice(uint64_t *state) /* splitmix64 */
{
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static uint8_t *dice_bytes(size_t n, uint64_t seed)
{
  struct hj_err e = HJ_ERR_INIT;
  uint8_t *p = hj_mem_new(n, &e);
  CHECK(p);
  for (size_t i = 0; i < n; i++)
    p[i] = (uint8_t)(next_dice(&seed) >> 32);
  return p;
}

static void oracle(const void *p, size_t n, uint8_t out[32])
{
  unsigned len = 0;
  CHECK_EQ(EVP_Digest(p, n, out, &len, EVP_sha256(), NULL), 1);
  CHECK_EQ(len, 32);
}

static void ours(const void *p, size_t n, uint8_t out[32])
{
  struct hj_sha256 s;
  hj_sha256_init(&s);
  hj_sha256_update(&s, p, n);
  hj_sha256_final(&s, out);
}

TEST(the_kernel_gives_the_digests_nist_publishes)
{
  /* FIPS 180-4's examples; two of NIST's CAVP byte-oriented set (SHA256ShortMsg.rsp); two of its padding examples. */
  static const struct { const char *hex, *digest; } rows[] = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "616263", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "6162636462636465636465666465666765666768666768696768696a68696a6b696a6b6c6a6b6c6d6b6c6d6e6c6d6e6f6d6e6f706e6f7071",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "d3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1" },
    { "11af", "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98" },
    { "bd", "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b" },
    { "c98c8e55", "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504" },
  };
  needs_kernel();
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint8_t bytes[64], got[32];
    char text[65];
    size_t n = strlen(rows[i].hex) / 2;
    context("%s", rows[i].hex);
    CHECK(hj_text_unhex(rows[i].hex, 2 * n, bytes));
    struct guard g = guard_copy(bytes, n);
    ours(g.p, n, got);
    guard_end(&g);
    hj_text_hex(got, 32, text);
    CHECK_STR(text, rows[i].digest);
  }
  context_end();
}

/* NIST's padding examples of zeros: the lengths around the end of a block, and large ones. */
TEST(zeros_around_the_end_of_a_block_are_padded_as_nist_says)
{
  static const struct { size_t n; const char *digest; } rows[] = {
    { 55, "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7" },
    { 56, "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb" },
    { 57, "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785" },
    { 64, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b" },
    { 1000, "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53" },
    { 1000000, "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025" },
  };
  struct hj_err e = HJ_ERR_INIT;
  needs_kernel();
  uint8_t *zeros = hj_mem_zero(1000000, 1, &e), got[32];
  CHECK(zeros);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[65];
    context("%zu zeros", rows[i].n);
    ours(zeros, rows[i].n, got);
    hj_text_hex(got, 32, text);
    CHECK_STR(text, rows[i].digest);
  }
  context_end();
  hj_mem_free(zeros);
}

TEST(every_short_length_agrees_with_openssl_in_every_number_of_lanes)
{
  needs_kernel();
  uint8_t *bytes = dice_bytes(LANES * 301 + LANES, 1);
  for (unsigned lanes = 1; lanes <= LANES; lanes++)
    for (size_t n = 0; n <= 300; n++) {
      struct hj_sha256 state[LANES], *s[LANES];
      const void *p[LANES];
      size_t len[LANES];
      struct guard g[LANES];
      context("%zu bytes in %u lanes", n, lanes);
      for (unsigned i = 0; i < lanes; i++) {
        s[i] = &state[i];
        hj_sha256_init(s[i]);
        len[i] = n;
        g[i] = guard_copy(bytes + i * 301, n);     /* ends at a dead page, so it is unaligned, too */
        p[i] = g[i].p;
      }
      hj_sha256_update_lanes(s, p, len, lanes);
      for (unsigned i = 0; i < lanes; i++) {
        uint8_t want[32], got[32];
        oracle(bytes + i * 301, n, want);
        hj_sha256_final(s[i], got);
        CHECK_MEM(want, got, 32);
        guard_end(&g[i]);
      }
    }
  context_end();
  hj_mem_free(bytes);
}

/* Each lane gets its own bytes in pieces of its own sizes, from any address. */
static void play_random(unsigned lanes, size_t most, size_t piece_most, uint64_t *dice)
{
  struct hj_sha256 state[LANES], *s[LANES];
  uint8_t *bytes[LANES], want[32], got[32];
  size_t n[LANES], at[LANES] = { 0 }, piece[LANES];
  const void *p[LANES];
  bool more = true;
  for (unsigned i = 0; i < lanes; i++) {
    n[i] = next_dice(dice) % (most + 1);
    bytes[i] = dice_bytes(n[i] + 64, next_dice(dice));
    s[i] = &state[i];
    hj_sha256_init(s[i]);
  }
  uint64_t shift = next_dice(dice) % 64;
  while (more) {
    more = false;
    for (unsigned i = 0; i < lanes; i++) {
      size_t left = n[i] - at[i];
      piece[i] = next_dice(dice) % 5 == 0 ? 0 : next_dice(dice) % (piece_most + 1);
      piece[i] = piece[i] < left ? piece[i] : left;
      p[i] = bytes[i] + shift + at[i];
      at[i] += piece[i];
      more = more || at[i] < n[i];
    }
    hj_sha256_update_lanes(s, p, piece, lanes);
  }
  for (unsigned i = 0; i < lanes; i++) {
    oracle(bytes[i] + shift, n[i], want);
    hj_sha256_final(s[i], got);
    CHECK_MEM(want, got, 32);
    hj_mem_free(bytes[i]);
  }
}

TEST(lanes_of_different_lengths_in_random_pieces_agree_with_openssl)
{
  uint64_t dice = 2026;
  needs_kernel();
  for (unsigned round = 0; round < 800; round++) {
    unsigned lanes = 1 + round % LANES;
    context("round %u, %u lanes", round, lanes);
    play_random(lanes, round % 7 == 0 ? 40000 : 900, round % 3 == 0 ? 3000 : 200, &dice);
  }
  context_end();
}

TEST(large_streams_agree_with_openssl)
{
  uint64_t dice = 7;
  needs_kernel();
  for (unsigned lanes = 1; lanes <= LANES; lanes++) {
    context("%u lanes", lanes);
    play_random(lanes, 5 << 20, 700000, &dice);
  }
  context_end();
}

TEST(lanes_do_not_disturb_each_other)
{
  struct hj_sha256 state[LANES], *s[LANES];
  uint8_t want[32], got[32];
  needs_kernel();
  uint8_t *bytes = dice_bytes(64 << 10, 3);
  for (unsigned odd = 0; odd < LANES; odd++) {      /* one of them is much longer than the others */
    const void *p[LANES];
    size_t n[LANES];
    for (unsigned i = 0; i < LANES; i++) {
      s[i] = &state[i];
      hj_sha256_init(s[i]);
      p[i] = bytes + i;
      n[i] = i == odd ? 60000 : 64 * i;
    }
    hj_sha256_update_lanes(s, p, n, LANES);
    for (unsigned i = 0; i < LANES; i++) {
      context("lane %u beside the long lane %u", i, odd);
      oracle(p[i], n[i], want);
      hj_sha256_final(s[i], got);
      CHECK_MEM(want, got, 32);
    }
  }
  context_end();
  hj_mem_free(bytes);
}

TEST(lengths_beyond_four_gigabytes_are_counted)
{
  struct hj_sha256 s, by_hand;
  uint8_t block[128] = { 0 }, got[32], want[32];
  needs_kernel();
  hj_sha256_init(&s);
  s.n = (uint64_t)1 << 32;                           /* as if */
  hj_sha256_update(&s, block, 64);
  CHECK_EQ(s.n, ((uint64_t)1 << 32) + 64);
  hj_sha256_final(&s, got);
  block[64] = 0x80;                                  /* the padding, by hand, as a block of the message */
  block[64 + 59] = 0x08;                             /* (2^32 + 64) * 8 = 0x8_0000_0200 */
  block[64 + 62] = 0x02;
  hj_sha256_init(&by_hand);
  hj_sha256_update(&by_hand, block, 128);
  for (unsigned i = 0; i < 32; i++)
    want[i] = (uint8_t)(by_hand.h[i / 4] >> (24 - 8 * (i % 4)));
  CHECK_MEM(want, got, 32);
}

/* ---- through algo.h ---- */

static void feed_lanes_agrees(const char *what)
{
  static const enum hj_algo mixed[HJ_DIGEST_LANES] = { HJ_SHA256, HJ_SHA1, HJ_SHA256, HJ_XXH3 };
  struct hj_err err[HJ_DIGEST_LANES], e = HJ_ERR_INIT;
  uint8_t *bytes = dice_bytes(200000, 5), want[HJ_DIGEST_MAX], got[HJ_DIGEST_MAX];
  for (unsigned lanes = 1; lanes <= HJ_DIGEST_LANES; lanes++)
    for (unsigned mix = 0; mix < 2; mix++) {
      struct hj_digest *d[HJ_DIGEST_LANES];
      struct hj_err *ep[HJ_DIGEST_LANES];
      const void *p[HJ_DIGEST_LANES];
      size_t n[HJ_DIGEST_LANES];
      context("%s, %u lanes, %s", what, lanes, mix ? "mixed" : "all alike");
      for (unsigned i = 0; i < lanes; i++) {
        err[i] = (struct hj_err)HJ_ERR_INIT;
        ep[i] = &err[i];
        CHECK_OK(hj_digest_open(&d[i], mix ? mixed[i] : HJ_SHA256, 0, &e), e);
      }
      for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < lanes; i++) {
          p[i] = bytes + round * 60000 + i;
          n[i] = round == 1 && i == 0 ? 0 : 60000 - i;
        }
        hj_digest_feed_lanes(d, p, n, ep, lanes);
      }
      for (unsigned i = 0; i < lanes; i++) {
        struct hj_digest *alone;
        CHECK_EQ(err[i].code, HJ_E_OK);
        CHECK_OK(hj_digest_open(&alone, mix ? mixed[i] : HJ_SHA256, 0, &e), e);
        for (unsigned round = 0; round < 3; round++)
          CHECK_OK(hj_digest_feed(alone, bytes + round * 60000 + i, round == 1 && i == 0 ? 0 : 60000 - i, &e), e);
        CHECK_OK(hj_digest_seal(alone, want, &e), e);
        CHECK_OK(hj_digest_seal(d[i], got, &e), e);
        CHECK_MEM(want, got, HJ_DIGEST_MAX);
        hj_digest_close(alone);
        hj_digest_close(d[i]);
      }
    }
  context_end();
  hj_mem_free(bytes);
}

TEST(digests_fed_side_by_side_are_those_fed_alone)
{
  feed_lanes_agrees("as this processor is");
  hj_sha256_hide(true);
  feed_lanes_agrees("without instructions");
  hj_sha256_hide(false);
}

TEST(with_and_without_the_instructions_the_digest_is_the_same)
{
  struct hj_err e = HJ_ERR_INIT;
  uint8_t *bytes = dice_bytes(1 << 20, 11), with[HJ_DIGEST_MAX], without[HJ_DIGEST_MAX], file[HJ_DIGEST_MAX];
  needs_kernel();
  CHECK_OK(hj_digest_bytes(HJ_SHA256, bytes, 1 << 20, with, &e), e);
  CHECK_HAS(hj_digest_versions(), hj_sha256_kernel());
  put_file(temp_path("x"), bytes, 1 << 20);
  CHECK_OK(hj_hash_path(HJ_SHA256, temp_path("x"), NULL, file, &e), e);
  CHECK_MEM(with, file, 32);
  hj_sha256_hide(true);
  CHECK(hj_sha256_kernel() == NULL);
  CHECK_HAS(hj_digest_versions(), "sha256 by OpenSSL");
  CHECK_OK(hj_digest_bytes(HJ_SHA256, bytes, 1 << 20, without, &e), e);
  hj_sha256_hide(false);
  CHECK_MEM(with, without, 32);
  hj_mem_free(bytes);
}

TEST(a_state_opened_before_the_instructions_were_hidden_goes_on)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_digest *d;
  uint8_t got[HJ_DIGEST_MAX], want[32];
  needs_kernel();
  CHECK_OK(hj_digest_open(&d, HJ_SHA256, 0, &e), e);
  CHECK_OK(hj_digest_feed(d, "ab", 2, &e), e);
  hj_sha256_hide(true);
  CHECK_OK(hj_digest_feed(d, "c", 1, &e), e);
  CHECK_OK(hj_digest_seal(d, got, &e), e);
  hj_sha256_hide(false);
  oracle("abc", 3, want);
  CHECK_MEM(want, got, 32);
  hj_digest_close(d);
}

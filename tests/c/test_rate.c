/* tests/c/test_rate.c - tokens by a fake clock; shares and claims as tables and as a play of many processes. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rate.h"
#include "harness.h"

#define MB 1000000u
#define SEC 1000000u  /* in microseconds */

/* Takes pieces as fast as the bucket lets it, turning every step_us. Checks the promise over every span since the beginning. */
static uint64_t drain(struct hj_bucket *b, uint64_t from_us, uint64_t until_us, uint64_t step_us, uint64_t piece)
{
  uint64_t sum = 0;
  for (uint64_t t = from_us; t < until_us; t += step_us)
    while (hj_bucket_is_open(b, t)) {
      hj_bucket_take(b, piece);
      sum += piece;
      if (sum > b->rate * (t - from_us) / SEC + b->rate * HJ_BURST_MS / 1000 + piece)
        check_failed(__FILE__, __LINE__, "%llu bytes after %llu us", (unsigned long long)sum, (unsigned long long)(t - from_us));
    }
  return sum;
}

TEST(a_bucket_gives_its_rate_whatever_the_pieces_and_the_turns)
{
  static const uint64_t rates[] = { 1024, 100000, 8 * MB, 900 * MB }, pieces[] = { 1, 1000, 16384, 262144 }, steps[] = { 1, 333, 10000, 50000 };
  for (size_t r = 0; r < 4; r++)
    for (size_t p = 0; p < 4; p++)
      for (size_t s = 0; s < 4; s++) {
        struct hj_bucket b = { 0 };
        uint64_t rate = rates[r], span = 3 * SEC, sum;
        if (rate * 3 / pieces[p] > 2000000 || (steps[s] == 1 && rate > MB))
          continue;
        context("rate %llu, piece %llu, step %llu", (unsigned long long)rate, (unsigned long long)pieces[p], (unsigned long long)steps[s]);
        hj_bucket_rate(&b, rate, 77);
        sum = drain(&b, 77, 77 + span, steps[s], pieces[p]);
        CHECK_GE(sum + rate / 10, rate * 3 * 99 / 100);
      }
}

TEST(an_idle_moment_is_made_up_for_a_tenth_of_a_second_and_no_more)
{
  struct hj_bucket b = { 0 };
  hj_bucket_rate(&b, 8 * MB, 0);
  uint64_t sum = 0;
  for (; hj_bucket_is_open(&b, 3600u * (uint64_t)SEC); sum += 1000)
    hj_bucket_take(&b, 1000);
  CHECK_EQ(sum, 800000);
}

TEST(without_a_rate_nothing_passes)
{
  struct hj_bucket b = { 0 };
  CHECK(!hj_bucket_is_open(&b, SEC));
  CHECK(hj_bucket_wait_ms(&b, SEC) > 0);
}

TEST(who_waits_is_told_how_long)
{
  struct hj_bucket b = { 0 };
  hj_bucket_rate(&b, 8 * MB, 0);
  hj_bucket_take(&b, 1000);
  CHECK(hj_bucket_wait_ms(&b, 0) > 0);
  hj_bucket_take(&b, 159000);
  uint32_t ms = hj_bucket_wait_ms(&b, 0);
  CHECK_GE(ms, 20);            /* the debt */
  CHECK_LE(ms, 20 + HJ_STEP_MS + 1);
  CHECK(!hj_bucket_is_open(&b, 19000));
  CHECK(hj_bucket_is_open(&b, ms * 1000));
}

TEST(a_rate_may_change_at_any_time)
{
  struct hj_bucket b = { 0 };
  hj_bucket_rate(&b, 800 * (uint64_t)MB, 0);
  CHECK(hj_bucket_is_open(&b, SEC));          /* full: 80 MB */
  hj_bucket_rate(&b, 1 * MB, SEC);
  uint64_t sum = drain(&b, SEC, 2 * SEC, 1000, 1000);
  CHECK_LE(sum, 1101000);                     /* not the 80 MB */
  hj_bucket_take(&b, 50 * (uint64_t)MB);
  hj_bucket_rate(&b, 10000, 2 * SEC);         /* a debt of 50 s at the old rate, of 5,000 at the new one */
  CHECK(hj_bucket_is_open(&b, 2 * SEC + 501000));
  hj_bucket_take(&b, 1000);
  CHECK(!hj_bucket_is_open(&b, 0));           /* a clock that seems to go back gives nothing */
  hj_bucket_rate(&b, 0, 3 * SEC);
  CHECK(!hj_bucket_is_open(&b, 9 * SEC));
}

TEST(small_appetites_are_served_and_the_rest_is_shared)
{
  const uint64_t all = UINT64_MAX;
  struct { uint64_t limit, mine, others[3]; size_t n; uint64_t share; } rows[] = {
    { 8000, all, { 0 }, 0, 8000 },
    { 8000, 10, { 0 }, 0, 8000 },                      /* alone: all of it, wanted or not */
    { 8000, all, { all }, 1, 4000 },
    { 8000, all, { all, all, all }, 3, 2000 },
    { 8000, all, { 1000 }, 1, 7000 },
    { 8000, 1000, { all }, 1, 1000 },
    { 8000, all, { 1000, all }, 2, 3500 },
    { 8000, all, { 1000, 3000, all }, 3, 2000 },       /* 3000 is above the even part of what is left: 7000 / 3 */
    { 8000, 1000, { 1000 }, 1, 4000 },                 /* nobody wants it: evenly */
    { 8000, 3000, { all, all, 0 }, 3, 2666 },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    context("row %zu", i);
    uint64_t share = hj_rate_share(rows[i].limit, rows[i].mine, rows[i].others, rows[i].n);
    if (i == 7)
      CHECK_EQ(share, 2333);
    else
      CHECK_EQ(share, rows[i].share);
  }
}

TEST(shares_of_any_appetites_add_up_to_the_limit_at_most)
{
  uint32_t dice = 12345;
  for (int round = 0; round < 3000; round++) {
    uint64_t appetites[9], limit = 100000 + (dice % 1000) * 1000, sum = 0;
    size_t n = 1 + dice % 9;
    for (size_t i = 0; i < n; i++) {
      dice = dice * 1664525u + 1013904223u;
      appetites[i] = dice % 5 ? (uint64_t)(dice >> 8) % 400000 : UINT64_MAX;
    }
    for (size_t i = 0; i < n; i++) {
      uint64_t others[9];
      size_t k = 0;
      for (size_t o = 0; o < n; o++)
        if (o != i)
          others[k++] = appetites[o];
      sum += hj_rate_share(limit, appetites[i], others, k);
    }
    context("round %d", round);
    CHECK_LE(sum, limit);
    CHECK_GE(sum + n, limit);
  }
}

TEST(a_claim_falls_at_once_and_rises_into_what_is_free)
{
  CHECK_EQ(hj_rate_claim(8000, 4000, 8000, 4000), 4000);
  CHECK_EQ(hj_rate_claim(8000, 4000, 0, 8000), 0);
  CHECK_EQ(hj_rate_claim(8000, 4000, 0, 6000), 2000);
  CHECK_EQ(hj_rate_claim(8000, 4000, 1000, 7500), 1000);
  CHECK_EQ(hj_rate_claim(8000, 8000, 2000, 0), 8000);
  CHECK_EQ(hj_rate_claim(8000, 4000, 1000, 9000), 1000);
}

TEST(an_appetite_rises_at_once_and_falls_slowly)
{
  CHECK_EQ(hj_rate_appetite(1000, 0, 8000, true), UINT64_MAX);
  CHECK_EQ(hj_rate_appetite(UINT64_MAX, 0, 0, false), UINT64_MAX);      /* nothing allowed yet: nothing is known */
  CHECK_EQ(hj_rate_appetite(UINT64_MAX, 0, 8000, false), 7000);
  CHECK_EQ(hj_rate_appetite(7000, 4000, 8000, false), 6125);
  CHECK_EQ(hj_rate_appetite(800, 4000, 8000, false), 5000);             /* a quarter more than it used */
}

/* Each can use all it gets, but the first bytes come only after 150 to 300 ms. (Before appetites fell slowly, all seemed modest then,
 * the first to look took everything, and it went round for ever: four processes at half of the limit, bench L1.) */
TEST(who_starts_slowly_gets_its_share_and_the_limit_is_used)
{
  enum { N = 4 };
  struct { uint64_t claim, appetite, next; double used; bool felt; } p[N];
  const uint64_t limit = 8 * MB;
  double sum = 0;
  memset(p, 0, sizeof p);
  for (int i = 0; i < N; i++) {
    p[i].appetite = UINT64_MAX;
    p[i].next = 60 + 5 * (uint64_t)i;
  }
  for (uint64_t t = 0; t < 4000; t++)
    for (int i = 0; i < N; i++) {
      bool flows = t > 150 + 50 * (uint64_t)i;
      double use = flows ? (double)p[i].claim / 1000 : 0;
      p[i].used += use;
      p[i].felt = p[i].felt || (flows && p[i].claim);
      sum += t >= 1500 ? use : 0;
      if (t < p[i].next)
        continue;
      uint64_t others[N], theirs = 0;
      size_t n = 0;
      for (int o = 0; o < N; o++)
        if (o != i) {
          others[n++] = p[o].appetite;
          theirs += p[o].claim;
        }
      p[i].appetite = hj_rate_appetite(p[i].appetite, (uint64_t)(p[i].used * 4), p[i].claim, p[i].felt);
      p[i].claim = hj_rate_claim(limit, hj_rate_share(limit, p[i].appetite, others, n), p[i].claim, theirs);
      p[i].used = 0;
      p[i].felt = false;
      p[i].next = t + 250;
    }
  CHECK_GE((uint64_t)sum, limit * 5 / 2 * 98 / 100);
  for (int i = 0; i < N; i++)
    CHECK_EQ(p[i].claim, limit / N);
}

/* Processes come, go, and look at the others each at its own moments: at no moment do the claims pass the limit. */
TEST(claims_of_a_crowd_stay_within_the_limit_at_every_moment)
{
  enum { N = 12 };
  struct { bool here; uint64_t claim, born, next; } p[N];
  const uint64_t limit = 8 * MB;
  uint32_t dice = 99;
  memset(p, 0, sizeof p);
  for (uint64_t t = 0; t < 60000; t++) {
    uint64_t sum = 0;
    size_t here = 0;
    for (int i = 0; i < N; i++) {
      dice = dice * 1664525u + 1013904223u;
      if (t < 40000 && (dice >> 8) % 4000 == 0) {
        p[i].here = !p[i].here;
        p[i].claim = 0;
        p[i].born = t;
        p[i].next = t + 60;
      }
      if (p[i].here && t >= p[i].next) {
        uint64_t others[N], theirs = 0;
        size_t n = 0;
        for (int o = 0; o < N; o++)
          if (o != i && p[o].here) {
            others[n++] = UINT64_MAX;
            theirs += p[o].claim;
          }
        p[i].claim = hj_rate_claim(limit, hj_rate_share(limit, UINT64_MAX, others, n), p[i].claim, theirs);
        p[i].next = t + (p[i].claim ? 250 : 60) + (dice >> 8) % 7;
      }
      sum += p[i].here ? p[i].claim : 0;
      here += p[i].here;
    }
    context("at %llu ms", (unsigned long long)t);
    CHECK_LE(sum, limit);
    if (t == 59999 && here)
      CHECK_GE(sum + here, limit);
  }
}

TEST(two_connections_until_they_do_not_reach_the_limit)
{
  struct hj_brake b = { 0 };
  CHECK_EQ(hj_brake_turn(&b, 0, false, false, 9, true), UINT_MAX);
  CHECK(!b.binds);
  CHECK_EQ(hj_brake_turn(&b, 10, true, false, 0, true), 2);
  CHECK(b.binds);
  for (uint64_t t = 20; t < 5000; t += 50) /* what is allowed is used: it stays */
    CHECK_EQ(hj_brake_turn(&b, t, true, true, 2, true), 2);
  CHECK(b.binds);
  for (uint64_t t = 5000; t < 5400; t += 50)
    CHECK_EQ(hj_brake_turn(&b, t, true, false, 2, true), 2);
  CHECK_EQ(hj_brake_turn(&b, 5500, true, false, 2, true), 4);   /* half a second below it: two are too few */
  CHECK(!b.binds);
  for (uint64_t t = 5500; t < 9000; t += 50) /* not all there, or nothing left to do: nothing is learned */
    CHECK_EQ(hj_brake_turn(&b, t, true, false, t % 100 ? 3 : 4, t % 100 != 0), 4);
  CHECK_EQ(hj_brake_turn(&b, 9000, true, true, 4, true), 4);
  CHECK(b.binds);
  CHECK_EQ(hj_brake_turn(&b, 9010, false, true, 4, true), UINT_MAX);
  CHECK_EQ(hj_brake_turn(&b, 9020, true, true, 4, true), 2);
}

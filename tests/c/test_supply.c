/* tests/c/test_supply.c - which source gets the next range, and which of them lied. */
#include "engine/supply.h"
#include <string.h>
#include "harness.h"

/* Connections one after the other, to whom they go. */
static void share(struct hj_offer *o, unsigned n, unsigned connections)
{
  for (unsigned i = 0; i < connections; i++) {
    int k = hj_supply_pick(o, n);
    if (k >= 0)
      o[k].parts++;
  }
}

TEST(connections_are_shared_out_as_the_rates_are)
{
  static const struct { uint64_t rate[3]; unsigned got[3]; } rows[] = {
    { { 0, 0, 0 }, { 4, 4, 4 } },                      /* nothing is known: all alike */
    { { 8000, 8000, 8000 }, { 4, 4, 4 } },
    { { 9000, 3000, 0 }, { 6, 1, 5 } },                /* who is not known is found out */
    { { 9000, 1, 1 }, { 12, 0, 0 } },
    { { 6000, 3000, 3000 }, { 6, 3, 3 } },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct hj_offer o[3] = { { .usable = true, .rate = rows[i].rate[0] }, { .usable = true, .rate = rows[i].rate[1] }, { .usable = true, .rate = rows[i].rate[2] } };
    context("row %zu", i);
    share(o, 3, 12);
    for (int k = 0; k < 3; k++)
      CHECK_EQ(o[k].parts, rows[i].got[k]);
  }
}

TEST(who_fails_is_asked_when_nobody_else_is_there)
{
  struct hj_offer o[3] = { { .usable = true, .failing = true, .rate = 9000 }, { .usable = true, .rate = 10 }, { .usable = false, .rate = 99999 } };
  CHECK_EQ(hj_supply_pick(o, 3), 1);
  o[1].usable = false;
  CHECK_EQ(hj_supply_pick(o, 3), 0);
  o[0].usable = false;
  CHECK_EQ(hj_supply_pick(o, 3), -1);
  CHECK_EQ(hj_supply_pick(o, 0), -1);
}

TEST(a_rate_is_what_connections_brought_as_of_late)
{
  struct hj_supply s = { .rate = 0 };
  hj_supply_measure(&s, 1000, 1);
  CHECK_EQ(s.rate, 0);                       /* too little to say */
  hj_supply_measure(&s, 1 << 20, 1000);
  CHECK_EQ(s.rate, 1 << 20);
  for (int i = 0; i < 40; i++)
    hj_supply_measure(&s, 4 << 20, 1000);
  CHECK_GE(s.rate, (4 << 20) - 64);
  CHECK_LE(s.rate, 4 << 20);
  hj_supply_measure(&s, 1 << 20, 0);         /* within a millisecond */
  CHECK_GE(s.rate, 4 << 20);
}

TEST(a_source_lied_where_what_it_brought_was_not_what_another_brought)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_supply a = { .bytes = 0 }, b = { .bytes = 0 };
  struct hj_ranges differed;
  hj_ranges_init(&differed);
  CHECK_OK(hj_ranges_add(&a.doubted, 0, 100, &e), e);
  CHECK_OK(hj_ranges_add(&b.doubted, 100, 200, &e), e);
  CHECK(!hj_supply_lied(&a, &differed));
  CHECK_OK(hj_ranges_add(&differed, 100, 101, &e), e);
  CHECK(!hj_supply_lied(&a, &differed));
  CHECK(hj_supply_lied(&b, &differed));
  hj_supply_drop(&b, "it\nlied");
  hj_supply_drop(&b, "again");               /* the first cause stays */
  CHECK(b.gone && !strchr(b.why, '\n') && !strcmp(b.why + strlen(b.why) - 4, "lied"));
  hj_ranges_release(&differed);
  hj_supply_release(&a);
  hj_supply_release(&b);
}

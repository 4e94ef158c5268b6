/* tests/c/test_ladder.c - how a range is asked for after a try that failed: the table of docs/network.md, row by row. */
#include "engine/ladder.h"
#include "harness.h"

#define SAME HJ_RUNG_SAME
#define FAMILY HJ_RUNG_FAMILY
#define PLAIN HJ_RUNG_PLAIN
#define SOURCE HJ_RUNG_SOURCE
#define END HJ_RUNG_END

TEST(each_failure_has_its_next_rung)
{
  enum { F = 1, P = 2, O = 4, W = 8, M = 16 }; /* may_family, may_plain, other, other_flows, mirror */
  static const struct { enum hj_code code; enum hj_rung rung; unsigned barren; int may; enum hj_rung next; bool drop; } rows[] = {
    /* silence and breaks climb */
    { HJ_E_STALLED, SAME, 0, F | P | O, SAME, false },      { HJ_E_STALLED, SAME, 1, F | P | O, SAME, false },
    { HJ_E_STALLED, SAME, 2, F | P | O, FAMILY, false },    { HJ_E_STALLED, FAMILY, 3, F | P | O, PLAIN, false },
    { HJ_E_STALLED, PLAIN, 4, F | P | O, SOURCE, false },   { HJ_E_STALLED, PLAIN, 4, F | P, SAME, false },
    { HJ_E_STALLED, SAME, 2, P | O, PLAIN, false },         { HJ_E_STALLED, SAME, 2, O, SOURCE, false },
    { HJ_E_STALLED, SAME, 2, 0, SAME, false },              { HJ_E_RESET, SAME, 2, F, FAMILY, false },
    { HJ_E_TIMEOUT, FAMILY, 3, P, PLAIN, false },
    /* where bytes come from another source right now, nothing is climbed */
    { HJ_E_STALLED, SAME, 1, F | P | O | W, SOURCE, false }, { HJ_E_STALLED, SAME, 0, F | P | O | W, SAME, false },
    /* no connection: the families were raced already */
    { HJ_E_CONNECT, SAME, 1, F | P | O, SOURCE, false },    { HJ_E_CONNECT, SAME, 1, F | P, SAME, false },
    { HJ_E_RESOLVE, SAME, 1, O, SOURCE, false },            { HJ_E_RESOLVE, FAMILY, 3, P | O, PLAIN, false }, /* it has no such address */
    /* the server's own trouble */
    { HJ_E_HTTP_SERVER, SAME, 1, F | P | O, SOURCE, false }, { HJ_E_HTTP_LIMITED, SAME, 1, F | P, SAME, false },
    /* what the first endpoint says counts; what a mirror says only ends the mirror */
    { HJ_E_HTTP_DENIED, SAME, 1, O, END, false },           { HJ_E_HTTP_MISSING, SAME, 1, O, END, false },
    { HJ_E_HTTP_AUTH, SAME, 1, O, END, false },             { HJ_E_HTTP_DENIED, SAME, 1, M | O, SOURCE, true },
    { HJ_E_HTTP_MISSING, SAME, 1, M | O, SOURCE, true },    { HJ_E_SIZE, SAME, 1, M | O, SOURCE, true },
    { HJ_E_RANGE, SAME, 1, M | O, SOURCE, true },           { HJ_E_PROTOCOL, SAME, 1, M | O, SOURCE, true },
    { HJ_E_TLS, SAME, 1, M | O, SOURCE, true },             { HJ_E_HTTP_MISSING, SAME, 1, M, END, true },
    /* somebody on the way of the first endpoint (interception, a portal's page) */
    { HJ_E_TLS, SAME, 1, O, SOURCE, true },                 { HJ_E_TLS, SAME, 1, 0, END, false },
    { HJ_E_PROTOCOL, SAME, 1, O, SAME, false },             { HJ_E_PROTOCOL, SAME, 2, O, SOURCE, true },
    { HJ_E_PROTOCOL, SAME, 2, 0, SAME, false },             { HJ_E_REDIRECT, SAME, 1, O, SOURCE, true },
    /* ours */
    { HJ_E_NOSPACE, SAME, 1, O | M, END, false },           { HJ_E_CANCELLED, SAME, 1, O, END, false }, { HJ_E_OFFLINE, SAME, 1, O, END, false },
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int may = rows[i].may;
    struct hj_fall f = { .code = rows[i].code, .rung = rows[i].rung, .barren = rows[i].barren, .may_family = may & F, .may_plain = may & P,
                         .other = may & O, .other_flows = may & W, .mirror = may & M };
    struct hj_step s = hj_ladder(&f);
    context("row %zu: %s on %s, %u in vain", i, hj_code_name(f.code), hj_rung_name(f.rung), f.barren);
    CHECK_STR(hj_rung_name(s.rung), hj_rung_name(rows[i].next));
    CHECK_EQ(s.drop, rows[i].drop);
  }
}

TEST(whatever_fails_no_rung_is_taken_that_cannot_be)
{
  for (int code = 1; code < HJ_E_COUNT; code++)
    for (int rung = 0; rung < (int)END; rung++)
      for (unsigned bits = 0; bits < 5 * 32; bits++) {
        struct hj_fall f = { .code = (enum hj_code)code, .rung = (enum hj_rung)rung, .barren = bits / 32, .may_family = bits & 1, .may_plain = bits & 2,
                             .other = bits & 4, .other_flows = (bits & 12) == 12, .mirror = bits & 16 };
        struct hj_step s = hj_ladder(&f);
        context("%s on %s, %u", hj_code_name(f.code), hj_rung_name(f.rung), bits);
        CHECK(s.rung != FAMILY || f.may_family);
        CHECK(s.rung != PLAIN || f.may_plain);
        CHECK(s.rung != SOURCE || f.other);
        CHECK(!s.drop || s.rung == SOURCE || s.rung == END);
        CHECK(!hj_code_is_ours(f.code) || s.rung == END);
      }
}

TEST(every_rung_that_is_possible_is_tried_before_one_comes_again)
{
  unsigned seen = 0;
  struct hj_fall f = { .code = HJ_E_STALLED, .rung = HJ_RUNG_SAME, .may_family = true, .may_plain = true, .other = true };
  for (f.barren = 1; f.barren <= 4; f.barren++) {
    f.rung = hj_ladder(&f).rung;
    seen |= 1u << f.rung;
  }
  CHECK_EQ(seen, 1u << SAME | 1u << FAMILY | 1u << PLAIN | 1u << SOURCE);
  CHECK_STR(hj_rung_name((enum hj_rung)99), "?");
}

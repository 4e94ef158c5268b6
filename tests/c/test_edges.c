/* test_edges.c - a host with several addresses: the slow and the silent one are left for another. */
#include <dlfcn.h>
#include <netdb.h>

#include "engine/edges.h"
#include "engine_kit.h"

/* libcurl's names, in this program: one.test has 127.0.0.1, two.test 127.0.0.2 as well, dead.test 127.0.0.3, where nobody listens. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
  bool two = name && !strcmp(name, "two.test"), dead = name && !strcmp(name, "dead.test");
  struct addrinfo *more = NULL;
  void *found = dlsym(RTLD_NEXT, "getaddrinfo");
  memcpy(&real, &found, sizeof real);
  if (!two && !dead)
    return real(name && !strcmp(name, "one.test") ? "127.0.0.1" : name, service, hints, out);
  int rc = real("127.0.0.1", service, hints, out);
  if (!rc && !real(two ? "127.0.0.2" : "127.0.0.3", service, hints, &more))
    (*out)->ai_next = more;
  return rc;
}

#define FAST ((uint64_t)60000000)
#define SLOW ((uint64_t)8000000)

static unsigned avoided(struct hj_edges *e, uint64_t now_ms, const char *address)
{
  struct hj_avoid out;
  hj_edges_avoid(e, now_ms, &out);
  for (unsigned i = 0; i < out.n; i++)
    if (!strcmp(out.p[i], address))
      return out.n;
  return address[0] ? 0 : out.n;
}

TEST(a_further_address_is_looked_for_once_and_not_where_there_is_none)
{
  struct hj_edges e = { .n = 0 };
  CHECK_EQ(avoided(&e, 1000, ""), 0);                              /* nothing is known, nothing is left out */
  hj_edges_saw(&e, "192.0.2.1", 0, 0, 1000);
  CHECK_EQ(avoided(&e, 1000, "192.0.2.1"), 1);                     /* one connection looks */
  CHECK_EQ(avoided(&e, 1001, ""), 0);                              /* the others do not */
  hj_edges_alone(&e, 1002);
  CHECK_EQ(avoided(&e, 1002 + HJ_EDGE_LOOK_MS - 1, ""), 0);
  CHECK_EQ(avoided(&e, 1002 + HJ_EDGE_LOOK_MS, "192.0.2.1"), 1);
}

TEST(an_address_that_is_four_times_slower_is_avoided_for_a_minute)
{
  struct hj_edges e = { .n = 0 };
  hj_edges_saw(&e, "192.0.2.1", SLOW, 1000, 1000);
  CHECK(!hj_edges_is_slow(&e, "192.0.2.1", 1000));                 /* compared to nobody */
  hj_edges_saw(&e, "192.0.2.2", FAST, 1000, 2000);
  hj_edges_alone(&e, 2000);                                        /* no third one */
  CHECK(hj_edges_is_slow(&e, "192.0.2.1", 2001));
  CHECK(!hj_edges_is_slow(&e, "192.0.2.2", 2001));
  CHECK_EQ(avoided(&e, 2001, "192.0.2.1"), 1);
  CHECK_EQ(avoided(&e, 2000 + HJ_EDGE_AVOID_MS, ""), 0);           /* it may show that it has recovered */
  hj_edges_saw(&e, "192.0.2.1", FAST, 1000, 2000 + HJ_EDGE_AVOID_MS);
  CHECK(!hj_edges_is_slow(&e, "192.0.2.1", 2001 + HJ_EDGE_AVOID_MS));
}

TEST(half_as_fast_or_one_slow_connection_among_good_ones_is_no_reason)
{
  struct hj_edges e = { .n = 0 };
  for (uint64_t ms = 1000; ms < 5000; ms += 1000) {
    hj_edges_saw(&e, "192.0.2.1", FAST, 1000, ms);
    hj_edges_saw(&e, "192.0.2.2", FAST / 2, 1000, ms);
  }
  hj_edges_saw(&e, "192.0.2.1", FAST / 100, 1000, 5000);
  hj_edges_saw(&e, "192.0.2.2", 0, HJ_EDGE_SAMPLE_MS - 1, 5000);   /* too short to say anything */
  CHECK(!hj_edges_is_slow(&e, "192.0.2.1", 5001));
  CHECK(!hj_edges_is_slow(&e, "192.0.2.2", 5001));
}

TEST(where_all_addresses_fail_none_is_avoided)
{
  struct hj_edges e = { .n = 0 };
  hj_edges_saw(&e, "192.0.2.1", 0, 0, 1000);
  hj_edges_saw(&e, "192.0.2.2", 0, 0, 1000);
  hj_edges_alone(&e, 1000);
  hj_edges_failed(&e, "192.0.2.1", 1000);
  CHECK_EQ(avoided(&e, 1001, "192.0.2.1"), 1);
  hj_edges_failed(&e, "192.0.2.2", 1001);
  CHECK_EQ(avoided(&e, 1002, ""), 0);
  hj_edges_failed(&e, "192.0.2.9", 1002);                          /* of nobody we know: nothing */
  CHECK_EQ(e.n, 2);
}

/* ---- and over sockets --------------------------------------------------------------------------------------------- */

static struct hj_want wanted_at(struct world *w, const char *host, unsigned port, const char *path, const struct thing *t)
{
  struct hj_want want = want_path(w, path, "dir/f");
  char url[400];
  (void)snprintf(url, sizeof url, "http://%s:%u%s", host, port, path);
  hj_mem_free(want.url);
  want.url = text_of(url);
  promise(&want, t);
  return want;
}

static struct hj_limits eager(void)
{
  struct hj_limits limits = quick();
  limits.stall_ms = 200;
  limits.first_connections = 4;
  limits.range_min = limits.range_max = MIB;
  return limits;
}

TEST(a_silent_address_is_left_for_another_one)
{
  struct world w;
  struct hj_outcome o;
  struct mini_visit v;
  unsigned first = 0, second = 0;
  open_world(&w);
  unsigned port = mini_twin(w.net);
  w.files++;
  const struct thing *t = add_thing(&w, "f.bin", 20 * MIB, MINI_PLAIN);
  struct hj_limits limits = eager();
  mini_forget(w.net);
  struct hj_job *j = run_one(wanted_at(&w, "two.test", port, "/f/at=1,stall=0/raw/f.bin", t), &limits, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK_EQ(o.from_net, t->n);
  for (unsigned i = 0; i < mini_visits(w.net); i++) {
    CHECK(mini_visit(w.net, i, &v));
    first += v.address == 1;
    second += v.address == 2;
  }
  CHECK_GE(second, 20);                                            /* every range */
  CHECK_LE(first, 8);                                              /* those that set out before it was known, and their second try */
  free_job_of(j);
  close_world(&w);
}

/* What is left out is not asked: it is in no count, and costs nothing but a look at the names. */
static void count_the_asked(const char *host, unsigned addresses)
{
  struct world w;
  struct hj_outcome o;
  struct hj_visit visit = { .n = 0 };
  uint64_t lines = 0, before = 0;
  open_world(&w);
  unsigned port = mini_twin(w.net);
  w.files++;
  const struct thing *t = add_thing(&w, "f.bin", 20 * MIB, MINI_PLAIN);
  struct hj_limits limits = eager();
  mini_forget(w.net);
  while (hj_ledger_next(before, &visit))
    before = visit.n;
  struct hj_job *j = run_one(wanted_at(&w, host, port, "/raw/f.bin", t), &limits, &o);
  expect_end(&o, HJ_END_DONE);
  CHECK_EQ(o.from_net, t->n);
  CHECK_EQ(o.requests, mini_visits(w.net));
  for (uint64_t since = before; hj_ledger_next(since, &visit); since = visit.n)
    lines++;
  CHECK_EQ(lines, mini_visits(w.net));
  struct mini_visit v;
  unsigned seen = 0;
  for (unsigned i = 0; i < mini_visits(w.net) && mini_visit(w.net, i, &v); i++)
    seen |= v.address;
  CHECK_EQ(seen, addresses);
  free_job_of(j);
  close_world(&w);
}

TEST(who_has_one_address_is_asked_as_ever) { count_the_asked("one.test", 1); }
TEST(a_second_address_where_nobody_listens_costs_no_question) { count_the_asked("dead.test", 1); }
TEST(two_good_addresses_are_both_asked) { count_the_asked("two.test", 1 | 2); }

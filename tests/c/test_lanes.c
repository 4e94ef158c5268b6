/* tests/c/test_lanes.c - how many questions over how few connections. */
#include <stdio.h>
#include "harness.h"
#include "transfer/lanes.h"
#include "util/mem.h"

static struct hj_lanes all;

static struct hj_lane *lane(const char *text)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url u = { 0 };
  struct hj_lane *h;
  CHECK_OK(hj_url_parse(&u, text, strlen(text), &e), e);
  h = hj_lanes_find(&all, &u);
  hj_url_release(&u);
  return h;
}

/* As many questions as go out at once; `opened` counts those that were told to open a connection. */
static unsigned ask_all(struct hj_lane *h, unsigned most, unsigned *opened)
{
  unsigned n = 0;
  for (*opened = 0; hj_lane_has_room(h, most) && n < 10000; n++)
    *opened += hj_lane_ask(h, most) == HJ_LANE_OPEN;
  return n;
}

static void over_all(struct hj_lane *h)
{
  while (h->out)
    hj_lane_over(h, false);
}

/* From nothing to HTTP/2 with `n` connections, and nothing under way. */
static void bring_up(struct hj_lane *h, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    CHECK_EQ(hj_lane_ask(h, n), HJ_LANE_OPEN);
  for (unsigned i = 0; i < n; i++) {
    CHECK(hj_lane_opened(h, 10 + (int)i, true, true));
    hj_lane_ready(h, 10 + (int)i);
    hj_lane_answered(h, true, true);
  }
  over_all(h);
}

TEST(an_unknown_origin_is_asked_no_more_than_it_may_have_connections)
{
  unsigned opened, most[] = { 1, 2, 4 };
  for (size_t i = 0; i < 3; i++) {
    struct hj_lane *h = lane("https://hub.example/x");
    CHECK_EQ(ask_all(h, most[i], &opened), most[i]);
    CHECK_EQ(opened, most[i]);
    hj_lanes_release(&all);
  }
}

TEST(a_connection_that_stands_is_tried_before_its_first_answer)
{
  struct hj_lane *h = lane("https://hub.example/x");
  unsigned opened;
  for (unsigned i = 0; i < 4; i++)
    CHECK_EQ(hj_lane_ask(h, 4), HJ_LANE_OPEN);
  CHECK(hj_lane_opened(h, 10, true, true));
  CHECK(!hj_lane_has_room(h, 4));                  /* it shakes hands */
  hj_lane_ready(h, 10);
  CHECK_EQ(ask_all(h, 4, &opened), HJ_LANE_STREAMS - 4);
  CHECK_EQ(opened, 0);
  CHECK(!hj_lane_opened(h, 11, false, true));      /* it is HTTP/1.1: each would get a connection */
  for (unsigned i = 4; i < HJ_LANE_STREAMS; i++)
    hj_lane_over(h, false);
  CHECK(!hj_lane_has_room(h, 4));                  /* once is enough */
  hj_lane_answered(h, true, true);                 /* or it was a connection that broke off */
  CHECK(hj_lane_has_room(h, 4));
  hj_lanes_release(&all);
}

TEST(nobody_joins_a_silent_connection_until_it_is_empty)
{
  struct hj_lane *h = lane("https://hub.example/x");
  bring_up(h, 2);
  for (unsigned i = 0; i < 3; i++)
    (void)hj_lane_ask(h, 2);
  CHECK(hj_lane_has_room(h, 2));
  hj_lane_fell_silent(h);
  for (unsigned i = 0; i < 3; i++) {
    CHECK(!hj_lane_has_room(h, 2));
    hj_lane_over(h, false);
  }
  CHECK(hj_lane_has_room(h, 2));
  hj_lanes_release(&all);
}

TEST(lanes_go_with_the_number_of_questions)
{
  CHECK_EQ(hj_lanes_for(0), HJ_LANES_USUAL);
  CHECK_EQ(hj_lanes_for(512), 4);
  CHECK_EQ(hj_lanes_for(513), 5);
  CHECK_EQ(hj_lanes_for(1000), 8);
  CHECK_EQ(hj_lanes_for((size_t)-1), HJ_LANES_MAX);
}

TEST(four_lanes_carry_what_the_server_takes_and_nobody_opens_a_fifth)
{
  struct hj_lane *h = lane("https://hub.example/");
  unsigned opened;
  bring_up(h, 4);
  CHECK_EQ(ask_all(h, 4, &opened), 512);
  CHECK_EQ(opened, 0);
  CHECK(!hj_lane_opened(h, 99, false, true));      /* libcurl found all full: refused, and one lane takes less than thought */
  CHECK_EQ(h->n, 4);
  CHECK_EQ(h->streams, 100);                       /* what every server should take */
  over_all(h);
  CHECK_EQ(ask_all(h, 4, &opened), 400);
  CHECK(!hj_lane_opened(h, 99, false, true));
  CHECK_EQ(h->streams, 50);
  over_all(h);
  CHECK_EQ(ask_all(h, 4, &opened), 200);
  for (int i = 0; i < 20; i++)
    CHECK(!hj_lane_opened(h, 99, false, true));
  CHECK_EQ(h->streams, 25);                        /* those that went out together are one event */
  for (int i = 0; i < 20; i++) {
    over_all(h);
    (void)ask_all(h, 4, &opened);
    CHECK(!hj_lane_opened(h, 99, false, true));
  }
  CHECK_EQ(h->streams, 1);
  over_all(h);
  CHECK_EQ(ask_all(h, 4, &opened), 4);             /* it never stands still */
  hj_lanes_release(&all);
}

static void answers(struct hj_lane *h, unsigned n)
{
  while (n--)
    hj_lane_answered(h, true, true);
}

/* A connection that breaks off just when all were full looks like a server that allows fewer. */
TEST(a_number_that_was_lowered_by_mistake_comes_back)
{
  struct hj_lane *h = lane("https://hub.example/");
  unsigned opened;
  bring_up(h, 4);
  for (unsigned i = 0; i < 2; i++) {
    (void)ask_all(h, 4, &opened);
    CHECK(!hj_lane_opened(h, 99, false, true));
    over_all(h);
  }
  CHECK_EQ(h->streams, 50);
  answers(h, HJ_LANE_CALM - 1);
  CHECK_EQ(h->streams, 50);
  answers(h, 1);
  CHECK_EQ(h->streams, 100);
  answers(h, HJ_LANE_CALM);
  CHECK_EQ(h->streams, HJ_LANE_STREAMS);
  CHECK_EQ(ask_all(h, 4, &opened), 512);
  hj_lanes_release(&all);
}

TEST(who_allows_fewer_for_good_is_tried_less_and_less)
{
  struct hj_lane *h = lane("https://hub.example/");
  unsigned opened, refusals = 0;
  bring_up(h, 4);
  for (unsigned asked = 0; asked < 1000000; asked += 30) {   /* it takes 30 on each of four */
    if (ask_all(h, 4, &opened) > 120) {
      CHECK(!hj_lane_opened(h, 99, false, true));
      refusals++;
    }
    over_all(h);
    answers(h, 30);
    CHECK_GE(h->streams, 25);
  }
  CHECK_GE(refusals, 5);
  CHECK_LE(refusals, 12);
  hj_lanes_release(&all);
}

TEST(a_known_origin_gets_its_lanes_as_the_questions_come)
{
  struct hj_lane *h = lane("https://hub.example/");
  unsigned opened = 0;
  bring_up(h, 1);
  for (unsigned i = 0; i < 40; i++) {
    CHECK(hj_lane_has_room(h, 4));
    opened += hj_lane_ask(h, 4) == HJ_LANE_OPEN;
    CHECK_EQ(opened, i / HJ_LANE_BUSY < 4 ? i / HJ_LANE_BUSY : 3);
  }
  CHECK_EQ(h->opening, 3);
  CHECK_EQ(ask_all(h, 4, &opened), 88);            /* what is not there yet carries nothing */
  for (int fd = 20; fd < 23; fd++)
    CHECK(hj_lane_opened(h, fd, true, true));
  CHECK(!hj_lane_has_room(h, 4));                  /* open, but still shaking hands */
  hj_lane_ready(h, 20);
  CHECK_EQ(ask_all(h, 4, &opened), 128);
  hj_lane_closed(h, 20);
  CHECK(hj_lane_has_room(h, 4) == false || h->n == 3);
  hj_lanes_release(&all);
}

TEST(lanes_are_opened_before_they_are_needed_where_many_questions_follow)
{
  struct hj_lane *h = lane("https://hub.example/");
  unsigned opened;
  CHECK(!hj_lane_may_knock(h, 4));                 /* it may be HTTP/1.1: such a connection would be for nothing */
  bring_up(h, 1);
  for (int fd = 20; hj_lane_may_knock(h, 4); fd++) {
    hj_lane_knock(h);
    CHECK(hj_lane_opened(h, fd, true, true));
    hj_lane_ready(h, fd);
    hj_lane_over(h, false);
  }
  CHECK_EQ(h->n, 4);
  CHECK_EQ(h->out, 0);
  CHECK_EQ(h->opening, 0);
  CHECK_EQ(ask_all(h, 4, &opened), 512);
  CHECK_EQ(opened, 0);
  over_all(h);
  hj_lane_closed(h, 20);
  hj_lane_knock(h);
  hj_lane_over(h, true);                           /* refused by the server: the questions will see */
  CHECK_EQ(h->opening, 0);
  hj_lanes_release(&all);
}

TEST(an_origin_without_http2_has_no_lanes)
{
  struct hj_lane *h = lane("https://old.example/");
  unsigned opened;
  CHECK_EQ(hj_lane_ask(h, 4), HJ_LANE_OPEN);
  CHECK(hj_lane_opened(h, 5, true, true));
  hj_lane_answered(h, false, false);               /* over an idle connection that was made for ranges: says nothing */
  CHECK_EQ(h->sort, HJ_LANE_UNKNOWN);
  hj_lane_answered(h, false, true);
  CHECK_EQ(h->sort, HJ_LANE_SINGLE);
  CHECK_EQ(ask_all(h, 4, &opened), 10000);         /* the caller's limit of connections holds */
  CHECK_EQ(opened, 0);
  CHECK(hj_lane_opened(h, 6, false, true));
  hj_lane_answered(h, true, true);                 /* it was updated meanwhile */
  CHECK_EQ(h->sort, HJ_LANE_MANY);
  CHECK_EQ(lane("http://plain.example/")->sort, HJ_LANE_SINGLE);
  hj_lanes_release(&all);
}

TEST(lanes_that_the_server_closed_are_opened_again)
{
  struct hj_lane *h = lane("https://hub.example/");
  unsigned opened;
  bring_up(h, 2);
  hj_lane_closed(h, 10);
  hj_lane_closed(h, 11);
  hj_lane_closed(h, 77);                           /* none of ours */
  CHECK_EQ(h->n, 0);
  CHECK_EQ(ask_all(h, 4, &opened), 1);             /* one finds out; the others follow when it stands */
  CHECK_EQ(opened, 1);
  CHECK(!hj_lane_opened(h, 12, false, true));
  CHECK_EQ(h->streams, HJ_LANE_STREAMS);           /* closed is not full */
  hj_lane_over(h, true);
  CHECK_EQ(h->opening, 0);
  CHECK(hj_lane_has_room(h, 4));
  hj_lanes_release(&all);
}

TEST(two_address_families_race_for_one_lane)
{
  struct hj_lane *h = lane("https://hub.example/");
  CHECK_EQ(hj_lane_ask(h, 4), HJ_LANE_OPEN);
  CHECK(hj_lane_opened(h, 5, true, true));
  CHECK(hj_lane_opened(h, 6, true, false));
  hj_lane_ready(h, 6);
  hj_lane_closed(h, 5);
  CHECK_EQ(h->n, 1);
  CHECK(h->sockets[0].ready && h->sockets[0].fd == 6);
  CHECK_EQ(h->opening, 0);
  hj_lanes_release(&all);
}

TEST(a_full_table_of_origins_forgets_quiet_ones_only)
{
  char text[64];
  struct hj_lane *busy = lane("https://busy.example/");
  (void)hj_lane_ask(busy, 4);
  for (unsigned i = 0; i < 3 * HJ_LANE_HOSTS_MAX; i++) {
    (void)snprintf(text, sizeof text, "https://h%u.example/", i);
    CHECK(lane(text) != NULL);
  }
  CHECK_EQ(all.n, HJ_LANE_HOSTS_MAX);
  CHECK(lane("https://busy.example/y") == busy);
  CHECK_EQ(busy->out, 1);
  for (unsigned i = 0; i < all.n; i++)
    all.hosts[i]->out = 1;
  CHECK(lane("https://one-more.example/") == NULL);
  hj_lanes_release(&all);
  CHECK_EQ(hj_mem_live(), 0);
}

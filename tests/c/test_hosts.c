/* tests/c/test_hosts.c - what is remembered of hosts, and for how long. */
#include <stdio.h>
#include <string.h>

#include "engine/hosts.h"
#include "harness.h"

TEST(a_host_is_remembered_until_32_others_were_seen_since)
{
  static struct hj_hosts hosts;
  char name[40];
  memset(&hosts, 0, sizeof hosts);
  hj_host_answered(hj_hosts_of(&hosts, "https://first", 1), 20000);
  hj_host_answered(hj_hosts_of(&hosts, "https://first.example", 1), 90000);   /* another one */
  CHECK_EQ(hj_host_trip_ms(hj_hosts_of(&hosts, "https://first", 2)), 20);
  for (unsigned i = 0; i < 30; i++) {
    (void)snprintf(name, sizeof name, "https://%u", i);
    (void)hj_hosts_of(&hosts, name, 3 + i);
  }
  CHECK_EQ(hj_host_trip_ms(hj_hosts_of(&hosts, "https://first", 50)), 20);
  (void)hj_hosts_of(&hosts, "https://one-more", 51);                            /* takes the place of first.example */
  CHECK_EQ(hosts.n, HJ_HOSTS_MAX);
  CHECK_EQ(hj_host_trip_ms(hj_hosts_of(&hosts, "https://first", 52)), 20);
  CHECK_EQ(hj_host_trip_ms(hj_hosts_of(&hosts, "https://first.example", 53)), 0);
}

TEST(the_trip_is_the_least_answer)
{
  struct hj_host h;
  memset(&h, 0, sizeof h);
  CHECK_EQ(hj_host_trip_ms(&h), 0);
  hj_host_answered(&h, 0);
  hj_host_answered(&h, 45000);
  hj_host_answered(&h, 30100);
  hj_host_answered(&h, 80000);
  CHECK_EQ(hj_host_trip_ms(&h), 31);
}

TEST(a_queue_has_grown_when_most_connections_see_it)
{
  static const struct { const char *what; uint32_t now_us[4], least_us; uint32_t after_ms; enum hj_sched_queue queue; uint32_t swell_ms; } cases[] = {
    { "nothing is known", { 0, 0, 0, 0 }, 0, 0, HJ_QUEUE_UNKNOWN, 0 },
    { "as when it was empty", { 31000, 30000, 33000, 32000 }, 30000, 0, HJ_QUEUE_SHORT, 2 },
    { "a bloated buffer", { 80000, 75000, 78000, 30000 }, 30000, 0, HJ_QUEUE_GROWN, 48 },
    { "one of four", { 80000, 31000, 31000, 32000 }, 30000, 0, HJ_QUEUE_SHORT, 2 },
    { "those that do not know do not vote", { 0, 0, 0, 80000 }, 30000, 0, HJ_QUEUE_GROWN, 50 },
    { "20 ms more are much on 20", { 40000, 40000, 40000, 40000 }, 20000, 0, HJ_QUEUE_GROWN, 20 },
    { "20 ms more are little on 150", { 170000, 170000, 170000, 170000 }, 150000, 0, HJ_QUEUE_SHORT, 20 },
    { "three times loopback", { 90, 90, 90, 90 }, 30, 0, HJ_QUEUE_SHORT, 0 },
    { "too long ago", { 80000, 80000, 80000, 80000 }, 30000, 1001, HJ_QUEUE_UNKNOWN, 0 },
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct hj_host h;
    uint32_t now_us[4];
    context("%s", cases[i].what);
    memset(&h, 0, sizeof h);
    memcpy(now_us, cases[i].now_us, sizeof now_us);
    hj_host_sample(&h, now_us, 4, cases[i].least_us, 4900);
    CHECK_EQ(hj_host_queue(&h, 4900), HJ_QUEUE_UNKNOWN);    /* one sample is none */
    hj_host_sample(&h, now_us, 4, cases[i].least_us, 5000);
    CHECK_EQ(hj_host_queue(&h, 5000 + cases[i].after_ms), cases[i].queue);
    CHECK_EQ(hj_host_swell_ms(&h, 5000 + cases[i].after_ms), cases[i].swell_ms);
  }
}

TEST(a_level_is_forgotten_after_five_minutes)
{
  struct hj_host h;
  memset(&h, 0, sizeof h);
  CHECK_EQ(hj_host_level(&h, 1000), 0);
  hj_host_remember(&h, 24, 8000000, 1000);
  CHECK_EQ(hj_host_level(&h, 1000 + HJ_HOST_LEVEL_MS), 24);
  CHECK_EQ(hj_host_level(&h, 1001 + HJ_HOST_LEVEL_MS), 0);
}

TEST(what_failed_at_a_host_is_remembered_for_a_while)
{
  struct hj_hosts hosts = { .n = 0 };
  struct hj_host *h = hj_hosts_of(&hosts, "https://a:443", 1000);
  const struct hj_host *nobody = hj_hosts_find(&hosts, "https://b:443");
  CHECK(nobody == NULL && hosts.n == 1);
  CHECK(!hj_host_was_met(nobody, 1) && !hj_host_is_plain(nobody, 1) && !hj_host_is_down(nobody, 1) && !hj_host_has_lied(nobody, 1));
  CHECK_EQ(hj_host_family(nobody, 1), 0);
  CHECK(!hj_host_was_met(h, 1000) && !hj_host_is_plain(h, 1000) && !hj_host_is_down(h, 1000) && !hj_host_has_lied(h, 1000));
  CHECK_EQ(hj_host_family(h, 1000), 0);
  hj_host_is_silent(h, 1000);
  hj_host_family_works(h, 4, 1000);
  hj_host_plain_works(h, 1000);
  hj_host_lied(h, 1000);
  h = hj_hosts_of(&hosts, "https://a:443", 2000);
  CHECK(hj_host_is_plain(h, 2000) && hj_host_is_down(h, 2000) && hj_host_has_lied(h, 2000));
  CHECK_EQ(hj_host_family(h, 2000), 4);
  CHECK(!hj_host_is_down(h, 1001 + HJ_HOST_DOWN_MS));
  hj_host_is_silent(h, 2000);
  hj_host_meet(h, 2500);                    /* it answers: it is not down any more */
  CHECK(!hj_host_is_down(h, 2500) && hj_host_was_met(h, 2500) && !hj_host_was_met(h, 2501 + HJ_HOST_MET_MS));
  CHECK(!hj_host_is_plain(h, 1001 + HJ_HOST_FAULT_MS));
  CHECK_EQ(hj_host_family(h, 1001 + HJ_HOST_FAULT_MS), 0);
  CHECK(hj_host_has_lied(h, 1001 + HJ_HOST_FAULT_MS) && !hj_host_has_lied(h, 1001 + HJ_HOST_LIE_MS));
}

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

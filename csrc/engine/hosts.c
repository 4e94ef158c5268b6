/* engine/hosts.c - see hosts.h */
#include "engine/hosts.h"

#include <stdlib.h>
#include <string.h>
#include "util/text.h"
#include "util/banned.h"

static int place_of(const struct hj_hosts *hosts, const char *origin)
{
  size_t n = strnlen(origin, sizeof hosts->p[0].origin - 1);
  for (unsigned i = 0; i < hosts->n; i++)
    if (!strncmp(hosts->p[i].origin, origin, n) && !hosts->p[i].origin[n])
      return (int)i;
  return -1;
}

const struct hj_host *hj_hosts_find(const struct hj_hosts *hosts, const char *origin)
{
  int at = place_of(hosts, origin);
  return at < 0 ? NULL : &hosts->p[at];
}

static struct hj_host *longest_unseen(struct hj_hosts *hosts)
{
  struct hj_host *h = &hosts->p[0];
  for (unsigned i = 1; i < hosts->n; i++)
    if (hosts->p[i].seen_ms < h->seen_ms)
      h = &hosts->p[i];
  return h;
}

struct hj_host *hj_hosts_of(struct hj_hosts *hosts, const char *origin, uint64_t now_ms)
{
  int at = place_of(hosts, origin);
  struct hj_host *h;
  size_t n = strnlen(origin, sizeof h->origin - 1);
  if (at >= 0) {
    h = &hosts->p[at];
  } else {
    h = hosts->n < HJ_HOSTS_MAX ? &hosts->p[hosts->n++] : longest_unseen(hosts);
    memset(h, 0, sizeof *h);
    (void)hj_text_copy(h->origin, sizeof h->origin, origin, n);
  }
  h->seen_ms = now_ms;
  return h;
}

static bool since(uint64_t at_ms, uint64_t now_ms, uint64_t for_ms) { return at_ms && now_ms - at_ms <= for_ms; }

void hj_host_meet(struct hj_host *h, uint64_t now_ms)
{
  h->met_ms = now_ms;
  h->down_at_ms = 0;
}

void hj_host_family_works(struct hj_host *h, unsigned family, uint64_t now_ms)
{
  h->family = family;
  h->family_at_ms = now_ms;
}

void hj_host_plain_works(struct hj_host *h, uint64_t now_ms) { h->plain_at_ms = now_ms; }
void hj_host_is_silent(struct hj_host *h, uint64_t now_ms) { h->down_at_ms = now_ms; }
void hj_host_lied(struct hj_host *h, uint64_t now_ms) { h->lied_at_ms = now_ms; }

bool hj_host_was_met(const struct hj_host *h, uint64_t now_ms) { return h && since(h->met_ms, now_ms, HJ_HOST_MET_MS); }
unsigned hj_host_family(const struct hj_host *h, uint64_t now_ms) { return h && since(h->family_at_ms, now_ms, HJ_HOST_FAULT_MS) ? h->family : 0; }
bool hj_host_is_plain(const struct hj_host *h, uint64_t now_ms) { return h && since(h->plain_at_ms, now_ms, HJ_HOST_FAULT_MS); }
bool hj_host_is_down(const struct hj_host *h, uint64_t now_ms) { return h && since(h->down_at_ms, now_ms, HJ_HOST_DOWN_MS); }
bool hj_host_has_lied(const struct hj_host *h, uint64_t now_ms) { return h && since(h->lied_at_ms, now_ms, HJ_HOST_LIE_MS); }

void hj_host_answered(struct hj_host *h, uint32_t answer_us)
{
  if (answer_us && (!h->answer_us || answer_us < h->answer_us))
    h->answer_us = answer_us;
}

static int by_size(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

void hj_host_sample(struct hj_host *h, uint32_t *now_us, unsigned n, uint32_t least_us, uint64_t now_ms)
{
  unsigned zeros = 0;
  uint32_t middle_us;
  qsort(now_us, n, sizeof *now_us, by_size);
  while (zeros < n && !now_us[zeros])
    zeros++;
  if (least_us && (!h->rtt_min_us || least_us < h->rtt_min_us))
    h->rtt_min_us = least_us;
  if (zeros == n)
    return;
  /* One alone may be a server that paused between two bursts: 23 ms were seen on a way of 0.02. */
  middle_us = now_us[zeros + (n - zeros) / 2];
  h->rtt_us = !h->sampled_us || h->sampled_us > middle_us ? middle_us : h->sampled_us;
  h->rtt_at_ms = h->sampled_us ? now_ms : 0;
  h->sampled_us = middle_us;
  if (!h->rtt_min_us || now_us[zeros] < h->rtt_min_us)
    h->rtt_min_us = now_us[zeros];
}

void hj_host_remember(struct hj_host *h, unsigned level, uint64_t lone_rate, uint64_t now_ms)
{
  h->level = level;
  h->lone_rate = lone_rate;
  h->level_at_ms = now_ms;
}

uint32_t hj_host_trip_ms(const struct hj_host *h) { return (h->answer_us + 999) / 1000; }

static bool is_fresh(const struct hj_host *h, uint64_t now_ms) { return h->rtt_at_ms && now_ms - h->rtt_at_ms <= HJ_HOST_FRESH_MS; }

uint32_t hj_host_swell_ms(const struct hj_host *h, uint64_t now_ms)
{
  if (!is_fresh(h, now_ms) || h->rtt_us < h->rtt_min_us)
    return 0;
  return (h->rtt_us - h->rtt_min_us) / 1000;
}

enum hj_sched_queue hj_host_queue(const struct hj_host *h, uint64_t now_ms)
{
  uint32_t swell_ms = hj_host_swell_ms(h, now_ms);
  if (!is_fresh(h, now_ms))
    return HJ_QUEUE_UNKNOWN;
  return swell_ms > HJ_HOST_SWELL_MS && swell_ms > h->rtt_min_us / 2000 ? HJ_QUEUE_GROWN : HJ_QUEUE_SHORT;
}

unsigned hj_host_level(const struct hj_host *h, uint64_t now_ms)
{
  return h->level && now_ms - h->level_at_ms <= HJ_HOST_LEVEL_MS ? h->level : 0;
}

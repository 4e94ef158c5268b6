/* engine/quota.c - see quota.h */
#include "engine/quota.h"

#include "util/banned.h"

#define WINDOW_MS 300000u /* the Hub's, where nobody says another */
#define WINDOW_MOST_S 600u /* twice the Hub's: for a longer one nobody waits who was not asked to */
#define RANGES_LEAST 8u /* a file over one connection would be slower than any window */

static uint64_t kept(const struct hj_quota *q) { return q->most * HJ_QUOTA_KEPT_PERCENT / 100; }

/* What is out is counted into it: late answers may be. Its end is a guess until an answer tells: some hubs' windows begin with a question. */
static void begin_window(struct hj_quota *q, uint64_t now_ms)
{
  q->left = q->most > q->out ? q->most - q->out : 0;
  q->begun_ms = now_ms;
  q->guessed = true;
  q->reset_ms = now_ms + (q->window_ms ? q->window_ms : WINDOW_MS);
}

uint32_t hj_quota_ask(struct hj_quota *q, uint64_t now_ms)
{
  if (!q->heard)
    return q->out < HJ_QUOTA_BLIND ? 0 : 1;
  if (!q->limited)
    return 0;
  if (now_ms >= q->reset_ms + HJ_QUOTA_SPREAD_MS)
    begin_window(q, now_ms);
  if (q->left > kept(q))
    return 0;
  return (uint32_t)(q->reset_ms + HJ_QUOTA_SPREAD_MS - now_ms);
}

void hj_quota_asked(struct hj_quota *q)
{
  q->out++;
  q->left -= q->left > 0;
}

void hj_quota_lost(struct hj_quota *q) { q->out -= q->out > 0; }

void hj_quota_heard(struct hj_quota *q, bool told, uint64_t left, uint64_t reset_s, uint64_t most, uint64_t window_s, uint64_t now_ms)
{
  uint64_t reset_ms, free_now;
  q->out -= q->out > 0;
  q->heard = true;
  if (!told)
    return;
  if (reset_s > WINDOW_MOST_S) {
    q->limited = false; /* its 429 will say so, and that is an answer: waiting for it in silence was a download that hung for a day */
    return;
  }
  reset_ms = now_ms + reset_s * 1000;
  free_now = left > q->out ? left - q->out : 0;
  if (window_s && window_s <= WINDOW_MOST_S)
    q->window_ms = window_s * 1000;
  if (most || left + q->out + 1 > q->most)
    q->most = most ? most : left + q->out + 1;
  /* Answers overtake each other: within a window the least that was said of what is left holds, and the latest end, which is told in
   * whole seconds. One that is from the window before says little. */
  if (!q->limited || reset_ms > q->reset_ms + 2 * HJ_QUOTA_SPREAD_MS) {
    q->left = free_now;
    q->reset_ms = reset_ms;
    q->guessed = false;
  } else if (!q->guessed || reset_ms > q->begun_ms + HJ_QUOTA_SPREAD_MS + HJ_QUOTA_SPREAD_MS / 2) {
    q->left = free_now < q->left && reset_ms + 2 * HJ_QUOTA_SPREAD_MS > q->reset_ms ? free_now : q->left;
    q->reset_ms = q->guessed || reset_ms > q->reset_ms ? reset_ms : q->reset_ms;
    q->guessed = false;
  }
  q->limited = true;
}

uint64_t hj_quota_eta_ms(const struct hj_quota *q, uint64_t n, uint64_t now_ms)
{
  uint64_t now = q->left > kept(q) ? q->left - kept(q) : 0, each = q->most > kept(q) ? q->most - kept(q) : 1, wait_ms, windows;
  if (!q->limited || n <= now)
    return 0;
  wait_ms = q->reset_ms + HJ_QUOTA_SPREAD_MS > now_ms ? q->reset_ms + HJ_QUOTA_SPREAD_MS - now_ms : 0;
  windows = (n - now - 1) / each;
  return wait_ms + windows * ((q->window_ms ? q->window_ms : WINDOW_MS) + HJ_QUOTA_SPREAD_MS);
}

uint64_t hj_quota_range(const struct hj_quota *q, uint64_t bytes, uint64_t files, uint64_t now_ms)
{
  uint64_t spare = q->left > kept(q) ? q->left - kept(q) : 0;
  if (!q->limited || now_ms >= q->reset_ms)
    return 0;
  if (spare > files) /* all fit: what the files need is theirs, and of the rest half, for tries that fail */
    spare = spare - files > 1 ? (spare - files) / 2 : 1;
  else /* the files take several windows: ranges get a quarter of each */
    spare = spare / 4 > RANGES_LEAST ? spare / 4 : RANGES_LEAST;
  return bytes / spare + 1;
}

/* engine/watch.c - looks at the parts of a fetch now and then: who is silent, who is slow, whose pause is over. */
#include <string.h>
#include "engine/engine_int.h"
#include "engine/outlier.h"
#include "util/text.h"
#include "util/trace.h"
#include "util/banned.h"

#define FLUSH_AFTER_MS 500u /* a slow connection's piece goes to the disk after this long, full or not: kill -9 keeps it */
#define TRICKLE 64u         /* bytes a second of one connection; GPRS has 4,000 */

/* In the other states the parts are gone, and with them the list that is being walked. */
static bool has_parts(const struct hj_fetch *f)
{
  return f->state == HJ_FETCH_ASKING || f->state == HJ_FETCH_OPENING || f->state == HJ_FETCH_FLOWING;
}

/* Those that rested meanwhile gave their connection away: they may not all come back at once. */
static bool has_slot(const struct hj_job *j) { return j->own < j->slots; }

static int check_silence(struct hj_part *p, uint64_t now_ms, struct hj_err *e)
{
  uint32_t stall_ms = p->fetch->job->limits.stall_ms;
  if (!hj_part_is_active(p) || p->paused || p->ticket || now_ms - p->last_byte_ms < stall_ms)
    return HJ_E_OK;
  hj_fail(e, HJ_E_STALLED, "no byte came for %.3g s (%llu of %llu bytes of this range were here)", (double)stall_ms / 1000,
          (unsigned long long)(p->pos - p->at), (unsigned long long)(p->end == HJ_UNKNOWN ? 0 : p->end - p->at));
  hj_text_show(p->url.shown, strlen(p->url.shown), e->url, sizeof e->url);
  return (int)e->code;
}

/* A trickle is no better than silence: 1 GB at 64 bytes a second takes half a year, and each byte of it would look like progress. */
static int check_trickle(struct hj_part *p, uint64_t now_ms, struct hj_err *e)
{
  uint32_t stall_ms = p->fetch->job->limits.stall_ms;
  uint64_t came = p->exchanged - p->looked_bytes, over_ms = now_ms - p->looked_ms;
  bool ours = p->paused || p->ticket || p->fetch->job->brake.binds || p->fetch->job->polite; /* then its rate is our doing */
  if (!hj_part_is_active(p) || p->state != HJ_PART_FLOWING || (!ours && over_ms < stall_ms))
    return HJ_E_OK;
  p->looked_ms = now_ms;
  p->looked_bytes = p->exchanged;
  if (ours || came >= TRICKLE * (uint64_t)stall_ms / 1000)
    return HJ_E_OK;
  hj_fail(e, HJ_E_STALLED, "only %llu bytes came in %.3g s", (unsigned long long)came, (double)stall_ms / 1000);
  hj_text_show(p->url.shown, strlen(p->url.shown), e->url, sizeof e->url);
  return (int)e->code;
}

static bool is_outlier(const struct hj_part *p, uint64_t now_ms)
{
  const struct hj_fetch *f = p->fetch;
  struct hj_pace pace = { .age_ms = now_ms - p->began_ms, .bytes = p->pos - p->began_pos, .typical = f->route ? f->route->connection_rate : 0,
                          .rtt_ms = f->route ? f->route->trip_ms : 0, .flowed_ms = p->head_ms && now_ms > p->head_ms ? now_ms - p->head_ms : 0 };
  if (f->state != HJ_FETCH_FLOWING || f->in_memory || f->single || p->whole || p->paused || !p->ranged || p->end == HJ_UNKNOWN)
    return false;
  if (p->ticket || f->job->brake.binds || f->job->polite) /* its rate is our doing */
    return false;
  if (!hj_part_is_active(p) || !f->route || f->route->proven_connections < 3) /* two are too few to say which of them is typical */
    return false;
  pace.left = p->end - p->pos;
  pace.tail = !hj_fetch_has_gap(f);
  return hj_outlier(&pace);
}

/* Its range goes back to the plan; the connection is closed with the body still on it, so a new one takes its place. */
static int give_back(struct hj_part *p, struct hj_err *e)
{
  struct hj_fetch *f = p->fetch;
  HJ_TRACE(HJ_T_PART, p->id, "slow: %llu bytes where others bring %llu a second; its range is given back",
           (unsigned long long)(p->pos - p->began_pos), (unsigned long long)f->route->connection_rate);
  if (hj_part_flush(p, e) || hj_ranges_cut(&f->taken, p->pos, p->end, e))
    return (int)e->code;
  hj_part_free(p);
  return HJ_E_OK;
}

/* One part turned out to bring the whole file as a plain stream, or has done so: the ranges of the others come with it. */
static void let_others_go(struct hj_fetch *f)
{
  struct hj_part *next;
  for (struct hj_part *p = f->streams ? f->parts : NULL; p; p = next) {
    next = p->next;
    if (!p->stream)
      hj_part_free(p);
  }
}

void hj_fetch_watch(struct hj_fetch *f, uint64_t now_ms)
{
  struct hj_part *next;
  let_others_go(f);
  for (struct hj_part *p = f->parts; p; p = next) {
    struct hj_err e = HJ_ERR_INIT;
    next = p->next;
    if (p->piece_n && now_ms - p->flushed_ms >= FLUSH_AFTER_MS && hj_fetch_may_put(f) && hj_part_flush(p, &e))
      hj_fetch_fail(f, &e, true);
    else if (p->state == HJ_PART_RESTING && now_ms >= p->not_before_ms && has_slot(f->job))
      hj_part_ask(p, now_ms);
    else if (check_silence(p, now_ms, &e) || check_trickle(p, now_ms, &e))
      hj_part_stumble(p, &e, now_ms);
    else if (is_outlier(p, now_ms) && give_back(p, &e))
      hj_fetch_fail(f, &e, true);
    if (!has_parts(f))
      return;
  }
}

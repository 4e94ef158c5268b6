/* engine/stumble.c - a part whose exchange failed: what is kept, and whether, when and where it is asked for again. Network thread only. */
#include <string.h>
#include "engine/engine_int.h"
#include "engine/ladder.h"
#include "engine/retry.h"
#include "util/trace.h"
#include "util/banned.h"

#define GAIN_LEAST 1024u            /* a try that brought less, and not half of what was missing, brought nothing: byte by byte, 6 MB were 6 million requests */

static bool gained(const struct hj_part *p)
{
  uint64_t came = p->pos - p->began_pos, left = p->end == HJ_UNKNOWN ? HJ_UNKNOWN : p->end - p->pos;
  return came >= GAIN_LEAST || (came > 0 && came >= left);
}

static void count_try(struct hj_part *p, const struct hj_err *e, bool brought)
{
  p->barren = brought ? 0 : p->barren + 1;
  if (brought)
    p->rung = p->rung == HJ_RUNG_FAMILY ? p->rung : HJ_RUNG_SAME;
  p->alike = p->alike && !brought && p->ended == e->code && p->ended_http == e->http ? p->alike + 1 : 1;
  p->ended = e->code;
  p->ended_http = e->http;
}

static bool has_name(const char *origin)
{
  const char *host = strstr(origin, "://") + 3;
  return host[0] != '[' && strspn(host, "0123456789.:") != strlen(host);
}

static bool may_plain(const struct hj_part *p)
{
  const struct hj_fetch *f = p->fetch;
  if (!p->ranged || f->in_memory || f->single || hj_fetch_supply(p->fetch, p->supply)->bytes)
    return false;
  for (const struct hj_part *o = f->parts; o; o = o->next)
    if (o != p && (o->rung == HJ_RUNG_PLAIN || o->supply != p->supply))
      return false;
  return true;
}

static struct hj_step step_of(struct hj_part *p, const struct hj_err *e, uint64_t now_ms)
{
  struct hj_fetch *f = p->fetch;
  struct hj_fall fall = { .code = e->code, .rung = p->rung, .barren = p->barren, .mirror = p->supply > 0 };
  fall.may_family = p->family && !p->one_family && has_name(hj_part_origin(p)) && !f->job->limits.ipv4_only && !hj_host_family(hj_hosts_find(f->job->hosts, hj_part_origin(p)), now_ms);
  fall.may_plain = may_plain(p);
  fall.other = hj_fetch_pick(f, (int)p->supply, false, now_ms) >= 0;
  fall.other_flows = fall.other && hj_fetch_flows_elsewhere(f, p->supply, now_ms);
  return hj_ladder(&fall);
}

/* What of it is kept goes on at the next byte, whoever is asked. */
static void change_source(struct hj_part *p, uint64_t now_ms)
{
  int to = hj_fetch_pick(p->fetch, (int)p->supply, false, now_ms);
  if (to < 0)
    return;
  HJ_TRACE(HJ_T_PART, p->id, "goes on at %s instead of %s", hj_fetch_supply(p->fetch, (unsigned)to)->first.origin, hj_part_supply(p)->first.origin);
  p->supply = (unsigned)to;
  p->rung = HJ_RUNG_SAME;
  p->resolves = p->family = 0;
}

/* No half of a body can be kept that is in memory, or whose server cannot go on in the middle: from the first byte. */
static void back_to_the_start(struct hj_part *p)
{
  p->pos = p->piece_at = p->at;
  p->piece_n = 0;
  hj_buf_clear(&p->fetch->body);
}

/* The exchange is over; what its end says of the connection and its address is passed on. */
static void let_go(struct hj_part *p, const struct hj_err *e, uint64_t now_ms)
{
  HJ_TRACE(HJ_T_PART, p->id, "stumbled (%s): %s, %s", hj_rung_name(p->rung), hj_code_name(e->code), e->msg);
  if (p->request && e->code == HJ_E_STALLED) {
    hj_request_distrust(p->request);
    hj_edges_failed(hj_part_edges(p, now_ms), p->address, now_ms);
  }
  hj_part_cut(p);
  if (p->is_probe)
    hj_source_probe_lost(&hj_part_supply(p)->source);
  p->is_probe = false;
}

/* It broke after its last byte: nothing is missing. Not if the disk refused that very byte: then pos is ahead of what was written. */
static bool is_whole(const struct hj_part *p, const struct hj_err *e)
{
  return hj_code_again(e->code) && !p->fetch->in_memory && !p->whole && p->end != HJ_UNKNOWN && p->pos == p->end && hj_fetch_has_blob(p->fetch);
}

/* What hj_retry judges; counts this try on the way. stream: it begins again from its first byte. */
static struct hj_retry_facts count_up(struct hj_part *p, const struct hj_err *e, bool stream, uint64_t now_ms)
{
  struct hj_fetch *f = p->fetch;
  struct hj_job *j = f->job;
  struct hj_retry_facts facts = { .err = e, .tries = j->limits.tries, .give_up_ms = j->limits.give_up_ms };
  bool brought = p->exchanged > 0 && p->pos > p->began_pos;
  count_try(p, e, gained(p) && !f->in_memory && !stream);
  facts.barren = p->barren;
  facts.alike = p->alike;
  facts.answered = p->status != 0;
  facts.idle_ms = hj_job_still_ms(j, now_ms);
  facts.dice = hj_job_roll(j);
  facts.wasted = brought && (stream || f->in_memory ? p->pos <= p->furthest : !gained(p));
  if (p->pos > p->furthest)
    p->furthest = p->pos;
  facts.met = hj_host_was_met(hj_hosts_find(j->hosts, hj_part_origin(p)), now_ms);
  return facts;
}

/* What this failure says of the host, and of the source. */
static void blame(struct hj_part *p, const struct hj_err *e, const struct hj_step *step, uint64_t now_ms)
{
  struct hj_job *j = p->fetch->job;
  if (p->barren && (e->code == HJ_E_STALLED || e->code == HJ_E_TIMEOUT || e->code == HJ_E_CONNECT || e->code == HJ_E_RESOLVE))
    hj_host_is_silent(hj_hosts_of(j->hosts, hj_part_supply(p)->first.origin, now_ms), now_ms);
  if (!step->drop)
    return;
  if (p->supply == 0)
    p->fetch->own_left = true;
  hj_supply_drop(hj_part_supply(p), e->msg);
}

/* Another try of the same would say the same: the whole file fails, or begins anew. */
static bool is_final(struct hj_part *p, const struct hj_err *e, const struct hj_step *step, uint64_t now_ms)
{
  struct hj_fetch *f = p->fetch;
  if (step->rung == HJ_RUNG_SOURCE)
    return false;
  if ((e->code == HJ_E_SIZE && f->want->size != HJ_SIZE_UNKNOWN && p->barren >= 2 && !p->exchanged) || /* two heads say so: six said it after 3 s */
      (step->rung == HJ_RUNG_END && p->supply == 0 && !hj_code_again(e->code))) {
    hj_fetch_fail(f, e, true);
    return true;
  }
  if (e->code == HJ_E_CHANGED || (e->code == HJ_E_RANGE && p->barren >= 2)) {
    hj_news_stumbled(f->job->news, f->index, e, 0);
    hj_fetch_restart(f, e, e->code == HJ_E_RANGE, now_ms);
    return true;
  }
  return false;
}

/* An address that keeps failing is asked for anew: another edge may answer. One that was never reached at all, at once: who named a dead
 * host may name a living one the next time (a small file failed after six tries at the dead one; the hub was asked once). */
static void doubt_address(struct hj_part *p, const struct hj_err *e)
{
  enum hj_source_state *state = &hj_part_supply(p)->source.state;
  bool dead = *state == HJ_SOURCE_FRESH && (e->code == HJ_E_RESOLVE || e->code == HJ_E_CONNECT);
  if (dead || (p->barren >= 2 && !p->first_way && (*state == HJ_SOURCE_REUSABLE || *state == HJ_SOURCE_FRESH)))
    *state = HJ_SOURCE_UNKNOWN;
}

/* Rests, and then goes on: at another source, another family of addresses, or where it was. */
static void rest(struct hj_part *p, const struct hj_err *e, const struct hj_step *step, const struct hj_verdict *verdict, uint64_t now_ms)
{
  struct hj_fetch *f = p->fetch;
  struct hj_err s = HJ_ERR_INIT;
  doubt_address(p, e);
  if (verdict->excused)
    f->job->moved_ms = now_ms + verdict->after_ms;
  if (step->rung == HJ_RUNG_SOURCE) {
    if (!f->in_memory && hj_part_flush(p, &s)) { /* what came came from the old one */
      hj_fetch_fail(f, &s, true);
      return;
    }
    change_source(p, now_ms);
  } else {
    if (step->rung == HJ_RUNG_FAMILY)
      p->other_than = p->family;
    p->rung = p->barren ? step->rung : p->rung;
  }
  p->not_before_ms = now_ms + verdict->after_ms;
  hj_part_enter(p, HJ_PART_RESTING);
}

void hj_part_stumble(struct hj_part *p, const struct hj_err *e, uint64_t now_ms)
{
  struct hj_fetch *f = p->fetch;
  struct hj_job *j = f->job;
  struct hj_err s = HJ_ERR_INIT;
  struct hj_retry_facts facts;
  struct hj_verdict verdict;
  struct hj_step step;
  bool mixed, detour, stream = (p->whole || f->single) && !f->in_memory;
  let_go(p, e, now_ms);
  if (is_whole(p, e)) {
    hj_fetch_body_ends(f, p, now_ms);
    return;
  }
  if (stream && f->resumes && hj_code_again(e->code) && hj_fetch_has_blob(f) && !hj_part_flush(p, &s))
    stream = false; /* goes on where it was */
  facts = count_up(p, e, stream, now_ms);
  detour = p->rung == HJ_RUNG_FAMILY && (e->code == HJ_E_CONNECT || e->code == HJ_E_RESOLVE);
  p->one_family = p->one_family || detour;
  if (!f->own_left && !detour) /* that the host has no other address is not the trouble */
    f->err = *e;
  mixed = stream && p->pos > p->at && f->promise.algo == HJ_ALGO_NONE && !f->validator[0];
  if (f->in_memory || stream)
    back_to_the_start(p);
  step = step_of(p, e, now_ms);
  blame(p, e, &step, now_ms);
  if (is_final(p, e, &step, now_ms))
    return;
  verdict = hj_retry(&facts);
  if (step.rung == HJ_RUNG_SOURCE && facts.idle_ms < facts.give_up_ms && facts.tries > 1)
    verdict = (struct hj_verdict){ .again = true, .after_ms = p->barren > f->supplies_n ? verdict.after_ms : 0 };
  if (!verdict.again || step.rung == HJ_RUNG_END || (e->code == HJ_E_HTTP_LIMITED && f->want->limited_fails)) {
    hj_fetch_fail(f, detour && f->err.code != HJ_E_OK ? &f->err : e, true);
    return;
  }
  hj_news_stumbled(j->news, f->index, e, verdict.after_ms);
  if (e->code == HJ_E_HTTP_LIMITED || e->http == 503)
    hj_route_back_off(j, hj_part_origin(p), now_ms);
  if (mixed) /* neither a promise nor a validator: what landed may be of another version than what comes next */
    hj_fetch_restart(f, e, false, now_ms + verdict.after_ms);
  else
    rest(p, e, &step, &verdict, now_ms);
}

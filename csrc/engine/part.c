/* engine/part.c - one contiguous range being fetched: asks, checks the head before the first byte, fills pieces, stumbles, goes on. */
#include <stdio.h>
#include <string.h>
#include "engine/engine_int.h"
#include "engine/window.h"
#include "transfer/classify.h"
#include "transfer/origin.h"
#include "transfer/proxy.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/timeline.h"
#include "util/trace.h"
#include "util/banned.h"

#define ERROR_BODY_MAX (64u << 10)  /* of an error page or redirect: read, not kept; more is cut off */
#define LIGHT_BODY_MAX HJ_PIECE     /* 8 MB/s, as a CDN gives one connection, are 320 KB in 40 ms */
/* A server sends what it was asked for side by side: of a thousand small bodies none would be whole before nearly all are, and the disk
 * would begin when the network ends (120 ms at 40 ms RTT, seen 2026-11-23). These are 8 MB, 200 MB/s at that distance. */
#define BODIES_AT_ONCE 384u
#define RESOLVES_MAX 4u             /* refusals of a redirected URL by one part before the refusal is believed */

static const char *const state_names[] = {
#define HJ_X(name, text) text,
  HJ_PART_STATES(HJ_X)
#undef HJ_X
};

void hj_part_enter(struct hj_part *p, enum hj_part_state to)
{
  HJ_TRACE(HJ_T_PART, p->id, "%s -> %s at %llu of %llu-%llu", state_names[p->state], state_names[to], (unsigned long long)p->pos,
           (unsigned long long)p->at, (unsigned long long)p->end);
  p->state = to;
}

/* What the exchange that ends now was, for the picture. */
static void draw(const struct hj_part *p, const struct hj_request *r, int status, enum hj_code code)
{
  const struct hj_want *w = p->fetch->want;
  struct hj_slice s = { .track = HJ_TRACK_CONNECTION, .what = p->ranged ? "range" : "file", .file = w->link_path ? w->link_path : p->fetch->own.first.path,
                        .host = p->url.origin, .code = hj_code_name(code), .from_us = p->began_us, .head_us = p->head_us,
                        .to_us = hj_clock_ns() / 1000, .offset = p->began_pos, .bytes = p->exchanged, .status = status };
  if (!hj_timeline_is_on() || !p->began_us)
    return;
  s.key = hj_request_port(r);
  hj_timeline_slice(&s);
}

struct hj_part *hj_part_new(struct hj_fetch *f, uint64_t at, uint64_t end, struct hj_err *e)
{
  struct hj_part *p = hj_mem_zero(1, sizeof *p, e);
  if (!p)
    return NULL;
  p->fetch = f;
  p->id = ++f->job->part_ids;
  p->at = p->pos = p->piece_at = at;
  p->end = end;
  p->err = (struct hj_err)HJ_ERR_INIT;
  p->next = f->parts;
  f->parts = p;
  f->parts_n++;
  p->memory_taken = f->in_memory ? HJ_ASK_COST : HJ_PIECE + (f->own.first.https ? HJ_TLS_COST : HJ_PLAIN_COST);
  f->job->memory_used += p->memory_taken;
  return p;
}

bool hj_part_is_active(const struct hj_part *p) { return p->request != NULL; }

/* A connection with the rest of a body on it is closed. */
static void lose_connection(const struct hj_part *p)
{
  struct hj_route *r = p->fetch->route;
  if (p->state == HJ_PART_FLOWING && !p->fetch->in_memory && r && r->proven_connections)
    r->proven_connections--;
}

struct hj_supply *hj_part_supply(const struct hj_part *p) { return hj_fetch_supply(p->fetch, p->supply); }

/* Without memory for a copy it has no URL yet. */
const char *hj_part_origin(const struct hj_part *p) { return p->url.origin ? p->url.origin : hj_part_supply(p)->first.origin; }

static struct hj_host *host_of(const struct hj_part *p, uint64_t now_ms) { return hj_hosts_of(p->fetch->job->hosts, hj_part_origin(p), now_ms); }
struct hj_edges *hj_part_edges(const struct hj_part *p, uint64_t now_ms)
{
  return &host_of(p, now_ms)->edges;
}

/* The rate of an exchange that ends says something of the address, unless it was our doing. */
static void judge_edge(struct hj_part *p, uint64_t now_ms)
{
  const struct hj_job *j = p->fetch->job;
  if (p->address[0] && p->head_ms && !j->limited && !j->polite && !p->paused)
    hj_edges_saw(hj_part_edges(p, now_ms), p->address, p->exchanged, now_ms - p->head_ms, now_ms);
  p->address[0] = 0;
}

/* What answers, and whether it is one of the slow: then its connection serves this range and no other. */
static void meet_edge(struct hj_part *p, struct hj_request *request)
{
  struct hj_edges *edges = hj_part_edges(p, p->head_ms);
  if (!p->own || !p->ranged || p->fetch->in_memory || !hj_request_address(request, p->address))
    return;
  hj_edges_saw(edges, p->address, 0, 0, p->head_ms);
  p->leaves = hj_edges_is_slow(edges, p->address, p->head_ms);
  if (!p->leaves)
    return;
  HJ_TRACE(HJ_T_PART, p->id, "%s is slow: this connection is not used again", p->address);
  hj_request_distrust(request);
}

static void request_gone(struct hj_part *p)
{
  if (p->in_quota)
    hj_quota_lost(&host_of(p, hj_clock_ms())->quota);
  p->in_quota = false;
  hj_supply_measure(hj_part_supply(p), p->exchanged, p->last_byte_ms - p->began_ms);
  (void)hj_window_count(p);
  p->fetch->job->active--;
  p->fetch->job->own -= p->own;
  p->fetch->job->bodies -= p->bears;
  p->own = p->bears = false;
}

void hj_part_cut(struct hj_part *p)
{
  if (p->state == HJ_PART_QUEUED) {
    hj_job_unqueue(p->fetch->job, p);
    hj_part_enter(p, HJ_PART_RESTING);
  }
  if (!p->request)
    return;
  lose_connection(p);
  judge_edge(p, hj_clock_ms());
  p->family = hj_request_family(p->request);
  draw(p, p->request, p->status, HJ_E_CANCELLED);
  hj_request_stop(p->request);
  p->request = NULL;
  hj_throttle_drop(p);
  p->paused = false;
  request_gone(p);
  if (p->is_probe)
    hj_source_probe_lost(&hj_part_supply(p)->source);
  p->is_probe = false;
}

void hj_part_free(struct hj_part *p)
{
  struct hj_fetch *f = p->fetch;
  struct hj_part **at = &f->parts;
  hj_part_cut(p);
  while (*at != p)
    at = &(*at)->next;
  *at = p->next;
  f->parts_n--;
  f->job->memory_used -= p->memory_taken;
  hj_url_release(&p->url);
  hj_mem_free(p->piece);
  hj_mem_free(p);
}

/* Whose bytes lie where, for the case that the whole is wrong. What is there already stays who brought it. */
static int note_brought(struct hj_part *p, size_t n, struct hj_err *e)
{
  const struct hj_ranges *held = hj_blob_held(p->fetch->blob);
  struct hj_span gap;
  if (p->fetch->supplies_n == 1)
    return HJ_E_OK;
  for (uint64_t from = p->piece_at; hj_ranges_gap(held, from, p->piece_at + n, &gap); from = gap.end)
    if (hj_ranges_add(&hj_part_supply(p)->brought, gap.at, gap.end, e))
      return (int)e->code;
  return HJ_E_OK;
}

int hj_part_flush(struct hj_part *p, struct hj_err *e)
{
  size_t n = p->piece_n;
  if (!n || !hj_fetch_has_blob(p->fetch))
    return HJ_E_OK;
  p->flushed_ms = p->last_byte_ms;
  p->piece_n = 0;
  if (note_brought(p, n, e))
    return (int)e->code;
  if (hj_blob_put(p->fetch->blob, p->piece_at, p->piece, n, e))
    return (int)e->code;
  p->piece_at += n;
  atomic_fetch_add(&p->fetch->job->on_disk, n);
  return HJ_E_OK;
}

/* Bytes for the blob. A piece ends where the file's grid of HJ_PIECE ends, so that journal and disk blocks line up. */
static int take_bytes(struct hj_part *p, const uint8_t *bytes, size_t n, struct hj_err *e)
{
  if (p->end != HJ_UNKNOWN && n > p->end - p->pos)
    return hj_fail(e, HJ_E_PROTOCOL, "the server sent more than the %llu bytes asked for", (unsigned long long)(p->end - p->at));
  if (!p->piece) {
    p->piece = hj_mem_new(HJ_PIECE, e);
    if (!p->piece)
      return (int)e->code;
  }
  while (n) {
    size_t room = HJ_PIECE - (size_t)(p->piece_at % HJ_PIECE) - p->piece_n;
    size_t step = n < room ? n : room;
    memcpy(p->piece + p->piece_n, bytes, step);
    p->piece_n += step;
    p->pos += step;
    bytes += step;
    n -= step;
    if (step == room && hj_part_flush(p, e))
      return (int)e->code;
  }
  return HJ_E_OK;
}

/* ---- the head ----------------------------------------------------------------------------------------------------- */

/* The host is there, and may say how many questions it still answers. */
static void hear(struct hj_part *p, struct hj_request *request, const struct hj_reply *r)
{
  struct hj_host *h = host_of(p, p->head_ms);
  const char *told = r->kept[HJ_KEPT_RATELIMIT], *policy = r->kept[HJ_KEPT_RATELIMIT_POLICY];
  uint64_t left = 0, reset_s = 0, most = 0, window_s = 0;
  bool limited;
  hj_host_answered(h, hj_request_answer_us(request));
  hj_host_meet(h, p->head_ms);
  p->family = hj_request_family(request);
  if (!p->in_quota)
    return;
  p->in_quota = false;
  if (policy && !hj_parse_ratelimit_policy(policy, strlen(policy), &most, &window_s))
    most = window_s = 0;
  limited = told && hj_parse_ratelimit(told, strlen(told), &left, &reset_s);
  hj_quota_heard(&h->quota, limited, left, reset_s, most, window_s, p->head_ms);
}

static enum hj_go on_head(void *user, struct hj_request *request, const struct hj_reply *r)
{
  struct hj_part *p = user;
  struct hj_fetch *f = p->fetch;
  p->last_byte_ms = p->head_ms = p->looked_ms = hj_clock_ms();
  hear(p, request, r);
  p->status = r->status;
  if (p->began_us)
    p->head_us = hj_clock_ns() / 1000;
  p->is_page = hj_part_is_page(f, r);
  if (p->is_page) {
    f->http_status = r->status;
    return HJ_GO; /* the beginning is read, for the message */
  }
  if (hj_meta_absorb(f, p, r, &p->err))
    return HJ_GO_STOP;
  if (r->status < 200 || r->status >= 300)
    return HJ_GO; /* redirects and refusals: on_done decides */
  if (p->lead && !hj_fetch_has_blob(f) && f->want->dest != HJ_DEST_MEMORY && (hj_meta_is_held(f) || f->want->meta_only))
    return HJ_GO_STOP; /* meta_only: whatever this answer does not say, nobody will */
  if (r->status != 200 && r->status != 206 && f->want->dest != HJ_DEST_MEMORY) {
    hj_fail(&p->err, HJ_E_PROTOCOL, "status %d is no answer to a download", r->status);
    return HJ_GO_STOP;
  }
  if (hj_part_judge(p, r, &p->err))
    return HJ_GO_STOP;
  hj_part_enter(p, HJ_PART_FLOWING);
  f->job->plain = f->job->plain || (p->hops == 0 && f->light);
  meet_edge(p, request);
  if (!f->in_memory) {
    hj_route_settle(f, p->url.origin, p->head_ms);
    f->route->proven_connections += hj_request_made_connection(request);
  }
  if (f->state == HJ_FETCH_ASKING && !f->in_memory)
    hj_fetch_send(f, HJ_CHORE_OPEN); /* the body waits (paused) until the blob is open */
  return HJ_GO;
}

/* ---- the body ----------------------------------------------------------------------------------------------------- */

static enum hj_go error_body(struct hj_part *p, const char *bytes, size_t n, struct hj_request *request)
{
  size_t room = sizeof p->excerpt - 1 - p->excerpt_n;
  if (n < room)
    room = n;
  memcpy(p->excerpt + p->excerpt_n, bytes, room);
  p->excerpt_n += room;
  return hj_request_bytes(request) > ERROR_BODY_MAX ? HJ_GO_STOP : HJ_GO;
}

/* The rung it stands on was the right one: others need not climb. */
static void first_byte(struct hj_part *p)
{
  struct hj_fetch *f = p->fetch;
  if (p->rung == HJ_RUNG_FAMILY && p->family)
    hj_host_family_works(host_of(p, p->last_byte_ms), p->family, p->last_byte_ms);
  if (p->rung == HJ_RUNG_PLAIN && p->whole && !f->in_memory) {
    HJ_TRACE(HJ_T_PART, p->id, "%s gives no ranges, but one plain stream", p->url.origin);
    hj_host_plain_works(hj_hosts_of(f->job->hosts, hj_part_supply(p)->first.origin, p->last_byte_ms), p->last_byte_ms);
    f->single = true; /* the other parts are let go by the next look (engine/watch.c): not from inside libcurl */
    f->resumes = false;
    p->stream = f->streams = true;
    p->at = p->pos = p->piece_at = p->began_pos = 0;
    p->piece_n = 0;
    p->end = f->size;
  }
}

static enum hj_go on_body(void *user, struct hj_request *request, const void *bytes, size_t n)
{
  struct hj_part *p = user;
  struct hj_fetch *f = p->fetch;
  p->last_byte_ms = hj_clock_ms();
  if (p->state != HJ_PART_FLOWING)
    return error_body(p, bytes, n, request);
  if (!f->in_memory && !hj_fetch_has_blob(f)) {
    p->paused = true;
    return HJ_GO_PAUSE;
  }
  if (!hj_throttle_admit(f->job->throttle, p, n))
    return HJ_GO_PAUSE;
  if (!p->exchanged)
    first_byte(p);
  f->from_net += n;
  hj_part_supply(p)->bytes += n;
  p->exchanged += n;
  f->job->moved_ms = p->last_byte_ms;
  if (f->route && !f->in_memory)
    f->route->bytes += n;
  atomic_fetch_add(&f->job->from_net, n); /* before they are on disk: who looks meanwhile must not see more there than came */
  if (f->in_memory ? hj_buf_add(&f->body, bytes, n, &p->err) : take_bytes(p, bytes, n, &p->err))
    return HJ_GO_STOP;
  if (f->in_memory)
    p->pos += n;
  return HJ_GO;
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static void refused(struct hj_part *p, const struct hj_reply *r, uint64_t now_ms)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_fetch *f = p->fetch;
  const char *proxy = hj_proxy_for(&f->job->net, &p->url);
  bool redirected = p->hops > 0 || !p->first_way;
  bool denial = r->status == 401 || r->status == 403 || r->status == 404 || r->status == 410;
  if (redirected && denial && !hj_url_same_origin(&p->url, &hj_part_supply(p)->first)) {
    HJ_TRACE(HJ_T_PART, p->id, "%s refused the range (%d), source is %s", p->url.origin, r->status, hj_source_name(hj_part_supply(p)->source.state));
    hj_source_answered(&hj_part_supply(p)->source, p->first_way, true, true);
    p->is_probe = false;
    if (++p->resolves < RESOLVES_MAX) {
      hj_part_ask(p, now_ms);
      return;
    }
  }
  p->excerpt[p->excerpt_n] = 0;
  for (size_t i = 0; i < p->excerpt_n; i++)
    if (p->excerpt[i] == '\r' || p->excerpt[i] == '\n' || p->excerpt[i] == '\t')
      p->excerpt[i] = ' ';
  if (p->supply == 0)
    hj_text_show(p->excerpt, p->excerpt_n, f->excerpt, sizeof f->excerpt);
  if (p->is_page)
    hj_fail(&e, HJ_E_PORTAL, "%s answered with a page for people, not with the file", p->url.origin);
  else
    hj_fail(&e, r->status >= 400 ? hj_code_of_status(r->status) : HJ_E_PROTOCOL, "%s answered with status %d", p->url.origin, r->status);
  if (proxy)
    hj_proxy_shown(proxy, e.proxy, sizeof e.proxy);
  e.http = r->status;
  e.retry_ms = hj_reply_retry_ms(r, hj_clock_wall_ns() / 1000000000);
  hj_text_show(p->url.shown, strlen(p->url.shown), e.url, sizeof e.url);
  hj_part_stumble(p, &e, now_ms);
}

static void redirected(struct hj_part *p, const struct hj_reply *r, bool from_inside, uint64_t now_ms)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url to = { 0 };
  if (!r->location) {
    hj_fail(&e, HJ_E_PROTOCOL, "%s answered with status %d and no Location", p->url.origin, r->status);
  } else if (!hj_url_join(&to, &p->url, r->location, strlen(r->location), &e) &&
             !hj_origin_check_redirect(&p->url, &to, (int)p->hops + 1, from_inside, p->fetch->job->limits.allow_http_downgrade, &e)) {
    hj_url_release(&p->url);
    p->outside = p->outside || !from_inside;
    p->url = to;
    p->hops++;
    hj_fetch_redirected(p->fetch, p, now_ms);
    return;
  }
  if (e.code == HJ_E_BADARG) { /* the server's argument, not the caller's */
    struct hj_err why = e;
    e = (struct hj_err)HJ_ERR_INIT;
    hj_fail(&e, HJ_E_REDIRECT, "%s redirects to what is %s", p->url.origin, why.msg);
  }
  e.http = r->status;
  hj_text_show(p->url.shown, strlen(p->url.shown), e.url, sizeof e.url);
  hj_url_release(&to);
  hj_part_stumble(p, &e, now_ms);
}

static void wait_for_way(struct hj_part *p)
{
  hj_part_enter(p, HJ_PART_QUEUED);
  hj_job_queue(p->fetch->job, p);
}

static bool says_empty(const struct hj_part *p, const struct hj_reply *r)
{
  return p->lead && p->fetch->state == HJ_FETCH_ASKING && r->status == 416 && r->has_range && !r->range.satisfied && r->range.total == 0 &&
         (p->fetch->size == HJ_SIZE_UNKNOWN || p->fetch->size == 0);
}

static void on_done(void *user, struct hj_request *request, const struct hj_reply *r, bool stopped, const struct hj_err *e)
{
  struct hj_part *p = user;
  struct hj_fetch *f = p->fetch;
  uint64_t now_ms = hj_clock_ms();
  struct hj_err own = p->err;
  bool from_inside = f->job->limits.private_redirects || hj_request_from_inside(request, &p->url);
  if (e->code != HJ_E_OK)
    p->family = hj_request_family(request);
  if (!hj_request_found_no_room(request) && !hj_request_turned_away(request))
    draw(p, request, r->status, own.code != HJ_E_OK ? own.code : e->code);
  if (own.code != HJ_E_OK || e->code != HJ_E_OK || stopped || p->leaves)
    lose_connection(p);
  judge_edge(p, now_ms);
  p->request = NULL;
  hj_throttle_drop(p);
  p->paused = false;
  request_gone(p);
  p->err = (struct hj_err)HJ_ERR_INIT;
  if (e->code != HJ_E_OK && hj_request_turned_away(request)) {
    hj_edges_alone(hj_part_edges(p, now_ms), now_ms);
    f->requests--;
    atomic_fetch_sub(&f->job->requests, 1);
    wait_for_way(p);
  } else if (e->code != HJ_E_OK && hj_request_found_no_room(request)) {
    wait_for_way(p);
  } else if (own.code != HJ_E_OK) {
    own.http = r->status;
    hj_text_show(p->url.shown, strlen(p->url.shown), own.url, sizeof own.url);
    hj_part_stumble(p, &own, now_ms);
  } else if (r->status >= 300 && r->status < 400 && r->status != 304) {
    redirected(p, r, from_inside, now_ms);
  } else if (says_empty(p, r) && f->want->meta_only) {
    hj_fetch_end(f, HJ_END_META);
  } else if (says_empty(p, r)) {
    f->in_memory = true;
    hj_buf_clear(&f->body);
    if (f->size == HJ_SIZE_UNKNOWN)
      atomic_fetch_sub(&f->job->sizes_unknown, 1);
    f->size = 0;
    hj_fetch_body_ends(f, p, now_ms);
  } else if (p->is_page || r->status >= 400 || r->status == 304) {
    refused(p, r, now_ms);
  } else if (e->code != HJ_E_OK) {
    own = *e;
    if (own.code == HJ_E_BADARG && p->hops)
      own.code = HJ_E_REDIRECT; /* an address that libcurl does not take, and a server gave */
    hj_part_stumble(p, &own, now_ms);
  } else if (stopped) {
    hj_fetch_end(f, hj_meta_is_held(f) ? HJ_END_HELD : HJ_END_META);
  } else {
    hj_fetch_body_ends(f, p, now_ms);
  }
}

static const struct hj_visitor visitor = { on_head, on_body, on_done };

/* ---- asking ------------------------------------------------------------------------------------------------------- */

static unsigned most_lanes(const struct hj_job *j)
{
  unsigned worth = hj_lanes_for(j->n);
  return j->slots < worth ? j->slots : worth;
}

/* The other one than was silent; else what is known of the host. */
static unsigned family_of(const struct hj_part *p)
{
  if (p->rung == HJ_RUNG_FAMILY && p->other_than)
    return p->other_than == 4 ? 6 : 4;
  return hj_host_family(hj_hosts_find(p->fetch->job->hosts, p->url.origin), p->began_ms);
}

/* What is latency rather than bandwidth shares connections. The body of a file that one connection would bring in less than a few
 * round trips does, too; larger ones would share its rate. */
static struct hj_lane *lane_of(const struct hj_part *p)
{
  const struct hj_fetch *f = p->fetch;
  bool asks_hub = p->lead && !hj_fetch_has_blob(f) && hj_url_same_origin(&p->url, &hj_part_supply(p)->first);
  if (family_of(p))
    return NULL; /* what shares connections has no say in which */
  if (f->want->dest == HJ_DEST_MEMORY || asks_hub || (f->in_memory && f->size <= LIGHT_BODY_MAX))
    return hj_loop_lane(f->job->loop, &p->url);
  return NULL;
}

/* Redirects are cheap: all of them may be asked for at once. */
static bool bears(const struct hj_part *p, const struct hj_lane *lane)
{
  return lane && p->fetch->light && (p->hops > 0 || p->fetch->job->plain);
}

/* Questions for files, at the hub or a mirror itself; where they redirect to nobody counts. */
static bool is_counted(const struct hj_part *p)
{
  return p->fetch->want->dest != HJ_DEST_MEMORY && hj_url_same_origin(&p->url, &hj_part_supply(p)->first);
}

static bool has_way(const struct hj_part *p, const struct hj_lane *lane)
{
  const struct hj_job *j = p->fetch->job;
  if (bears(p, lane) && j->bodies >= BODIES_AT_ONCE)
    return false;
  if (lane && !hj_lane_has_room(lane, most_lanes(j)))
    return false;
  if (is_counted(p) && hj_quota_ask(&host_of(p, hj_clock_ms())->quota, hj_clock_ms()) > 0) {
    p->fetch->job->moved_ms = hj_clock_ms(); /* a pause that was planned is no standstill */
    return false;
  }
  return (lane && lane->sort == HJ_LANE_MANY) || j->own < j->slots;
}

bool hj_part_has_way(const struct hj_part *p) { return has_way(p, lane_of(p)); }

static void start(struct hj_part *p, uint64_t now_ms)
{
  struct hj_fetch *f = p->fetch;
  struct hj_job *j = f->job;
  struct hj_err e = HJ_ERR_INIT;
  bool on_first = p->supply == 0 && hj_url_same_origin(&p->url, &f->own.first);
  struct hj_lane *lane = lane_of(p);
  if (!has_way(p, lane)) {
    wait_for_way(p);
    return;
  }
  struct hj_avoid avoid = { .n = 0 };
  struct hj_ask ask = { .url = &p->url, .net = &j->net, .why = f->want->why ? f->want->why : "fetch" };
  if (p->supply == 0 && f->want->auth && hj_origin_may_see_secret(&f->auth_origin, &p->url))
    ask.auth = f->want->auth;
  if (on_first) {
    ask.headers = f->want->headers;
    ask.headers_n = f->want->headers_n;
    ask.post = f->want->post;
    ask.post_n = f->want->post_n;
  }
  if (p->ranged) {
    ask.has_range = true;
    ask.first = p->pos;
    ask.last = p->end == HJ_UNKNOWN ? HJ_UNKNOWN : p->end - 1;
    if (f->validator[0] && !f->no_if_range && !strcmp(f->validator_origin, p->url.origin))
      ask.if_range = f->validator;
  }
  p->sent_if_range = ask.if_range != NULL;
  ask.outside = p->outside;
  ask.lane = lane;
  ask.lanes = most_lanes(j);
  ask.family = family_of(p);
  if (j->limited) /* a piece is taken whole: a large one would be a burst of its own */
    ask.buffer = (size_t)(j->throttle->bucket.rate / (1000 / HJ_STEP_MS));
  if (!lane && p->ranged && !f->in_memory) {
    hj_edges_avoid(hj_part_edges(p, now_ms), now_ms, &avoid);
    ask.avoid = &avoid;
  }
  p->address[0] = 0;
  p->leaves = false;
  p->excerpt_n = 0;
  p->err = (struct hj_err)HJ_ERR_INIT;
  p->is_page = false;
  p->whole = false;
  p->exchanged = p->counted = p->head_us = 0;
  p->window = 0;
  p->status = 0;
  p->began_us = hj_timeline_is_on() ? hj_clock_ns() / 1000 : 0;
  p->last_byte_ms = p->began_ms = p->looked_ms = now_ms;
  p->looked_bytes = 0;
  p->head_ms = 0;
  p->began_pos = p->pos;
  hj_part_enter(p, HJ_PART_ASKING);
  if (hj_request_start(&p->request, j->loop, &ask, &visitor, p, &e)) {
    hj_text_show(p->url.shown, strlen(p->url.shown), e.url, sizeof e.url);
    hj_part_stumble(p, &e, now_ms);
    return;
  }
  p->in_quota = is_counted(p);
  if (p->in_quota)
    hj_quota_asked(&host_of(p, now_ms)->quota);
  j->questions += p->in_quota;
  if (f->want->many) {
    unsigned worth = hj_lanes_for(f->want->many);
    ask.lanes = j->slots < worth ? j->slots : worth;
    hj_request_knock(j->loop, &ask);
  }
  p->own = !lane || lane->sort != HJ_LANE_MANY;
  j->active++;
  p->bears = bears(p, lane);
  j->own += p->own;
  j->bodies += p->bears;
  f->requests++;
  atomic_fetch_add(&j->requests, 1);
}

static bool somebody_resolves(const struct hj_part *me)
{
  for (const struct hj_part *p = me->fetch->parts; p; p = p->next)
    if (p != me && p->supply == me->supply && p->first_way && p->hops == 0 && hj_part_is_active(p))
      return true;
  return false;
}

/* A small file of known size needs none; one of unknown size is asked for with a range, or a large one could not be shared out. */
static bool needs_range(const struct hj_fetch *f)
{
  return !f->single && !f->want->no_ranges && f->want->dest != HJ_DEST_MEMORY && !f->want->post && !f->in_memory;
}

/* A plain stream that broke: the rest of it is asked for. */
static bool goes_on(const struct hj_part *p) { return p->fetch->resumes && p->pos > p->at && !p->fetch->in_memory; }

void hj_part_ask(struct hj_part *p, uint64_t now_ms)
{
  struct hj_fetch *f = p->fetch;
  struct hj_err e = HJ_ERR_INIT;
  enum hj_way way;
  struct hj_supply *s = hj_part_supply(p);
  if (s->source.state == HJ_SOURCE_UNKNOWN && somebody_resolves(p)) {
    hj_part_enter(p, HJ_PART_RESTING); /* that one's redirect will serve us too */
    p->not_before_ms = now_ms;
    return;
  }
  way = hj_source_way(&s->source, now_ms);
  if (way == HJ_WAY_WAIT) {
    hj_part_enter(p, HJ_PART_RESTING);
    p->not_before_ms = now_ms;
    return;
  }
  p->ranged = p->rung != HJ_RUNG_PLAIN && (needs_range(f) || goes_on(p));
  p->first_way = way == HJ_WAY_FIRST;
  p->is_probe = s->source.state == HJ_SOURCE_PROBING;
  p->hops = 0;
  p->outside = !p->first_way && s->source.outside;
  if (hj_url_copy(&p->url, p->first_way ? &s->first : &s->source.url, &e)) {
    hj_part_stumble(p, &e, now_ms);
    return;
  }
  start(p, now_ms);
}

void hj_part_follow_on(struct hj_part *p, uint64_t now_ms) { start(p, now_ms); }

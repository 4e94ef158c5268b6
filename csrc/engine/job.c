/* engine/job.c - see job.h. Above: the callers' side. Below: the network thread's, who is next and how many at once. */
#include "engine/job.h"

#include <string.h>
#include "engine/engine_int.h"
#include "engine/lag.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/trace.h"
#include "util/banned.h"

#define LARGE_OPEN_MAX 4u    /* files under way over blobs: enough to fill the digest's lanes, few enough to finish early ones first */
#define SAMPLE_MS 50u        /* how often the way is looked at */
#define MEMORY_LOOK_MS 500u
#define LOAD_NS 20000000u       /* a share of less is chance */
#define TRIPS_MAX 16u        /* connections that are asked for it */
#define LIGHT_AT_MOST 1000u   /* small files under way, those that wait for the second host of a redirect or for the disk included */
#define LIGHT_LIMITED 32u      /* under a limit of rate: what has been asked for comes, and libcurl keeps it */
#define LIGHT_LOOK_MS 20u     /* how often they are looked at: only pauses and silence need it */

static void free_job(struct hj_job *j)
{
  if (!j)
    return;
  for (size_t i = 0; j->fetches && i < j->n; i++)
    hj_fetch_release(&j->fetches[i]);
  hj_mem_free(j->fetches);
  hj_news_close(j->news);
  for (size_t i = 0; j->wants && i < j->n; i++)
    hj_want_release(&j->wants[i]);
  hj_mem_free(j->wants);
  hj_limits_release(&j->limits);
  hj_bell_close(&j->bell);
  hj_mutex_release(&j->lock);
  hj_mem_free(j);
}

void hj_job_let_go(struct hj_job *j)
{
  if (atomic_fetch_sub(&j->owners, 1) == 1)
    free_job(j);
}

int hj_job_new(struct hj_job **out, struct hj_want *wants, size_t n, struct hj_limits *limits, struct hj_err *e)
{
  struct hj_job *j = hj_mem_zero(1, sizeof *j, e);
  if (!j)
    return (int)e->code;
  j->bell = (hj_bell)HJ_BELL_INIT;
  hj_mutex_init(&j->lock);
  atomic_store(&j->owners, 1);
  j->n = n;
  j->wants = hj_mem_zero(n, sizeof *wants, e);
  if (!j->wants)
    goto out;
  if (n) /* of nothing, wants may be NULL */
    memcpy(j->wants, wants, n * sizeof *wants);
  for (size_t i = 0; i < n; i++)
    hj_want_init(&wants[i]); /* ours now */
  j->limits = *limits;
  memset(limits, 0, sizeof *limits);
  if (hj_limits_check(&j->limits, e) || hj_bell_open(&j->bell, e) || hj_random(&j->dice, sizeof j->dice, e))
    goto out;
  j->dice |= 1;
  j->unknown_most = HJ_UNKNOWN_AT_ONCE;
  j->net = hj_limits_net(&j->limits);
  j->fetches = hj_mem_zero(n, sizeof *j->fetches, e);
  if (!j->fetches)
    goto out;
  if (j->limits.news && hj_news_open(&j->news, n, e))
    goto out;
  for (size_t i = 0; i < n; i++)
    if (hj_want_check(&j->wants[i], e) || hj_fetch_init(&j->fetches[i], j, i, e))
      goto out;
  *out = j;
  j = NULL;
out:
  free_job(j);
  return (int)e->code;
}

int hj_job_start(struct hj_job *j, struct hj_err *e)
{
  int fresh = 0;
  if (atomic_load(&j->state) == 0) /* before others can see it running: they compare it */
    j->generation = hj_engine_generation();
  if (!atomic_compare_exchange_strong(&j->state, &fresh, 1))
    return hj_fail(e, HJ_E_BADARG, "this job was started before");
  atomic_fetch_add(&j->owners, 1);
  if (hj_engine_take(j, e)) {
    atomic_fetch_sub(&j->owners, 1);
    atomic_store(&j->state, 0);
  }
  return (int)e->code;
}

static bool inherited(const struct hj_job *j)
{
  return atomic_load(&j->state) && j->generation != hj_engine_generation();
}

int hj_job_poll(struct hj_job *j, uint32_t ms)
{
  int rung;
  if (atomic_load(&j->state) == 2 || inherited(j))
    return 1;
  rung = hj_bell_wait(&j->bell, ms);
  return rung < 0 ? -1 : atomic_load(&j->state) == 2;
}

uint64_t hj_job_clock_ms(void) { return hj_clock_ms(); }

void hj_job_cancel(struct hj_job *j)
{
  atomic_store(&j->cancelled, 1);
  if (atomic_load(&j->state) == 1 && !inherited(j))
    hj_engine_nudge();
}

struct hj_progress_view hj_job_look(struct hj_job *j)
{
  struct hj_progress_view v;
  v.state = atomic_load(&j->state);
  v.files = (unsigned)j->n;
  v.files_done = atomic_load(&j->files_done);
  v.files_failed = atomic_load(&j->files_failed);
  v.proven = atomic_load(&j->proven); /* the last stage first: no later one is ever ahead of an earlier one */
  v.on_disk = atomic_load(&j->on_disk);
  v.from_net = atomic_load(&j->from_net);
  v.held = atomic_load(&j->held);
  v.elsewhere = atomic_load(&j->elsewhere);
  v.size = atomic_load(&j->size);
  v.sizes_unknown = (unsigned)atomic_load(&j->sizes_unknown);
  v.connections = atomic_load(&j->connections);
  v.waiting = atomic_load(&j->waiting);
  v.requests = atomic_load(&j->requests);
  v.rate = atomic_load(&j->rate);
  v.waits = atomic_load(&j->waits);
  v.quota_ms = atomic_load(&j->quota_ms);
  v.polite = atomic_load(&j->shows_polite);
  return v;
}

size_t hj_job_count(const struct hj_job *j) { return j->n; }

void hj_job_outcome(struct hj_job *j, size_t i, struct hj_outcome *out)
{
  struct hj_fetch *f = &j->fetches[i];
  memset(out, 0, sizeof *out);
  out->err = f->err;
  if (inherited(j)) {
    out->end = HJ_END_FAILED;
    out->err = (struct hj_err)HJ_ERR_INIT;
    hj_fail(&out->err, HJ_E_FORKED, "this job belongs to the process before the fork");
    return;
  }
  out->end = f->end;
  out->http_status = f->http_status;
  out->kept = (const char *const *)f->kept;
  out->url = f->shown;
  out->etag = f->etag;
  out->commit = f->want->commit ? f->want->commit : f->commit;
  out->size = f->size;
  out->proven = f->proven;
  out->path = f->end == HJ_END_FAILED || f->end == HJ_END_META ? NULL : f->final_path;
  out->link = f->link_path;
  out->body = f->body.p;
  out->body_n = f->body.len;
  out->excerpt = f->excerpt;
  out->from_net = f->from_net;
  out->held = f->held;
  out->requests = f->requests;
  out->seconds = f->ended_ms > f->began_ms ? (double)(f->ended_ms - f->began_ms) / 1000.0 : 0;
}

bool hj_job_supplied(const struct hj_job *j, size_t i, size_t k, struct hj_supplied *out)
{
  const struct hj_fetch *f = &j->fetches[i];
  const struct hj_supply *s = k ? &f->mirrors[k - 1] : &f->own;
  if (k >= f->supplies_n || inherited(j))
    return false;
  *out = (struct hj_supplied){ .origin = s->first.origin, .bytes = s->bytes, .expelled = s->gone ? s->why : NULL };
  return true;
}

bool hj_outcome_header(const struct hj_outcome *o, size_t *i, const char **name, const char **value)
{
  while (o->kept && *i < HJ_KEPT_COUNT) {
    size_t k = (*i)++;
    if (!o->kept[k])
      continue;
    *name = hj_kept_name((enum hj_kept)k);
    *value = o->kept[k];
    return true;
  }
  return false;
}

bool hj_job_news(struct hj_job *j, struct hj_news_item *out) { return !inherited(j) && hj_news_take(j->news, out); }

void hj_job_end(struct hj_job *j, uint32_t patience_ms)
{
  uint64_t until = hj_clock_ms() + patience_ms;
  if (atomic_load(&j->state) != 1 || inherited(j))
    return;
  hj_job_cancel(j);
  for (uint64_t now; atomic_load(&j->state) == 1 && (now = hj_clock_ms()) < until;)
    (void)hj_job_poll(j, (uint32_t)(until - now));
}

void hj_job_free(struct hj_job *j, uint32_t patience_ms)
{
  if (!j || inherited(j))
    return; /* a child's copy: its locks may be held by threads that do not exist here */
  hj_job_end(j, patience_ms);
  hj_job_let_go(j);
}

/* ---- the network thread's side ------------------------------------------------------------------------------------ */

/* xorshift32: spreads retries of many clients; nothing secret depends on it. */
uint32_t hj_job_roll(struct hj_job *j)
{
  j->dice ^= j->dice << 13;
  j->dice ^= j->dice >> 17;
  j->dice ^= j->dice << 5;
  return j->dice;
}

bool hj_job_is_over(const struct hj_job *j) { return j->over == j->n; }

/* A file that ended in this very turn may have moved it after the turn's own now. */
uint64_t hj_job_still_ms(const struct hj_job *j, uint64_t now_ms) { return now_ms > j->moved_ms ? now_ms - j->moved_ms : 0; }

/* One that has nothing goes on all the same, with one thing at a time: else two jobs could wait for each other for ever. */
bool hj_job_has_memory(const struct hj_job *j, uint64_t bytes)
{
  return j->memory_used + j->others_memory + bytes <= j->limits.memory || j->memory_used == 0;
}

/* ---- who is under way, who waits ---- */

static void list(struct hj_job *j, struct hj_fetch *f)
{
  struct hj_list *l = f->light ? &j->light : &j->under_way;
  f->listed = true;
  f->next = NULL;
  f->before = l->last;
  if (l->last)
    l->last->next = f;
  else
    l->first = f;
  l->last = f;
  l->n++;
}

void hj_job_unlist(struct hj_job *j, struct hj_fetch *f)
{
  struct hj_list *l = f->light ? &j->light : &j->under_way;
  if (!f->listed)
    return;
  *(f->before ? &f->before->next : &l->first) = f->next;
  *(f->next ? &f->next->before : &l->last) = f->before;
  l->n--;
}

void hj_job_queue(struct hj_job *j, struct hj_part *p)
{
  p->queued_after = NULL;
  p->queued_before = j->queue_last;
  *(j->queue_last ? &j->queue_last->queued_after : &j->queue) = p;
  j->queue_last = p;
  j->queued_first += p->hops == 0;
}

void hj_job_unqueue(struct hj_job *j, struct hj_part *p)
{
  if (j->queue_at == p)
    j->queue_at = p->queued_after;
  *(p->queued_before ? &p->queued_before->queued_after : &j->queue) = p->queued_after;
  *(p->queued_after ? &p->queued_after->queued_before : &j->queue_last) = p->queued_before;
  j->queued_first -= p->hops == 0;
}

/* Whoever waits for a full origin lets those behind him pass who want another one. */
static void ask_queued(struct hj_job *j, uint64_t now_ms)
{
  const char *full = NULL;
  struct hj_part *p;
  j->queue_at = j->queue;
  while ((p = j->queue_at) != NULL) { /* asking may fail, and take other parts of its file out of the queue */
    j->queue_at = p->queued_after;
    if (full && !strcmp(full, p->url.origin))
      continue;
    if (!hj_part_has_way(p)) {
      full = p->url.origin;
      continue;
    }
    hj_job_unqueue(j, p);
    hj_part_follow_on(p, now_ms);
    full = NULL; /* it may have been of a part that went with its file */
  }
}

/* ---- who is next ---- */

struct census { unsigned large_files, large_parts, unknown; };

static struct census count(struct hj_job *j)
{
  struct census c = { 0, 0, 0 };
  for (unsigned i = 0; i < j->routes_n; i++) {
    j->routes[i].parts = 0;
    j->routes[i].neediest = NULL;
  }
  for (struct hj_fetch *f = j->under_way.first; f; f = f->next) {
    if (f->state == HJ_FETCH_ASKING || f->state == HJ_FETCH_WAITING || (f->busy && f->work.chore == HJ_CHORE_LOOK)) {
      c.unknown++;
    } else if (f->state == HJ_FETCH_FLOWING || f->state == HJ_FETCH_OPENING || (f->state == HJ_FETCH_SEALING && !f->in_memory)) {
      struct hj_route *r = f->route;
      unsigned parts = f->parts_n ? f->parts_n : f->state == HJ_FETCH_OPENING;
      c.large_files += f->state != HJ_FETCH_SEALING;
      c.large_parts += parts;
      if (!r)
        continue;
      r->parts += parts;
      if ((!r->neediest || f->parts_n < r->neediest->parts_n) && hj_fetch_wants_part(f))
        r->neediest = f;
    }
  }
  return c;
}

enum sort { LIGHT, UNKNOWN, LARGE };

static enum sort sort_of(const struct hj_fetch *f) { return hj_fetch_is_large(f) ? LARGE : hj_fetch_is_light(f) ? LIGHT : UNKNOWN; }

static struct hj_fetch *next_of(struct hj_job *j, enum sort sort)
{
  size_t *cursor = sort == LIGHT ? &j->next_light : sort == LARGE ? &j->next_large : &j->next_unknown;
  while (*cursor < j->n) {
    struct hj_fetch *f = &j->fetches[*cursor];
    if (!f->listed && f->state == HJ_FETCH_WAITING && sort_of(f) == sort)
      return f;
    (*cursor)++;
  }
  return NULL;
}

static void begin(struct hj_job *j, struct hj_fetch *f, uint64_t now_ms)
{
  f->light = hj_fetch_is_light(f);
  if (!f->light && !f->route && f->want->dest != HJ_DEST_MEMORY)
    f->route = hj_route_guess(j, f, now_ms);
  list(j, f);
  hj_fetch_begin(f, now_ms);
}

/* Hundreds at once: each is little more than a round trip. Not more than can be asked: those who wait hold memory. */
static void fill_light(struct hj_job *j, uint64_t now_ms)
{
  struct hj_fetch *f;
  while (j->light.n < (j->limited || j->polite ? LIGHT_LIMITED : LIGHT_AT_MOST) && hj_throttle_is_open(j->throttle, j) && !j->queued_first && (f = next_of(j, LIGHT)) && hj_job_has_memory(j, f->size + HJ_ASK_COST))
    begin(j, f, now_ms);
}

static bool has_room(const struct hj_route *r) { return r->parts < r->level; }

/* Of all hosts that may have a further connection, the file with the fewest: what one host has at once is none of the other's business. */
static struct hj_fetch *find_neediest(const struct hj_job *j)
{
  struct hj_fetch *f = NULL;
  for (unsigned i = 0; i < j->routes_n; i++) {
    const struct hj_route *r = &j->routes[i];
    if (r->neediest && has_room(r) && (!f || r->neediest->parts_n < f->parts_n))
      f = r->neediest;
  }
  return f;
}

static struct hj_fetch *next_large(struct hj_job *j, uint64_t now_ms)
{
  struct hj_fetch *f = next_of(j, LARGE);
  return f && has_room(hj_route_guess(j, f, now_ms)) ? f : NULL;
}

/* Small files first (they are latency, not bandwidth), then ranges for the file with the fewest, then further large files. */
static bool fill_one(struct hj_job *j, uint64_t now_ms)
{
  struct census c;
  struct hj_fetch *f, *neediest;
  if (j->behind || !hj_throttle_is_open(j->throttle, j))
    return false;
  c = count(j);
  neediest = find_neediest(j);
  if (!hj_job_has_memory(j, HJ_PIECE + HJ_PLAIN_COST + HJ_SMALL_MAX)) {
    if (c.large_parts || !neediest || j->own >= j->slots)
      return false;
    hj_fetch_add_part(neediest, now_ms); /* opened files take memory, and those of several jobs can fill it: each job may have one range all the same */
    return true;
  }
  if (j->own >= j->slots) {
    j->starved = j->slots < j->limits.connections && (neediest || j->queue || next_of(j, UNKNOWN) || next_of(j, LARGE));
    return false;
  }
  f = c.unknown < j->unknown_most && !j->queued_first ? next_of(j, UNKNOWN) : NULL;
  if (f) {
    begin(j, f, now_ms);
    return true;
  }
  if (c.large_parts >= j->cap)
    return false;
  f = c.large_files < LARGE_OPEN_MAX ? next_large(j, now_ms) : NULL;
  if (neediest && (!f || neediest->parts_n == 0 || neediest->route->parts * 2 < neediest->route->level)) {
    hj_fetch_add_part(neediest, now_ms);
    return true;
  }
  if (f) {
    begin(j, f, now_ms);
    return true;
  }
  return false;
}

static void fill(struct hj_job *j, uint64_t now_ms)
{
  if (!atomic_load(&j->cancelled))
    while (fill_one(j, now_ms))
      ;
}

static void cancel_all(struct hj_job *j)
{
  for (size_t i = 0; i < j->n; i++)
    if (j->fetches[i].state != HJ_FETCH_OVER)
      hj_fetch_cancel(&j->fetches[i]);
}

/* What went wrong somewhere in this job: for files that only waited. */
static const struct hj_err *failure_of_any(const struct hj_job *j)
{
  for (size_t i = 0; i < j->n; i++)
    if (j->fetches[i].err.code != HJ_E_OK)
      return &j->fetches[i].err;
  return NULL;
}

/* A job without any progress for give_up_ms fails whole: its retries would go on for ever otherwise. So does one that could begin a file
 * and does not, were there ever a reason for that again (one is known: a_job_that_comes_while_others_wait_for_the_limit_begins_too). */
static void give_up(struct hj_job *j, uint64_t now_ms)
{
  struct hj_err e = HJ_ERR_INIT;
  const struct hj_err *cause;
  bool idle = !j->under_way.first && !j->light.first;
  if (idle && !hj_throttle_is_open(j->throttle, j))
    j->moved_ms = now_ms; /* the limit is paid off */
  if ((!j->active && !idle) || hj_job_still_ms(j, now_ms) < j->limits.give_up_ms)
    return;
  cause = failure_of_any(j);
  if (cause)
    hj_fail(&e, HJ_E_STALLED, "nothing moved for %u s; another file's trouble: %s", j->limits.give_up_ms / 1000, cause->msg);
  else
    hj_fail(&e, HJ_E_STALLED, "nothing moved for %u s", j->limits.give_up_ms / 1000);
  for (size_t i = 0; i < j->n; i++) {
    struct hj_fetch *f = &j->fetches[i];
    struct hj_err last = f->err; /* names the cause, where there was one */
    if (f->state != HJ_FETCH_OVER && !f->busy)
      hj_fetch_fail(f, last.code == HJ_E_OK ? &e : &last, true);
  }
}

/* Of the connections that bring large files: how long is their way, has a queue grown on it? What it was like minutes ago is where a
 * job begins; what it is like is remembered when it has settled. */
static void look_at_the_way(struct hj_job *j, struct hj_route *r, uint64_t now_ms)
{
  uint32_t trips_us[TRIPS_MAX], least_us = 0;
  struct hj_host *h;
  unsigned n = 0;
  if (!r->origin[0] || (now_ms - r->sampled_ms < SAMPLE_MS && r->settled_in))
    return;
  for (struct hj_fetch *f = j->under_way.first; f; f = f->next)
    for (struct hj_part *p = f->in_memory ? NULL : f->parts; p && n < TRIPS_MAX; p = p->next) {
      struct hj_pulse pulse;
      if (p->state != HJ_PART_FLOWING || !p->request || strcmp(r->origin, p->url.origin) != 0)
        continue;
      pulse = hj_request_pulse(p->request);
      trips_us[n++] = pulse.trip_us;
      if (pulse.trip_min_us && (!least_us || pulse.trip_min_us < least_us))
        least_us = pulse.trip_min_us;
    }
  if (!n)
    return;
  r->sampled_ms = now_ms;
  h = hj_hosts_of(j->hosts, r->origin, now_ms);
  hj_host_sample(h, trips_us, n, least_us, now_ms);
  r->trip_ms = hj_host_trip_ms(h);
  hj_sched_path(&r->sched, r->trip_ms, hj_host_queue(h, now_ms));
  if (!r->settled_in && hj_host_level(h, now_ms))
    hj_sched_resume(&r->sched, hj_host_level(h, now_ms), h->lone_rate, now_ms);
  r->settled_in = true;
  if (r->sched.phase == HJ_SCHED_HOLDING && r->sched.base_rate && !j->limited && !j->polite)
    hj_host_remember(h, r->sched.base_want, r->sched.lone_rate, now_ms);
}

/* For those who watch: what shares connections counts as the few it shares. */
static unsigned connections_of(const struct hj_job *j)
{
  unsigned sharing = j->active - j->own;
  return j->own + (sharing < HJ_LANES_MAX ? sharing : HJ_LANES_MAX);
}

static void look_at(struct hj_list *l, uint64_t now_ms)
{
  for (struct hj_fetch *f = l->first, *next; f; f = next) {
    next = f->next; /* f may end in its turn; nobody else does */
    hj_fetch_turn(f, now_ms);
  }
}

#ifdef HJ_FAULTS
static _Atomic uint64_t lag_for_test;
void hj_engine_lag(uint64_t most) { atomic_store(&lag_for_test, most); }
#endif

/* Only bytes that a proof could take now: so whoever is held gets free by proofs alone, whatever its connections do. */
static void look_at_the_lag(struct hj_job *j, uint64_t now_ms)
{
  uint64_t lag = 0;
  bool before = j->behind;
  for (const struct hj_fetch *f = j->under_way.first; f; f = f->next)
    if (f->state == HJ_FETCH_FLOWING && hj_fetch_has_blob(f))
      lag += hj_blob_provable(f->blob);
  if (lag > HJ_LAG_LEAST / 2 && now_ms - j->lag_ms >= MEMORY_LOOK_MS) {
    j->memory = hj_proc_memory();
    j->lag_ms = now_ms;
  }
  j->behind = hj_lag_holds(lag, j->memory, before);
#ifdef HJ_FAULTS
  if (atomic_load(&lag_for_test))
    j->behind = lag > atomic_load(&lag_for_test);
#endif
  if (j->behind == before)
    return;
  j->holds += j->behind;
  HJ_TRACE(HJ_T_SCHED, 0, "%s: %llu bytes wait for their digest, %llu of memory are available", j->behind ? "held" : "goes on", (unsigned long long)lag,
           (unsigned long long)j->memory);
}

/* One that sleeps less than a tenth of the time is the bottleneck. (TLS over loopback: 0 % at 4 connections already; with 16 to 32, as were
 * opened for the bursts they seemed to bring, a GiB cost 2 to 4 % more CPU than with 4.) */
static void look_at_the_load(struct hj_job *j)
{
  uint64_t now_ns = hj_clock_ns(), span_ns = now_ns - j->load_ns, waited_ns;
  if (span_ns < LOAD_NS)
    return;
  waited_ns = hj_loop_waited_ns(j->loop);
  for (unsigned i = 0; i < j->routes_n; i++)
    hj_sched_busy(&j->routes[i].sched, j->load_ns && (waited_ns - j->load_waited_ns) * 10 < span_ns);
  j->load_ns = now_ns;
  j->load_waited_ns = waited_ns;
}

/* next: the route that the next large file is expected to take. */
static void turn_route(struct hj_job *j, struct hj_route *r, const struct hj_route *next, uint64_t now_ms)
{
  unsigned flowing = r->proven_connections < r->parts ? r->proven_connections : r->parts, before = r->sched.want, level;
  enum hj_sched_phase phase = r->sched.phase;
  bool hungry = !j->behind && !j->brake.binds && !j->polite && (r->neediest || r == next);
  level = hj_sched_turn(&r->sched, now_ms, r->bytes, r->parts, flowing, hungry);
  if (level != before || phase != r->sched.phase)
    HJ_TRACE(HJ_T_SCHED, 0, "%s: %s, %u -> %s, %u connections; %llu bytes/s at %u, one alone %llu, trip %u ms, %s", r->origin, hj_sched_phase_name(phase),
             before, hj_sched_phase_name(r->sched.phase), level, (unsigned long long)r->sched.base_rate, r->sched.base_want,
             (unsigned long long)r->sched.lone_rate, r->sched.rtt_ms, hj_sched_queue_name(r->sched.queue));
  if (r->sched.last_rate && flowing && !j->brake.binds && !j->polite)
    r->connection_rate = r->sched.last_rate / flowing;
  r->level = level;
}

/* For those who watch: when may the last question go out? Each file costs what the others have cost. */
static void look_at_the_quota(struct hj_job *j, uint64_t now_ms)
{
  const struct hj_host *h = j->n ? hj_hosts_find(j->hosts, j->fetches[0].own.first.origin) : NULL;
  uint64_t left = j->n - j->over, each = j->over ? (j->questions + j->over - 1) / j->over : 1;
  atomic_store(&j->quota_ms, h ? hj_quota_eta_ms(&h->quota, left * (each ? each : 1), now_ms) : 0);
}

void hj_job_turn(struct hj_job *j, uint64_t now_ms)
{
  struct census c;
  struct hj_fetch *next;
  const struct hj_route *next_route;
  bool hungry;
  if (!j->moved_ms)
    j->moved_ms = now_ms;
  if (atomic_load(&j->cancelled))
    cancel_all(j);
  j->look_ms = 0;
  look_at(&j->under_way, now_ms);
  if (now_ms - j->light_ms >= LIGHT_LOOK_MS) {
    j->light_ms = now_ms;
    look_at(&j->light, now_ms);
  }
  look_at_the_lag(j, now_ms);
  hj_fetch_send_proofs(j->under_way.first, j->behind);
  give_up(j, now_ms);
  for (unsigned i = 0; i < j->routes_n; i++)
    look_at_the_way(j, &j->routes[i], now_ms);
  look_at_the_load(j);
  j->starved = false;
  if (!atomic_load(&j->cancelled)) {
    ask_queued(j, now_ms);
    fill_light(j, now_ms);
  }
  fill(j, now_ms); /* who has ended is followed first: on a fast line somebody always has, and no level would ever look full */
  c = count(j);
  next = next_of(j, LARGE);
  next_route = next ? hj_route_guess(j, next, now_ms) : NULL;
  hungry = !j->behind && next;
  for (unsigned i = 0; i < j->routes_n; i++)
    hungry = hungry || (!j->behind && j->routes[i].neediest);
  j->cap = hj_brake_turn(&j->brake, now_ms, j->limited, j->throttle->full, c.large_parts, hungry);
  if (j->polite && j->cap > HJ_POLITE_CONNECTIONS)
    j->cap = HJ_POLITE_CONNECTIONS;
  for (unsigned i = 0; i < j->routes_n; i++)
    turn_route(j, &j->routes[i], next_route, now_ms);
  fill(j, now_ms);
  atomic_store(&j->connections, connections_of(j));
  look_at_the_quota(j, now_ms);
}

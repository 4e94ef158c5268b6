/* engine/fetch.c - one wanted file on its way: from the first question to the outcome. Network thread only. */
#include <string.h>
#include "engine/engine_int.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/trace.h"
#include "util/banned.h"

#define RESTARTS_MAX 2u
#define UNKNOWN_AT_MOST 400u            /* files of unknown size at once, while all turn out small */
#define UNKNOWN_STEP 8u                 /* more of them for each that did: 32, 288, 400 */
#define RESUME_RANGE 65536u             /* asked to learn the size of what is partly here: most of a first range came twice (0.8 % of 512 MiB) */

static const char *const state_names[] = {
#define HJ_X(name, text) text,
  HJ_FETCH_STATES(HJ_X)
#undef HJ_X
};

static const uint8_t may_go[] = { /* bit n set: may go to state n */
  [HJ_FETCH_WAITING] = 1 << HJ_FETCH_ASKING | 1 << HJ_FETCH_OPENING | 1 << HJ_FETCH_SEALING | 1 << HJ_FETCH_CLOSING |
                       1 << HJ_FETCH_OVER,
  [HJ_FETCH_ASKING] = 1 << HJ_FETCH_OPENING | 1 << HJ_FETCH_SEALING | 1 << HJ_FETCH_CLOSING | 1 << HJ_FETCH_OVER,
  [HJ_FETCH_LOCKED] = 1 << HJ_FETCH_OPENING | 1 << HJ_FETCH_CLOSING | 1 << HJ_FETCH_OVER,
  [HJ_FETCH_OPENING] = 1 << HJ_FETCH_LOCKED | 1 << HJ_FETCH_WAITING | 1 << HJ_FETCH_FLOWING | 1 << HJ_FETCH_CLOSING | 1 << HJ_FETCH_OVER,
  [HJ_FETCH_FLOWING] = 1 << HJ_FETCH_SEALING | 1 << HJ_FETCH_CLOSING,
  [HJ_FETCH_SEALING] = 1 << HJ_FETCH_FLOWING | 1 << HJ_FETCH_CLOSING | 1 << HJ_FETCH_OVER,
  [HJ_FETCH_CLOSING] = 1 << HJ_FETCH_OVER | 1 << HJ_FETCH_WAITING,
  [HJ_FETCH_OVER] = 0,
};

void hj_fetch_enter(struct hj_fetch *f, enum hj_fetch_state to)
{
  if (!(may_go[f->state] >> to & 1)) /* impossible by construction; traced, and the state is taken all the same */
    HJ_TRACE(HJ_T_ERR, f->index, "fetch may not go %s -> %s", state_names[f->state], state_names[to]);
  HJ_TRACE(HJ_T_PART, f->index, "file %s -> %s", state_names[f->state], state_names[to]);
  f->state = to;
}

static int take_mirrors(struct hj_fetch *f, struct hj_err *e)
{
  const struct hj_want *w = f->want;
  if (!w->mirrors_n)
    return HJ_E_OK;
  f->mirrors = hj_mem_zero(w->mirrors_n, sizeof *f->mirrors, e);
  if (!f->mirrors)
    return (int)e->code;
  for (size_t i = 0; i < w->mirrors_n; i++)
    if (hj_url_parse(&f->mirrors[i].first, w->mirrors[i], strlen(w->mirrors[i]), e))
      return (int)e->code;
  f->supplies_n += (unsigned)w->mirrors_n;
  return HJ_E_OK;
}

int hj_fetch_init(struct hj_fetch *f, struct hj_job *j, size_t index, struct hj_err *e)
{
  const struct hj_want *w = &j->wants[index];
  memset(f, 0, sizeof *f);
  f->job = j;
  f->index = index;
  f->want = w;
  f->size = w->size;
  f->promise = w->promise;
  f->err = (struct hj_err)HJ_ERR_INIT;
  f->lock = (struct hj_lock)HJ_LOCK_INIT;
  hj_ranges_init(&f->taken);
  hj_buf_init(&f->body, w->dest == HJ_DEST_MEMORY ? w->memory : (size_t)HJ_SMALL_MAX);
  f->only = -1;
  f->supplies_n = 1;
  f->resumes = w->no_ranges;
  if (hj_url_parse(&f->own.first, w->url, strlen(w->url), e) || take_mirrors(f, e))
    return (int)e->code;
  if (w->auth_origin && hj_url_parse(&f->auth_origin, w->auth_origin, strlen(w->auth_origin), e))
    return (int)e->code;
  hj_text_show(f->own.first.shown, strlen(f->own.first.shown), f->shown, sizeof f->shown);
  if (w->size != HJ_SIZE_UNKNOWN)
    atomic_fetch_add(&j->size, w->size);
  else
    atomic_fetch_add(&j->sizes_unknown, 1);
  return HJ_E_OK;
}

void hj_fetch_release(struct hj_fetch *f)
{
  while (f->parts)
    hj_part_free(f->parts);
  for (int k = 0; k < HJ_KEPT_COUNT; k++)
    hj_mem_free(f->kept[k]);
  hj_supply_release(&f->own);
  for (size_t i = 0; f->mirrors && i < f->want->mirrors_n; i++)
    hj_supply_release(&f->mirrors[i]);
  hj_mem_free(f->mirrors);
  hj_url_release(&f->auth_origin);
  hj_buf_release(&f->body);
  hj_ranges_release(&f->taken);
  hj_mem_free(f->final_path);
  hj_mem_free(f->link_path);
}


/* What this file takes of the job's memory, besides its parts. */
void hj_fetch_hold_memory(struct hj_fetch *f, uint64_t n)
{
  f->job->memory_used -= f->memory_taken;
  f->job->memory_used += n;
  f->memory_taken = n;
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

void hj_fetch_waits_no_more(struct hj_fetch *f)
{
  if (f->locked_ms)
    atomic_fetch_sub(&f->job->waiting, 1);
  f->locked_ms = 0;
}

void hj_fetch_over(struct hj_fetch *f)
{
  struct hj_job *j = f->job;
  hj_fetch_enter(f, HJ_FETCH_OVER);
  hj_fetch_waits_no_more(f);
  f->ended_ms = hj_clock_ms();
  hj_fetch_hold_memory(f, 0);
  if (f->want->dest != HJ_DEST_MEMORY || f->end == HJ_END_FAILED)
    hj_buf_release(&f->body);
  hj_job_unlist(j, f);
  j->over++;
  j->moved_ms = f->ended_ms;
  if (f->end == HJ_END_FAILED)
    atomic_fetch_add(&j->files_failed, 1);
  else
    atomic_fetch_add(&j->files_done, 1);
  hj_news_ended(j->news, f->index); /* last: from here on its outcome is read */
}

void hj_fetch_free_parts(struct hj_fetch *f)
{
  while (f->parts)
    hj_part_free(f->parts);
}

bool hj_fetch_has_disk(const struct hj_fetch *f) { return f->claim || f->blob || f->lock.file.fd >= 0; }

/* put and prove may run side by side; open, commit and drop own the blob alone, and even its pointer. */
bool hj_fetch_has_blob(const struct hj_fetch *f)
{
  return (!f->busy || f->work.chore == HJ_CHORE_PROVE) && f->blob;
}

bool hj_fetch_may_put(const struct hj_fetch *f) { return !f->in_memory && hj_fetch_has_blob(f); }

static void flush_parts(struct hj_fetch *f)
{
  struct hj_err scratch = HJ_ERR_INIT; /* benign: what is not flushed is fetched again */
  if (hj_fetch_may_put(f))
    for (struct hj_part *p = f->parts; p; p = p->next)
      (void)hj_part_flush(p, &scratch);
}

static void close_up(struct hj_fetch *f, bool keep)
{
  hj_fetch_enter(f, HJ_FETCH_CLOSING);
  f->work.keep = keep;
  atomic_store(&f->stop, 1);
  if (f->busy)
    return; /* hj_fetch_worked goes on */
  if (hj_fetch_has_disk(f))
    hj_fetch_send(f, HJ_CHORE_DROP);
  else
    hj_fetch_worked(f, hj_clock_ms());
}

void hj_fetch_fail(struct hj_fetch *f, const struct hj_err *e, bool keep)
{
  if (f->state == HJ_FETCH_OVER || (f->state == HJ_FETCH_CLOSING && !f->again))
    return;
  f->again = false;
  f->end = HJ_END_FAILED;
  if (!f->own_left || hj_code_is_ours(e->code)) /* else what the first endpoint said counts */
    f->err = *e;
  if (keep)
    flush_parts(f);
  hj_fetch_free_parts(f);
  if (f->state == HJ_FETCH_WAITING && !hj_fetch_has_disk(f)) {
    hj_fetch_over(f);
    return;
  }
  if (f->state == HJ_FETCH_CLOSING) {
    if (f->work.chore != HJ_CHORE_DROP) /* else the worker is reading it */
      f->work.keep = keep;
    return;
  }
  close_up(f, keep);
}

void hj_fetch_end(struct hj_fetch *f, enum hj_end end)
{
  f->end = end;
  f->err = (struct hj_err)HJ_ERR_INIT;
  hj_fetch_free_parts(f);
  if (f->busy || hj_fetch_has_disk(f))
    close_up(f, true);
  else
    hj_fetch_over(f);
}

void hj_fetch_cancel(struct hj_fetch *f)
{
  struct hj_err e = HJ_ERR_INIT;
  hj_fail(&e, HJ_E_CANCELLED, "cancelled; what was received is kept for the next call");
  hj_fetch_fail(f, &e, true);
}

void hj_fetch_again(struct hj_fetch *f)
{
  f->again = true;
  hj_fetch_free_parts(f);
  close_up(f, false);
}

void hj_fetch_restart(struct hj_fetch *f, const struct hj_err *why, bool single, uint64_t now_ms)
{
  if (f->restarts >= RESTARTS_MAX || (single && f->single)) {
    hj_fetch_fail(f, why, false);
    return;
  }
  HJ_TRACE(HJ_T_PART, f->index, "begins again%s: %s", single ? " as one plain stream" : "", why->msg);
  f->restarts++;
  f->single = f->single || single;
  f->not_before_ms = now_ms;
  hj_fetch_again(f);
}

void hj_fetch_begin_anew(struct hj_fetch *f)
{
  f->again = false;
  atomic_store(&f->stop, 0);
  for (unsigned k = 0; k < f->supplies_n; k++) {
    struct hj_supply *s = hj_fetch_supply(f, k);
    hj_source_release(&s->source);
    hj_ranges_release(&s->brought);
    hj_ranges_release(&s->doubted);
  }
  f->only = -1;
  hj_ranges_release(&f->taken);
  hj_ranges_init(&f->taken);
  hj_buf_clear(&f->body);
  f->streams = false;
  f->looked = f->in_memory = f->no_if_range = f->routed = false;
  f->partly = 0;
  /* Also the commit: the new content belongs to a new one, and must not be linked under the old. */
  f->etag[0] = f->commit[0] = f->validator[0] = f->validator_origin[0] = 0;
  for (int k = 0; k < HJ_KEPT_COUNT; k++) {
    hj_mem_free(f->kept[k]);
    f->kept[k] = NULL;
  }
  f->promise = f->want->promise;
  if (f->size != f->want->size) {
    atomic_fetch_sub(&f->job->size, f->size);
    atomic_fetch_add(&f->job->sizes_unknown, 1);
    f->size = f->want->size;
  }
  hj_mem_free(f->final_path);
  f->final_path = NULL;
  hj_fetch_hold_memory(f, 0);
  hj_fetch_enter(f, HJ_FETCH_WAITING);
}

/* ---- the beginning ------------------------------------------------------------------------------------------------ */

/* One that needs a commit nobody has named must ask, even if its bytes turn out to be here. */
bool hj_fetch_is_large(const struct hj_fetch *f)
{
  bool nameless = f->want->dest == HJ_DEST_STORE && f->want->link_path && !f->want->commit;
  return !nameless && f->want->dest != HJ_DEST_MEMORY && f->want->promise.algo != HJ_ALGO_NONE && f->want->size != HJ_SIZE_UNKNOWN &&
         f->want->size > HJ_SMALL_MAX && !f->want->meta_only;
}

bool hj_fetch_is_light(const struct hj_fetch *f)
{
  return f->want->dest != HJ_DEST_MEMORY && f->want->size <= HJ_SMALL_MAX && !f->want->meta_only && !f->want->post; /* HJ_SIZE_UNKNOWN is more */
}

/* What its part has reserved for a piece it does not need. Without room for more, a small body goes over a blob, too. */
bool hj_fetch_take_memory(struct hj_fetch *f)
{
  struct hj_job *j = f->job;
  uint64_t more = f->size > HJ_PIECE + f->memory_taken ? f->size - HJ_PIECE - f->memory_taken : 0;
  if (f->size > HJ_SMALL_MAX || !hj_job_has_memory(j, more))
    return false;
  j->memory_used += more;
  f->memory_taken += more;
  if (j->unknown_most < UNKNOWN_AT_MOST)
    j->unknown_most += UNKNOWN_STEP;
  return true;
}

/* Its own URL, unless that was silent just now. */
static unsigned whom(const struct hj_fetch *f, uint64_t now_ms)
{
  int k = hj_fetch_pick(f, -1, false, now_ms);
  return k < 0 ? 0 : (unsigned)k;
}

static void ask_first(struct hj_fetch *f, uint64_t now_ms)
{
  unsigned supply = whom(f, now_ms);
  struct hj_err e = HJ_ERR_INIT;
  struct hj_part *p;
  uint64_t end = HJ_FIRST_RANGE;
  f->in_memory = f->want->dest == HJ_DEST_MEMORY || f->size <= HJ_SMALL_MAX;
  if (f->in_memory)
    end = f->want->dest == HJ_DEST_MEMORY ? HJ_UNKNOWN : f->size;
  else if (f->single || f->want->no_ranges)
    end = HJ_UNKNOWN;
  else if (f->partly)
    end = RESUME_RANGE;
  else if (f->size != HJ_SIZE_UNKNOWN && f->size < end)
    end = f->size;
  if (f->want->dest != HJ_DEST_MEMORY && f->size == HJ_SIZE_UNKNOWN) {
    hj_fetch_hold_memory(f, 0);
  }
  p = hj_part_new(f, 0, end, &e);
  if (!p) {
    hj_fetch_fail(f, &e, true);
    return;
  }
  p->lead = true;
  p->supply = supply;
  hj_fetch_enter(f, HJ_FETCH_ASKING);
  hj_part_ask(p, now_ms);
}

/* What a plain file is, its first range would tell. Of the sixteen that ask at once fifteen would fetch that for nothing:
 * 4 MB each, 1.6 % of 512 MiB with four of them (bench P10). */
static bool wants_look(const struct hj_fetch *f)
{
  return !f->looked && f->want->dest == HJ_DEST_PATH && f->size == HJ_SIZE_UNKNOWN && !f->single && !f->want->meta_only;
}

void hj_fetch_begin(struct hj_fetch *f, uint64_t now_ms)
{
  if (!f->began_ms) {
    f->began_ms = now_ms;
    hj_news_began(f->job->news, f->index);
  }
  if (f->want->dest == HJ_DEST_MEMORY)
    f->memory_taken = f->size < HJ_SMALL_MAX ? f->size : HJ_SMALL_MAX;
  else if (f->size == HJ_SIZE_UNKNOWN)
    f->memory_taken = HJ_PIECE; /* its part's, until there is one */
  else
    f->memory_taken = hj_fetch_is_large(f) ? 0 : f->size < HJ_SMALL_MAX ? f->size : HJ_SMALL_MAX;
  f->job->memory_used += f->memory_taken;
  if (f->supplies_n == 1 && hj_host_is_plain(hj_hosts_find(f->job->hosts, f->own.first.origin), now_ms))
    f->single = true;
  if (f->size == 0 && f->promise.algo != HJ_ALGO_NONE && f->want->dest != HJ_DEST_MEMORY && !f->want->meta_only) {
    f->in_memory = true; /* nobody needs to be asked for nothing; the digest of nothing is compared all the same */
    hj_fetch_send(f, HJ_CHORE_SMALL);
  } else if (hj_fetch_is_large(f) && !f->single) {
    hj_fetch_send(f, HJ_CHORE_OPEN);
  } else if (wants_look(f)) {
    hj_fetch_send(f, HJ_CHORE_LOOK);
  } else {
    ask_first(f, now_ms);
  }
}

/* ---- told by a part ----------------------------------------------------------------------------------------------- */

void hj_fetch_redirected(struct hj_fetch *f, struct hj_part *p, uint64_t now_ms)
{
  struct hj_err e = HJ_ERR_INIT;
  if (p->hops == 1 && p->first_way && hj_source_redirected(&hj_fetch_supply(f, p->supply)->source, &p->url, hj_source_lifetime_s(&p->url, hj_clock_wall_ns() / 1000000000), now_ms, &e)) {
    hj_part_stumble(p, &e, now_ms);
    return;
  }
  if (p->hops == 1 && p->first_way && p->outside)
    hj_fetch_supply(f, p->supply)->source.outside = true;
  if (p->lead && !hj_fetch_has_blob(f) && f->want->dest != HJ_DEST_MEMORY) {
    if (hj_meta_is_held(f)) {
      hj_fetch_end(f, HJ_END_HELD);
      return;
    }
    if (f->want->meta_only && f->etag[0] && f->size != HJ_SIZE_UNKNOWN) {
      hj_fetch_end(f, HJ_END_META);
      return;
    }
    if (f->state == HJ_FETCH_ASKING && !f->in_memory && hj_fetch_take_memory(f)) /* later it goes over the blob that is being opened */
      f->in_memory = true;
    if (!f->in_memory && f->size != HJ_SIZE_UNKNOWN && f->promise.algo != HJ_ALGO_NONE && f->state == HJ_FETCH_ASKING &&
        !f->single && !f->want->no_ranges && !f->want->meta_only) {
      p->state = HJ_PART_PARKED; /* which bytes are missing is known only when the blob is open */
      hj_fetch_send(f, HJ_CHORE_OPEN);
      return;
    }
  }
  hj_part_follow_on(p, now_ms);
}

static void small_is_here(struct hj_fetch *f, struct hj_part *p, uint64_t now_ms)
{
  struct hj_err e = HJ_ERR_INIT;
  if (f->size == HJ_SIZE_UNKNOWN) {
    f->size = f->body.len;
    atomic_fetch_add(&f->job->size, f->size);
    atomic_fetch_sub(&f->job->sizes_unknown, 1);
  }
  if (f->body.len != f->size) {
    hj_fail(&e, HJ_E_SIZE, "%llu bytes were expected, %zu came", (unsigned long long)f->size, f->body.len);
    hj_text_show(p->url.shown, strlen(p->url.shown), e.url, sizeof e.url);
    hj_part_stumble(p, &e, now_ms);
    return;
  }
  f->body_from = p->supply;
  hj_fetch_free_parts(f);
  atomic_fetch_add(&f->job->on_disk, f->body.len);
  hj_fetch_send(f, HJ_CHORE_SMALL);
}

void hj_fetch_body_ends(struct hj_fetch *f, struct hj_part *p, uint64_t now_ms)
{
  struct hj_err e = HJ_ERR_INIT;
  if (f->want->dest == HJ_DEST_MEMORY) {
    if (f->size == HJ_SIZE_UNKNOWN)
      atomic_fetch_sub(&f->job->sizes_unknown, 1);
    else
      atomic_fetch_sub(&f->job->size, f->size);
    f->size = f->body.len;
    atomic_fetch_add(&f->job->size, f->size);
    hj_fetch_end(f, HJ_END_DONE);
    return;
  }
  if (f->in_memory) {
    small_is_here(f, p, now_ms);
    return;
  }
  if (!hj_fetch_has_blob(f) && f->busy && f->size == HJ_SIZE_UNKNOWN) { /* a file of no bytes; fit_lead goes on when its blob is open */
    p->state = HJ_PART_OVER;
    return;
  }
  if (!hj_fetch_has_blob(f)) { /* an empty body, paused by nobody */
    hj_fail(&e, HJ_E_SIZE, "the body is empty, %llu bytes were expected", (unsigned long long)f->size);
    hj_part_stumble(p, &e, now_ms);
    return;
  }
  if (hj_part_flush(p, &e)) {
    hj_fetch_fail(f, &e, true);
    return;
  }
  if (p->end == HJ_UNKNOWN) { /* a stream without a length: it ended well, so this is its size */
    if (hj_blob_settle(f->blob, p->pos, &e) || hj_ranges_add(&f->taken, 0, p->pos, &e)) {
      hj_fetch_fail(f, &e, false);
      return;
    }
    f->size = p->end = p->pos;
    atomic_fetch_add(&f->job->size, f->size);
    atomic_fetch_sub(&f->job->sizes_unknown, 1);
  }
  if (p->pos < p->end) {
    hj_fail(&e, HJ_E_RESET, "the body ended %llu bytes early", (unsigned long long)(p->end - p->pos));
    hj_text_show(p->url.shown, strlen(p->url.shown), e.url, sizeof e.url);
    hj_part_stumble(p, &e, now_ms);
    return;
  }
  hj_part_free(p);
}

/* ---- parts -------------------------------------------------------------------------------------------------------- */

/* Where each range costs a question of the hub, they are as large as what is left of its window allows. */
static uint64_t range_for_quota(const struct hj_fetch *f)
{
  const struct hj_job *j = f->job;
  const struct hj_host *h = f->own.source.state == HJ_SOURCE_BOUND ? hj_hosts_find(j->hosts, f->own.first.origin) : NULL;
  uint64_t size = atomic_load(&j->size), have = atomic_load(&j->held) + atomic_load(&j->on_disk);
  return h ? hj_quota_range(&h->quota, size > have ? size - have : 0, j->n - j->over - 1, hj_clock_ms()) : 0;
}

static struct hj_plan plan_of(const struct hj_fetch *f)
{
  const struct hj_job *j = f->job;
  const struct hj_route *r = f->route;
  uint64_t least = range_for_quota(f), max = j->limits.range_max;
  return (struct hj_plan){ .size = f->size, .range_min = least > j->limits.range_min ? least : j->limits.range_min,
                           .range_max = least > max ? least : max, .workers = r->sched.want, .rate = r->connection_rate, .rtt_ms = r->trip_ms };
}

bool hj_fetch_has_gap(const struct hj_fetch *f)
{
  struct hj_plan plan = plan_of(f);
  struct hj_span span;
  return hj_plan_next(&plan, &f->taken, &span);
}

bool hj_fetch_wants_part(const struct hj_fetch *f)
{
  if (f->state != HJ_FETCH_FLOWING || f->single || f->want->no_ranges || f->size == HJ_SIZE_UNKNOWN)
    return false;
  return hj_fetch_has_gap(f) && hj_fetch_pick(f, -1, true, hj_clock_ms()) >= 0;
}

void hj_fetch_add_part(struct hj_fetch *f, uint64_t now_ms)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_plan plan = plan_of(f);
  struct hj_span span;
  struct hj_part *p;
  int supply = hj_fetch_pick(f, -1, true, now_ms);
  if (!hj_plan_next(&plan, &f->taken, &span) || supply < 0)
    return;
  p = hj_part_new(f, span.at, span.end, &e);
  if (!p || hj_ranges_add(&f->taken, span.at, span.end, &e)) {
    hj_fetch_fail(f, &e, true);
    return;
  }
  p->supply = (unsigned)supply;
  hj_part_ask(p, now_ms);
}

/* ---- timers ------------------------------------------------------------------------------------------------------- */

void hj_fetch_turn(struct hj_fetch *f, uint64_t now_ms)
{
  if (f->state == HJ_FETCH_WAITING && now_ms >= f->not_before_ms && f->job->own < f->job->slots) /* it begins anew */
    hj_fetch_begin(f, now_ms);
  if (f->state == HJ_FETCH_LOCKED && now_ms >= f->not_before_ms) {
    f->job->moved_ms = now_ms; /* the holder moves, or its lock falls: waiting for it is no standstill of ours */
    hj_fetch_send(f, wants_look(f) ? HJ_CHORE_LOOK : HJ_CHORE_OPEN);
  } else if (f->state == HJ_FETCH_LOCKED && (!f->job->look_ms || f->not_before_ms < f->job->look_ms)) {
    f->job->look_ms = f->not_before_ms;
  }
  hj_fetch_watch(f, now_ms);
  if (f->state != HJ_FETCH_FLOWING || f->busy)
    return;
  if (hj_blob_is_whole(f->blob)) {
    hj_fetch_free_parts(f); /* what they may still bring is here twice, or is a last chunk of no bytes; the blob is now the worker's */
    hj_fetch_weigh(f);
    hj_fetch_send(f, HJ_CHORE_COMMIT);
  } else if (!f->parts && hj_blob_landed(f->blob) != f->size && !hj_fetch_wants_part(f)) {
    struct hj_err e = HJ_ERR_INIT; /* better an error that can be reported than a job that never ends */
    hj_fail(&e, HJ_E_BUG, "%llu of %llu bytes are here and nobody fetches the rest (source %s)",
            (unsigned long long)hj_blob_landed(f->blob), (unsigned long long)f->size, hj_source_name(f->own.source.state));
    hj_fetch_fail(f, &e, true);
  }
}

/* engine/throttle.c - see throttle.h */
#include "engine/throttle.h"

#include <string.h>
#include "engine/engine_int.h"
#include "store/layout.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/trace.h"
#include "util/banned.h"

#define FULL_PERCENT 92u   /* of what is allowed: then it is the limit that holds us, else the line or too few connections */
#define SLOW 262144u       /* bytes per second */
#define SETTLE_MS 60u  /* between being seen by others and taking a share: who comes at the same time is seen, too */

static uint64_t now_us(void) { return hj_clock_ns() / 1000; }

static uint64_t smaller(uint64_t a, uint64_t b) { return !a ? b : !b || a < b ? a : b; }   /* 0: none */

/* ---- what limits -------------------------------------------------------------------------------------------------- */

/* Digits in a file of the user's own; absent or anything else: 0. */
static uint64_t read_users(const char *run_dir, const char *name)
{
  struct hj_err scratch = HJ_ERR_INIT;
  hj_file f = HJ_FILE_INIT;
  char text[24], *path = hj_layout_join(run_dir, name, &scratch);
  const char *p = text;
  size_t n = 0;
  uint64_t number = 0;
  if (path && !hj_file_open(&f, path, HJ_OPEN_READ, 0, &scratch) && !hj_file_read_at(&f, 0, text, sizeof text, &n, &scratch)) {
    hj_text_trim(&p, &n);
    if (!hj_text_u64(p, n, &number))
      number = 0;
  }
  hj_file_close(&f);
  hj_mem_free(path);
  return number;
}

static void know_run_dir(struct hj_throttle *t, const struct hj_job *jobs)
{
  struct hj_err scratch = HJ_ERR_INIT;
  for (const struct hj_job *j = jobs; j && !t->run_dir; j = j->next)
    if (j->limits.run_dir)
      t->run_dir = hj_mem_text(j->limits.run_dir, &scratch);
}

static uint64_t limit_jobs(const struct hj_throttle *t, struct hj_job *jobs, uint64_t own, int own_polite)
{
  uint64_t least = 0;
  for (struct hj_job *j = jobs; j; j = j->next) {
    uint64_t limit = smaller(own != HJ_NO_OVERRIDE ? own : j->limits.rate, t->users);
    j->limited = limit != 0;
    atomic_store(&j->rate, limit);
    j->polite = t->users_polite || (own_polite < 0 ? j->limits.polite : own_polite > 0);
    atomic_store(&j->shows_polite, j->polite);
    least = smaller(least, limit);
  }
  return least;
}

/* ---- what shares -------------------------------------------------------------------------------------------------- */

static void look_around(struct hj_throttle *t, uint64_t rate, uint64_t now_ms)
{
  struct hj_err scratch = HJ_ERR_INIT;
  struct hj_crowd_words who[HJ_CROWD_MAX], me;
  uint64_t others[HJ_CROWD_MAX], limit = t->limit, share;
  size_t n = 0;
  t->appetite = hj_rate_appetite(t->appetite, rate, t->claim, t->full || t->waits != t->looked_waits || t->waiting);
  me.appetite = t->appetite;
  me.limit = t->limit;
  if (hj_crowd_look(&t->crowd, who, &n, &scratch)) /* benign: what was agreed last goes on */
    return;
  t->others = 0;
  for (size_t i = 0; i < n; i++) {
    others[i] = who[i].appetite;
    limit = smaller(limit, who[i].limit);
    t->others += who[i].claim;
  }
  share = hj_rate_share(limit, me.appetite, others, n);
  t->claim = now_ms - t->joined_ms < SETTLE_MS ? 0 : hj_rate_claim(limit, share, t->claim, t->others);
  me.claim = t->claim;
  HJ_TRACE(HJ_T_SCHED, n, "limit %llu, share %llu, claim %llu, the others' %llu", (unsigned long long)limit, (unsigned long long)share,
           (unsigned long long)t->claim, (unsigned long long)t->others);
  if (hj_crowd_say(&t->crowd, &me, &scratch))
    HJ_TRACE(HJ_T_SCHED, 0, "the share cannot be said: %s", scratch.msg);
}

static void join(struct hj_throttle *t, uint64_t now_ms)
{
  struct hj_err scratch = HJ_ERR_INIT;
  char *dir;
  if (t->crowd.path || t->alone || !t->run_dir)
    return;
  dir = hj_layout_join(t->run_dir, "rate", &scratch);
  if (!dir || hj_crowd_join(&t->crowd, dir, &scratch)) { /* read-only home: the limit still holds for this process */
    HJ_TRACE(HJ_T_SCHED, 0, "the limit is not shared with other processes: %s", scratch.msg);
    t->alone = true;
  }
  t->claim = 0;
  t->appetite = UINT64_MAX;
  t->joined_ms = now_ms;
  hj_mem_free(dir);
}

static void share(struct hj_throttle *t, uint64_t now_ms)
{
  uint64_t since = now_ms - t->looked_ms, may, rate;
  if (since >= HJ_LIMIT_LOOK_MS || (t->crowd.path && t->claim == 0 && since >= SETTLE_MS)) {
    rate = (t->taken - t->looked_taken) * 1000 / since;
    may = t->crowd.path ? t->claim : t->limit;
    t->full = rate * 100 >= may * FULL_PERCENT || may < SLOW; /* single pieces are too coarse to say anything of a low rate */
    if (t->crowd.path)
      look_around(t, rate, now_ms);
    t->looked_ms = now_ms;
    t->looked_taken = t->taken;
    t->looked_waits = t->waits;
  }
  hj_bucket_rate(&t->bucket, t->crowd.path ? t->claim : t->limit, now_us());
}

/* ---- who waits ---------------------------------------------------------------------------------------------------- */

bool hj_throttle_admit(struct hj_throttle *t, struct hj_part *p, size_t n)
{
  if (!p->fetch->job->limited)
    return true;
  if (p->fetch->want->dest != HJ_DEST_MEMORY && !hj_bucket_is_open(&t->bucket, now_us())) { /* an answer that the caller waits for is paid off by the rest */
    p->ticket = ++t->ticket;
    t->waits++;
    t->waiting++;
    atomic_fetch_add(&p->fetch->job->waits, 1);
    return false;
  }
  t->taken += n;
  hj_bucket_take(&t->bucket, n);
  return true;
}

bool hj_throttle_is_open(struct hj_throttle *t, const struct hj_job *j)
{
  return !j->limited || hj_bucket_is_open(&t->bucket, now_us());
}

void hj_throttle_drop(struct hj_part *p)
{
  if (!p->ticket)
    return;
  p->ticket = 0;
  p->fetch->job->throttle->waiting--;
}

/* Whose job has no limit any more comes first of all, else the smallest ticket. */
static struct hj_part *next_waiting(struct hj_job *jobs, bool open)
{
  struct hj_part *next = NULL;
  for (struct hj_job *j = jobs; j; j = j->next)
    for (int light = 0; light < 2 && (open || !j->limited); light++)
      for (struct hj_fetch *f = light ? j->light.first : j->under_way.first; f; f = f->next)
        for (struct hj_part *p = f->parts; p; p = p->next)
          if (p->ticket && (!next || p->ticket < next->ticket))
            next = p;
  return next;
}

static void resume(struct hj_throttle *t, struct hj_job *jobs, uint64_t now_ms)
{
  struct hj_part *p;
  for (struct hj_job *j = jobs; j && t->waiting; j = j->next)
    if (j->limited)
      j->moved_ms = now_ms; /* waiting for the limit is no standstill */
  while (t->waiting && (p = next_waiting(jobs, hj_bucket_is_open(&t->bucket, now_us()))) != NULL) {
    hj_throttle_drop(p);
    p->last_byte_ms = now_ms;
    hj_request_resume(p->request); /* hands over what libcurl kept: that is paid for at once */
  }
}

/* ---- all together ------------------------------------------------------------------------------------------------- */

void hj_throttle_turn(struct hj_throttle *t, struct hj_job *jobs, uint64_t own, int own_polite)
{
  uint64_t now_ms = hj_clock_ms(), was;
  if (!jobs) {
    if (t->crowd.path)
      hj_crowd_leave(&t->crowd);
    t->limit = t->looked_ms = t->claim = 0;
    return;
  }
  know_run_dir(t, jobs);
  if (t->run_dir && (!t->looked_ms || now_ms - t->looked_ms >= HJ_LIMIT_LOOK_MS)) {
    t->users = read_users(t->run_dir, "limit");
    t->users_polite = read_users(t->run_dir, "polite") != 0;
    if (!t->limit)
      t->looked_ms = now_ms;
  }
  was = t->limit;
  t->limit = limit_jobs(t, jobs, own, own_polite);
  if (t->limit && !was) {
    t->full = true; /* until it was looked at */
    t->looked_ms = now_ms;
    t->looked_taken = t->taken;
  }
  if (t->limit) {
    join(t, now_ms);
    share(t, now_ms);
  } else if (t->crowd.path) {
    hj_crowd_leave(&t->crowd);
  }
  resume(t, jobs, now_ms);
}

uint32_t hj_throttle_wait_ms(struct hj_throttle *t, uint32_t at_most)
{
  uint32_t wait = t->waiting ? hj_bucket_wait_ms(&t->bucket, now_us()) : at_most;
  return wait < at_most ? wait : at_most;
}

void hj_throttle_end(struct hj_throttle *t)
{
  hj_crowd_leave(&t->crowd);
  hj_mem_free(t->run_dir);
  t->run_dir = NULL;
}

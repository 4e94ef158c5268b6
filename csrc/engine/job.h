/* engine/job.h - a list of wanted files, fetched together: the public face of the engine.
 *
 *   new -> start -> poll until 1 -> outcomes ... -> free        cancel at any time
 *
 * Owns     the wants and limits it is given (their structs are emptied). Outcomes belong to the job.
 * Threads  new, start, free: one thread. poll, look, news, cancel: any thread. Never blocks on network or disk, save free.
 * Errors   new: HJ_E_BADARG, HJ_E_NAME, HJ_E_NOMEM. start: what prevents the engine from running. What happens to a file
 *          is in its outcome: one file's failure never ends the others.
 * Promise  received ranges stay on disk whatever ends the job, unless they are proven wrong. After fork the child's poll answers
 *          done with HJ_E_FORKED.
 * Not here threads and limits of the process (engine/engine.h).
 */
#ifndef HJ_JOB_H
#define HJ_JOB_H

#include "engine/news.h"
#include "engine/want.h"

struct hj_job;

enum hj_end { HJ_END_NONE, HJ_END_DONE, HJ_END_HELD, HJ_END_META, HJ_END_FAILED };

#define HJ_EXCERPT_MAX 304 /* first bytes of an error page: enough to recognise a captive portal */

struct hj_outcome {
  enum hj_end end;
  struct hj_err err;
  int http_status;
  const char *const *kept;            /* by enum hj_kept, NULL = not seen */
  const char *url;                    /* shown form of the last one */
  const char *etag, *commit;          /* "" = not known */
  uint64_t size;
  struct hj_promise proven;           /* algo NONE: nothing */
  const char *path, *link;            /* NULL = none */
  const void *body;
  size_t body_n;
  const char *excerpt;                /* of an error's body, printable */
  uint64_t from_net, held;
  unsigned requests;
  double seconds;
};

struct hj_progress_view {
  int state;                          /* 0 new, 1 running, 2 done */
  unsigned files, files_done, files_failed, sizes_unknown, connections, waiting; /* waiting: files that another process has on its way */
  uint64_t size, held, elsewhere, from_net, on_disk, proven, requests;   /* elsewhere: of files that another process has or had on its way */
  uint64_t rate, waits;               /* bytes per second it may use at most, 0: no limit; how often a transfer waited for that */
  uint64_t quota_ms;                  /* until the hub's window of requests lets the last question go out, 0: it does not matter */
  bool polite;                        /* now */
};

int hj_job_new(struct hj_job **out, struct hj_want *wants, size_t n, struct hj_limits *limits, struct hj_err *e);
int hj_job_start(struct hj_job *j, struct hj_err *e);
/* 1: every file has ended; 0: time is up; -1: a signal reached this thread. */
int hj_job_poll(struct hj_job *j, uint32_t ms);
uint64_t hj_job_clock_ms(void);             /* the clock of such waits */
void hj_job_cancel(struct hj_job *j);
struct hj_progress_view hj_job_look(struct hj_job *j);
size_t hj_job_count(const struct hj_job *j);
/* What happened since the last call, one thing at a time, if limits.news; false: no more for now. Any thread. The outcome of a file that ENDED
 * may be looked at while the others go on. */
bool hj_job_news(struct hj_job *j, struct hj_news_item *out);
/* After poll said 1. The pointers live as long as the job. */
void hj_job_outcome(struct hj_job *j, size_t i, struct hj_outcome *out);
/* Who brought the k-th part of it: the want's own URL is 0, its mirrors follow. false: there are no more. */
struct hj_supplied {
  const char *origin;                 /* scheme://host:port of the URL that was given; where it redirected to belongs to it */
  uint64_t bytes;                     /* received from there, wrong ones included */
  const char *expelled;               /* why it was not asked any more; NULL: it was */
};
bool hj_job_supplied(const struct hj_job *j, size_t i, size_t k, struct hj_supplied *out);
/* The i-th header that was kept of the answers (lower-case name, value); false if there are no more. Start with *i = 0. */
bool hj_outcome_header(const struct hj_outcome *o, size_t *i, const char **name, const char **value);
/* Cancels, waits until the engine has let go of it, at most `patience_ms`: what then still hangs (a dead mount) is left behind. Any
 * thread, also while others poll. */
void hj_job_end(struct hj_job *j, uint32_t patience_ms);
void hj_job_free(struct hj_job *j, uint32_t patience_ms);

#endif

/* engine/news.h - what has happened to the files of a job, for one who listens.
 *
 * Use      open before the job starts; the network thread puts, a listener takes until there is no more for now.
 * Owns     two arrays of fixed size: nothing grows, and putting cannot fail. Of stumbles the newest HJ_STUMBLES_KEPT wait to be taken.
 * Threads  put: one thread. take: any. A lock of its own, held for a copy.
 * Promise  each file begins at most once and ends once, in the order in which it happened; a stumble stands where it happened among them.
 * Not here what is said of it (ext/job_type.c, and hubjet.start in Python).
 */
#ifndef HJ_NEWS_H
#define HJ_NEWS_H

#include <stddef.h>
#include "util/err.h"

#define HJ_STUMBLES_KEPT 32u   /* of 0.6 KB each: a network that is gone makes one per connection in a look's time */

enum hj_news_kind { HJ_NEWS_NONE, HJ_NEWS_BEGAN, HJ_NEWS_ENDED, HJ_NEWS_STUMBLED };

struct hj_news_item {
  enum hj_news_kind kind;
  size_t file;
  struct hj_err err;           /* STUMBLED: why */
  uint64_t again_ms;           /* STUMBLED: it is tried again after so long */
};

struct hj_news;

int hj_news_open(struct hj_news **out, size_t files, struct hj_err *e);    /* HJ_E_NOMEM */
void hj_news_close(struct hj_news *n);                                     /* takes NULL */
/* All of them take NULL: nobody listens. */
void hj_news_began(struct hj_news *n, size_t file);
void hj_news_ended(struct hj_news *n, size_t file);
void hj_news_stumbled(struct hj_news *n, size_t file, const struct hj_err *why, uint64_t again_ms);
bool hj_news_take(struct hj_news *n, struct hj_news_item *out);           /* false: no more for now */

#endif

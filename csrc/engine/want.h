/* engine/want.h - what the caller wants: one file, and the limits of a job. Plain data, owned texts.
 *
 * Use      hj_want_init(&w); set fields with hj_mem_text copies; hj_want_release(&w).
 * Not here whether the values make sense together (hj_want_check), what comes of it (engine/job.h).
 */
#ifndef HJ_WANT_H
#define HJ_WANT_H

#include <stdbool.h>
#include <stddef.h>
#include "digest/algo.h"
#include "transfer/request.h"
#include "util/err.h"

enum hj_dest {
  HJ_DEST_NONE,
  HJ_DEST_MEMORY,  /* the body is the result */
  HJ_DEST_STORE,   /* a blob of the hub's cache, named by its etag, linked under its readable name */
  HJ_DEST_PATH     /* one plain file */
};

#define HJ_MIRRORS_MAX 15u

struct hj_want {
  char *url, *why;
  char **mirrors;                  /* further URLs of the same content: asked without auth, without headers, and only for bytes that a promise proves */
  size_t mirrors_n;
  char *auth, *auth_origin;        /* secret, and the one origin that may see it */
  char **headers;                  /* "Name: value", first origin only */
  size_t headers_n;
  void *post;                      /* NULL: GET */
  size_t post_n;
  uint64_t size;                   /* UINT64_MAX: not known */
  struct hj_promise promise;
  enum hj_dest dest;
  size_t memory;                   /* MEMORY: most bytes */
  char *repo_dir, *link_path, *commit;
  bool links;
  char *path, *side_dir, *key, *lock;
  char **held, *held_commit;       /* etags, and a commit, that end the fetch at the head */
  size_t held_n;
  bool meta_only, force, no_ranges, resume;
  bool replace;                    /* what is there is damaged: fetch all the same, go on with a partial, put it in its place */
  char *sums_dir;                  /* PATH: where sums of its cells are left; STORE has a place of its own */
  unsigned many;                   /* so many questions to this origin follow: connections are made meanwhile; 0: no such thing is known */
  bool limited_fails;              /* a 429 is an answer, not something to wait out: the caller has a token to try */
  unsigned mode;                   /* before umask */
};

struct hj_limits {
  unsigned connections, first_connections, tries;
  uint64_t rate;                   /* bytes per second, 0: no limit */
  uint64_t memory, range_min, range_max;
  uint32_t stall_ms, connect_ms, give_up_ms;
  char *ca_file, *ca_dir, *proxy_http, *proxy_https, *no_proxy;
  char *run_dir;                   /* where processes of one user see each other; NULL: they do not */
  bool polite;                     /* the others in the house should not notice (engine/polite.h) */
  bool offline, sync, ipv4_only, allow_http_downgrade;
  bool private_redirects;          /* a public host may send us into a private network: split DNS, caches of the house */
  bool news;                       /* somebody wants to hear of each file (engine/news.h) */
};

void hj_want_init(struct hj_want *w);
void hj_want_release(struct hj_want *w);
int hj_want_check(const struct hj_want *w, struct hj_err *e);       /* HJ_E_BADARG, HJ_E_NAME naming the field */

void hj_limits_init(struct hj_limits *l);                           /* the defaults; each with its reason in want.c */
struct hj_net hj_limits_net(const struct hj_limits *l);              /* points into *l */
void hj_limits_release(struct hj_limits *l);
int hj_limits_check(struct hj_limits *l, struct hj_err *e);         /* HJ_E_BADARG; brings range sizes into order */

#endif

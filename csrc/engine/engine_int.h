/* engine/engine_int.h - what engine, job, fetch, part and chores know of each other.
 *
 *   job 1--n fetch 1--n part 1--1 request          (all touched by the network thread only, unless said)
 *                 1--1 work -> a worker thread -> back
 *
 * A fetch is one wanted file on its way. A part is one contiguous range of it being fetched. A work is the one errand of a fetch
 * that may block: opening, proving, publishing.
 */
#ifndef HJ_ENGINE_INT_H
#define HJ_ENGINE_INT_H

#include <stdatomic.h>
#include "engine/engine.h"
#include "engine/hosts.h"
#include "engine/job.h"
#include "engine/ladder.h"
#include "engine/news.h"
#include "engine/plan.h"
#include "engine/route.h"
#include "engine/supply.h"
#include "engine/throttle.h"
#include "plat/plat.h"
#include "store/blob.h"
#include "store/holder.h"
#include "store/lock.h"
#include "transfer/headers.h"
#include "transfer/loop.h"
#include "transfer/request.h"
#include "util/buf.h"
#include "util/url.h"

struct hj_fetch;
struct hj_part;
struct hj_workers;

/* ---- work: what a worker thread does for a fetch ------------------------------------------------------------------ */

#define HJ_CHORES(X)                                                                     \
  X(LOOK, "look")      /* does another process fetch it? If not: claim it, then ask */    \
  X(OPEN, "open")      /* held already? lock, claim, check the journal, reserve */       \
  X(PROVE, "prove")    /* digest what has landed */                                      \
  X(COMMIT, "commit")  /* compare, sync, rename, link, record */                         \
  X(SMALL, "small")    /* a body from memory, the same in one go */                      \
  X(DROP, "drop")      /* let go of blob and lock */

enum hj_chore {
  HJ_CHORE_NONE,
#define HJ_X(name, text) HJ_CHORE_##name,
  HJ_CHORES(HJ_X)
#undef HJ_X
};

enum hj_opened { HJ_OPENED, HJ_OPEN_HELD, HJ_OPEN_BUSY, HJ_OPEN_NOBODY };

struct hj_work {
  struct hj_work *next;
  struct hj_fetch *fetch;
  enum hj_chore chore;
  bool keep;                 /* DROP: the partial stays for resume */
  /* answers */
  struct hj_err err;
  enum hj_opened opened;
  uint64_t found;            /* LOOK: HELD: size of the file that another process brought; NOBODY: bytes of an old partial */
  uint64_t proven;           /* bytes proven by this errand */
  uint64_t lost;             /* COMMIT with HJ_E_DIGEST: bytes the disk lost; 0 = the server sent wrong ones */
};

void hj_chores_run(struct hj_work *const w[], unsigned n);   /* on a worker thread; more than one: all PROVE, at most HJ_PROOFS_MAX, or all SMALL, at most HJ_SMALLS_MAX */
const char *hj_chore_name(enum hj_chore c);

/* ---- a part ------------------------------------------------------------------------------------------------------- */

#define HJ_PART_STATES(X)                                                                        \
  X(RESTING, "resting")  /* until `not_before`, or until the source is known */                  \
  X(QUEUED, "queued")    /* until there is a connection for it; then it is asked as it stands */ \
  X(ASKING, "asking")    /* a request is out, its head is not here */                            \
  X(FLOWING, "flowing")  /* the body comes */                                                    \
  X(PARKED, "parked")    /* a redirect is known; waits for the blob before it is followed */     \
  X(OVER, "over")        /* its range is complete, or given back */

enum hj_part_state {
#define HJ_X(name, text) HJ_PART_##name,
  HJ_PART_STATES(HJ_X)
#undef HJ_X
};

struct hj_part {
  struct hj_part *next;
  struct hj_part *queued_after, *queued_before;   /* QUEUED: in the job's queue */
  struct hj_fetch *fetch;
  uint64_t id;
  enum hj_part_state state;
  uint64_t at, end;          /* the range; end HJ_UNKNOWN: as far as it goes */
  uint64_t pos;              /* next byte expected from the network */
  uint8_t *piece;            /* HJ_PIECE bytes, filled from piece_at; owned */
  uint64_t piece_at;
  size_t piece_n;
  struct hj_request *request;
  uint64_t memory_taken;     /* of the job's budget */
  bool own;                  /* its request has a connection of its own, and counts as one */
  bool bears;                /* its request is one of the job's `bodies` */
  struct hj_url url;         /* what is asked now */
  unsigned hops;
  bool outside;              /* a host of the public network sent us to `url` */
  unsigned supply;           /* who is asked: 0 the want's own URL, then its mirrors */
  enum hj_rung rung;         /* how (engine/ladder.h) */
  unsigned family;           /* of the connection it had last: 4, 6; 0: not known */
  bool one_family;           /* the other one was no use */
  unsigned other_than;       /* on the rung of the other family: which one it left */
  bool stream;               /* it turned out to bring the whole file, plainly: the others are let go */
  uint64_t furthest;         /* how far a plain stream ever came */
  unsigned alike;            /* tries in a row that ended as the last one did, with */
  enum hj_code ended;        /* this */
  int ended_http;
  bool in_quota;             /* its question is out and counts in the hub's window (engine/quota.h) */
  bool lead;                 /* the first of its fetch: it finds out what the file is */
  bool first_way;            /* began at the want's URL (not at the redirected one) */
  bool is_page;              /* its answer is HTML where a file was asked for */
  bool is_probe;             /* its answer decides whether the redirected URL may be re-used */
  bool ranged;               /* asks with Range; kept over redirects, whose URL may be signed for it */
  bool whole;                /* 200: the body is the file from byte 0 */
  bool paused;               /* until the blob is open */
  uint64_t ticket;           /* paused for the limit of rate, since so many others were; 0: not */
  bool sent_if_range;
  unsigned barren, resolves; /* tries that kept no byte; refusals of a redirected URL */
  uint64_t not_before_ms, last_byte_ms, flushed_ms, began_ms, began_pos;
  uint64_t looked_ms, looked_bytes; /* a while ago, and what of this exchange had come by then (watch.c) */
  uint64_t head_ms;          /* when the head of its answer was here; 0 = not yet */
  uint64_t exchanged, counted; /* bytes taken from the exchange under way; of those, told to the host */
  uint32_t window;             /* what its connection was told during the exchange under way; 0: nothing */
  int status;
  char address[HJ_ADDRESS_MAX];  /* who answers, of a range over a connection of its own; "" = not known, or not asked */
  bool leaves;               /* that address is slow: its connection is not used again */
  uint64_t began_us, head_us;  /* of the exchange under way, when a timeline is kept */
  struct hj_err err;         /* why head or body ended the exchange */
  char excerpt[HJ_EXCERPT_MAX];
  size_t excerpt_n;
};

/* ---- a fetch ------------------------------------------------------------------------------------------------------ */

#define HJ_FETCH_STATES(X)                                                                       \
  X(WAITING, "waiting")    /* not begun */                                                       \
  X(ASKING, "asking")      /* the lead finds out etag and size; a small body may be coming */    \
  X(LOCKED, "locked")      /* another process fetches the same */                                \
  X(OPENING, "opening")    /* a worker opens the blob */                                         \
  X(FLOWING, "flowing")    /* ranges come, the proof follows */                                  \
  X(SEALING, "sealing")    /* a worker publishes */                                              \
  X(CLOSING, "closing")    /* it has failed or was cancelled; a worker lets go of the disk */    \
  X(OVER, "over")          /* the outcome is final */

enum hj_fetch_state {
#define HJ_X(name, text) HJ_FETCH_##name,
  HJ_FETCH_STATES(HJ_X)
#undef HJ_X
};

struct hj_fetch {
  struct hj_fetch *next, *before;     /* in the job's list of those under way */
  bool listed;
  bool light;                         /* known to be small: it never has a blob, and there may be hundreds of them at once */
  struct hj_job *job;
  size_t index;
  const struct hj_want *want;
  enum hj_fetch_state state;
  enum hj_end end;
  struct hj_err err;                  /* until it is over: the last trouble */
  struct hj_url auth_origin;          /* parsed from the want */
  struct hj_supply own, *mirrors;     /* the want's own URL, and supplies_n - 1 further ones */
  unsigned supplies_n;
  int only;                           /* while it is found out who sent wrong bytes: the one that is asked. -1: all */
  unsigned body_from;                 /* which supply brought `body` */
  bool own_left;                      /* its own URL was given up: err says why, and that is what is said in the end */
  /* what is known by now */
  uint64_t size;
  struct hj_promise promise;
  char etag[72], commit[44];
  char validator[128];                /* strong ETag of the origin that serves the bytes, for If-Range and the journal */
  char validator_origin[128];
  char *kept[HJ_KEPT_COUNT];
  int http_status;
  char shown[160];
  char excerpt[HJ_EXCERPT_MAX];
  /* the body */
  struct hj_buf body;                 /* MEMORY, and small files until stored */
  struct hj_claim *claim;             /* of the unfinished file, until the blob has it: taken before anybody was asked */
  struct hj_blob *blob;
  struct hj_lock lock;
  struct hj_holder holder;            /* of the stock client's lock, while we wait for it */
  bool lockless;                      /* it does not move: we go on without */
  struct hj_rival rival;              /* another process that had it on its way, as last seen */
  uint64_t elsewhere;                 /* what of it the job counts as brought by another process */
  struct hj_route *route;             /* where its bytes come from; NULL: it is not of those that go over a blob */
  bool routed;                        /* an answer has said so, it is no guess */
  struct hj_ranges taken;             /* on disk or asked for */
  struct hj_part *parts;
  unsigned parts_n;
  bool in_memory;                     /* the body goes to `body`, not to the blob */
  bool single;                        /* one plain stream: the server does not do ranges */
  bool streams;                       /* one of its parts brings it all (part.stream) */
  bool resumes;                       /* a broken plain stream goes on where it was, by an open range; until the server shows that it cannot */
  bool no_if_range;                   /* its validator changed although the content is promised: other edge, other ETag */
  bool looked;                        /* nobody else had it when it began (anew) */
  uint64_t partly;                    /* and so many bytes are in an old partial of it */
  bool again;                         /* CLOSING only to begin anew */
  unsigned restarts;                  /* from the beginning, after the file changed or ranges were refused */
  bool rechecked;
  bool damaged_there;                 /* what lies under the blob's name has another size: it is replaced */
  uint64_t memory_taken;              /* of the job's budget */
  /* the errand */
  struct hj_work work;
  bool busy;                          /* a worker has it: blob, lock and paths are his */
  atomic_int stop;                    /* tells him to hurry */
  /* outcome */
  char *final_path, *link_path;
  struct hj_promise proven;
  uint64_t held, from_net, began_ms, ended_ms, not_before_ms, locked_ms;
  unsigned requests;
};

/* fetch.c */
int hj_fetch_init(struct hj_fetch *f, struct hj_job *j, size_t index, struct hj_err *e);
void hj_fetch_release(struct hj_fetch *f);
bool hj_fetch_is_large(const struct hj_fetch *f);                         /* known to go over a blob */
bool hj_fetch_is_light(const struct hj_fetch *f);                         /* known to be small enough for memory */
bool hj_fetch_take_memory(struct hj_fetch *f);                            /* room for a body whose size is just known; false: over a blob */
bool hj_fetch_has_disk(const struct hj_fetch *f);                         /* a claim, blob or lock that a DROP lets go of */
bool hj_fetch_has_blob(const struct hj_fetch *f);                         /* one that the network thread may look at and put into */
void hj_fetch_begin(struct hj_fetch *f, uint64_t now_ms);
bool hj_fetch_has_gap(const struct hj_fetch *f);                          /* a range that nobody fetches */
bool hj_fetch_wants_part(const struct hj_fetch *f);
bool hj_fetch_may_put(const struct hj_fetch *f);                          /* the blob is not in a worker's hands alone */
void hj_fetch_add_part(struct hj_fetch *f, uint64_t now_ms);
void hj_fetch_turn(struct hj_fetch *f, uint64_t now_ms);                  /* timers, stalls, errands */
void hj_fetch_fail(struct hj_fetch *f, const struct hj_err *e, bool keep);
void hj_fetch_end(struct hj_fetch *f, enum hj_end end);
void hj_fetch_cancel(struct hj_fetch *f);
void hj_fetch_again(struct hj_fetch *f);                                  /* lets go of all it has, and begins anew */
void hj_fetch_enter(struct hj_fetch *f, enum hj_fetch_state to);          /* the one setter of its state */
void hj_fetch_waits_no_more(struct hj_fetch *f);                          /* for another process */
void hj_fetch_over(struct hj_fetch *f);                                   /* nothing of it is left on disk or in a worker's hands */
void hj_fetch_hold_memory(struct hj_fetch *f, uint64_t n);
void hj_fetch_begin_anew(struct hj_fetch *f);                             /* the same, and it waits to be begun again */
void hj_fetch_free_parts(struct hj_fetch *f);
bool hj_fetch_may_mirror(const struct hj_fetch *f);                       /* its bytes can be proven, so anybody may bring them */
struct hj_supply *hj_fetch_supply(struct hj_fetch *f, unsigned k);
/* Who brings its next range: not `except` (-1: anybody). idle: only who can take one now. -1: nobody. */
int hj_fetch_pick(const struct hj_fetch *f, int except, bool idle, uint64_t now_ms);
bool hj_fetch_flows_elsewhere(const struct hj_fetch *f, unsigned supply, uint64_t now_ms);
void hj_fetch_expel(struct hj_fetch *f, unsigned supply, const char *why, uint64_t now_ms);   /* it sent wrong bytes */
/* The whole is wrong. true: what somebody brought is fetched again from somebody else, and who lied will be known. */
bool hj_fetch_accuse(struct hj_fetch *f, const struct hj_err *why, uint64_t now_ms);
void hj_fetch_weigh(struct hj_fetch *f);                                  /* before a commit: who brought what came differently the second time? */
void hj_fetch_acquit(struct hj_fetch *f, uint64_t now_ms);                /* the whole is right: who differed from it is expelled */
/* errand.c */
void hj_fetch_send(struct hj_fetch *f, enum hj_chore chore);              /* to the workers */
void hj_fetch_send_proofs(struct hj_fetch *first, bool hurry);            /* of those under way, to the workers, together if possible */
void hj_fetch_add_stream(struct hj_fetch *f, uint64_t now_ms);            /* one part reads it from the first byte to the last */
void hj_fetch_worked(struct hj_fetch *f, uint64_t now_ms);                /* its errand is back */
/* meta.c: what a head says of the file */
int hj_meta_absorb(struct hj_fetch *f, const struct hj_part *p, const struct hj_reply *r, struct hj_err *e);
bool hj_meta_is_held(const struct hj_fetch *f);
/* watch.c */
void hj_fetch_watch(struct hj_fetch *f, uint64_t now_ms);
/* part.c */
struct hj_part *hj_part_new(struct hj_fetch *f, uint64_t at, uint64_t end, struct hj_err *e);
void hj_part_free(struct hj_part *p);                                     /* its request is stopped; nothing is flushed */
void hj_part_ask(struct hj_part *p, uint64_t now_ms);                     /* (again): over the way the source says */
void hj_part_follow_on(struct hj_part *p, uint64_t now_ms);               /* PARKED: go on to p->url */
bool hj_part_has_way(const struct hj_part *p);                            /* QUEUED: it could be asked now */
int hj_part_flush(struct hj_part *p, struct hj_err *e);                   /* what is in the piece goes to the blob */
bool hj_part_is_active(const struct hj_part *p);                          /* a request is out */
void hj_part_cut(struct hj_part *p);                                      /* stops the request, keeps the rest */
void hj_part_enter(struct hj_part *p, enum hj_part_state to);              /* the one setter of its state */
struct hj_supply *hj_part_supply(const struct hj_part *p);                /* the source it is asked of */
const char *hj_part_origin(const struct hj_part *p);                      /* of the URL asked now, or else of that source's */
struct hj_edges *hj_part_edges(const struct hj_part *p, uint64_t now_ms); /* the addresses of that host */
/* answer.c */
int hj_part_judge(struct hj_part *p, const struct hj_reply *r, struct hj_err *e); /* a 2xx that is no body for this part fails; settles ends and sizes */
bool hj_part_is_page(const struct hj_fetch *f, const struct hj_reply *r);         /* a page for people where a file was asked for */
/* stumble.c */
void hj_part_stumble(struct hj_part *p, const struct hj_err *e, uint64_t now_ms);   /* retry, re-resolve or fail */
/* fetch.c, told by part.c */
void hj_fetch_redirected(struct hj_fetch *f, struct hj_part *p, uint64_t now_ms);
void hj_fetch_body_ends(struct hj_fetch *f, struct hj_part *p, uint64_t now_ms);
void hj_fetch_restart(struct hj_fetch *f, const struct hj_err *why, bool single, uint64_t now_ms);

/* ---- a job -------------------------------------------------------------------------------------------------------- */

/* What a connection of its own costs besides our piece, as measured in heap and RSS: libcurl's buffer (16 KiB under TLS, where a record is
 * all it hands over; 256 KiB without), OpenSSL's records and session. */
#define HJ_TLS_COST ((uint64_t)128 << 10)
#define HJ_PLAIN_COST ((uint64_t)320 << 10)
#define HJ_BLOB_COST (HJ_PIECE + ((uint64_t)64 << 10))   /* the piece that is read back for the proof, journal, lanes */
#define HJ_ASK_COST ((uint64_t)64 << 10)  /* of an exchange without a piece: 36 MiB were seen for 400 (engine bench) */
#define HJ_UNKNOWN_AT_ONCE 32u

struct hj_list { struct hj_fetch *first, *last; unsigned n; };

struct hj_job {
  struct hj_job *next;                 /* in the engine's list */
  struct hj_want *wants;
  struct hj_fetch *fetches;
  size_t n;
  struct hj_limits limits;
  struct hj_news *news;                /* NULL: nobody listens */
  struct hj_net net;
  struct hj_route routes[HJ_ROUTES_MAX];
  unsigned routes_n;
  struct hj_loop *loop;                /* the engine's, while running */
  struct hj_workers *workers;
  struct hj_hosts *hosts;              /* the engine's, too */
  struct hj_list under_way, light;     /* the light ones apart: the others are looked at in every turn */
  size_t next_light, next_unknown, next_large; /* the first not begun of each sort, in the order of the wants */
  unsigned unknown_most;               /* files of unknown size at once: more while they turn out small */
  struct hj_part *queue, *queue_last;  /* QUEUED, first come first served */
  struct hj_part *queue_at;            /* the next one to be looked at, while they are */
  unsigned queued_first;               /* of those: how many have not asked anything yet */
  uint64_t others_memory;              /* of this process's other jobs */
  uint64_t memory_used, moved_ms;      /* last time a byte came or a file ended; in the future while a server's wish to wait is obeyed */
  uint64_t light_ms;                   /* when the light ones were last looked at */
  uint64_t look_ms;                    /* when the next file in another's hands is looked after; 0: there is none */
  unsigned active, own;                /* requests out; those among them that have a connection of their own */
  unsigned bodies;                     /* small bodies asked for over shared connections, behind a redirect or where there is none */
  bool plain;                          /* no redirect: its small files' first question brings the body */
  unsigned slots;                      /* how many of the latter there may be: limits.connections, less what the process's other jobs hold (engine/share.h) */
  bool starved;                        /* it had work for a further one and no slot */
  struct hj_throttle *throttle;        /* the engine's, while running */
  struct hj_brake brake;
  bool limited, polite;                /* a limit of rate holds for it now; it is to leave the line to others */
  uint64_t drawn;                      /* of from_net: what the timeline has shown */
  bool behind;                         /* no further range: the proof is too far behind (engine/lag.h) */
  _Atomic uint64_t planted_ms;         /* when no folder of the first want's repository was somebody's link; 0: not looked yet */
  uint64_t questions;                  /* that count in a hub's window, asked so far */
  unsigned holds;                      /* how often */
  uint64_t lag_ms, memory;             /* when the system was last asked for its memory, and what it said */
  unsigned cap;                        /* of the connections for ranges, of all routes together */
  uint64_t load_ns, load_waited_ns;    /* when the load of the network thread was last looked at, and how long it had slept by then */
  size_t over;
  uint64_t part_ids;
  uint32_t dice;
  unsigned generation;                 /* of the engine it was given to; another one: we are a forked child */
  /* shared with the callers */
  hj_mutex lock;
  hj_bell bell;
  atomic_int owners;                   /* caller and engine */
  atomic_int cancelled, state;         /* 0 new, 1 running, 2 done */
  atomic_uint files_done, files_failed, connections, waiting;
  _Atomic uint64_t quota_ms;
  _Atomic uint64_t size, sizes_unknown, held, elsewhere, from_net, on_disk, proven, requests, rate, waits;
  atomic_bool shows_polite;
};

void hj_job_turn(struct hj_job *j, uint64_t now_ms);                      /* job.c; network thread */
bool hj_job_is_over(const struct hj_job *j);
void hj_job_let_go(struct hj_job *j);                                     /* the last owner frees it */
uint32_t hj_job_roll(struct hj_job *j);                                   /* dice for jitter */
bool hj_job_has_memory(const struct hj_job *j, uint64_t bytes);
uint64_t hj_job_still_ms(const struct hj_job *j, uint64_t now_ms);        /* since it last moved */
void hj_job_unlist(struct hj_job *j, struct hj_fetch *f);                 /* it has ended */
void hj_job_queue(struct hj_job *j, struct hj_part *p);
void hj_job_unqueue(struct hj_job *j, struct hj_part *p);

/* engine.c */
int hj_engine_take(struct hj_job *j, struct hj_err *e);
void hj_engine_nudge(void);
unsigned hj_engine_generation(void);

#endif

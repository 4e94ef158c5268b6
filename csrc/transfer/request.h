/* transfer/request.h - one HTTP exchange: one question, one answer. The only door to the network.
 *
 *   start -> (head once) -> (body, any number) -> done          each on the network thread, from hj_loop_turn
 *         -> hj_request_stop: no callback comes any more
 *
 * Use      fill a struct hj_ask, hj_request_start(&r, loop, &ask, &visitor, user, e). Redirects are not followed here: the
 *          visitor sees the 3xx and decides (transfer/origin.h).
 * Owns     everything it was given is copied. The request is freed after done or stop.
 * Threads  all calls on the loop's thread. Callbacks hold no lock.
 * Errors   what went wrong reaches done(): code, CURLcode, status 0, the shown URL. A status of 4xx is an answer, not an error.
 * Promise  every exchange is in the ledger; Accept-Encoding is identity; no cookie, no netrc, no referer, User-Agent is
 *          "hubjet/VERSION". Offline (net->offline) fails at this door with HJ_E_OFFLINE.
 */
#ifndef HJ_REQUEST_H
#define HJ_REQUEST_H

#include <stdbool.h>
#include "transfer/headers.h"
#include "transfer/lanes.h"
#include "plat/sock.h"
#include "util/url.h"

struct hj_loop;
struct hj_request;

/* What belongs to the network rather than to one question. Strings may be NULL; they must outlive the request. */
struct hj_net {
  const char *ca_file, *ca_dir, *proxy_http, *proxy_https, *no_proxy;
  uint32_t connect_ms;
  bool offline, ipv4_only;
};

/* Addresses that a new connection leaves out, as text. */
#define HJ_AVOID_MAX 4u
struct hj_avoid {
  char p[HJ_AVOID_MAX][HJ_ADDRESS_MAX];
  unsigned n;
  bool fresh;                       /* an idle connection is not used instead */
};

struct hj_ask {
  const struct hj_url *url;
  const struct hj_net *net;
  const char *why;
  const char *auth;                 /* value of Authorization, NULL = none; the caller asked origin.h */
  char *const *headers;             /* "Name: value" */
  size_t headers_n;
  const void *post;                 /* NULL: GET */
  size_t post_n;
  bool has_range;
  uint64_t first, last;             /* inclusive; last HJ_UNKNOWN: to the end */
  const char *if_range;             /* NULL = none */
  bool outside;                     /* a host of the public network sent us there: an address inside a private one is not asked (HJ_E_REDIRECT);
                                       a proxy's may be */
  size_t buffer;                    /* hand over at most so many bytes at a time, 0 = the usual */
  struct hj_lane *lane;             /* HTTP/2 welcome: many small answers over few connections (transfer/lanes.h), and there is room.
                                       NULL: a connection of its own, as large bodies have */
  unsigned family;                  /* 4, 6: only addresses of that family; 0: any. With a connection of its own */
  unsigned lanes;                   /* most connections to open there */
  const struct hj_avoid *avoid;     /* NULL = none. Where the host has no other address nothing is asked: hj_request_turned_away */
};

enum hj_go { HJ_GO, HJ_GO_PAUSE, HJ_GO_STOP };

struct hj_visitor {
  /* The head is complete and final. HJ_GO_STOP ends the exchange: done comes with stopped = true. Not HJ_GO_PAUSE. */
  enum hj_go (*head)(void *user, struct hj_request *r, const struct hj_reply *reply);
  /* Bytes of the body. HJ_GO_PAUSE: nothing was taken, the same bytes come again after hj_request_resume. */
  enum hj_go (*body)(void *user, struct hj_request *r, const void *p, size_t n);
  /* The end, exactly once unless hj_request_stop came before. e->code is HJ_E_OK if the answer was complete. */
  void (*done)(void *user, struct hj_request *r, const struct hj_reply *reply, bool stopped, const struct hj_err *e);
};

int hj_request_start(struct hj_request **out, struct hj_loop *loop, const struct hj_ask *ask, const struct hj_visitor *v, void *user,
                     struct hj_err *e);
/* Many questions to this origin follow: connections for them are made meanwhile. Nothing is sent over them yet, so nothing is in the ledger;
 * what goes wrong is found out by the questions. Only where HTTP/2 is known. */
void hj_request_knock(struct hj_loop *loop, const struct hj_ask *ask);
void hj_request_stop(struct hj_request *r);      /* takes NULL; not from inside a callback */
void hj_request_resume(struct hj_request *r);    /* not from inside a callback */
/* From the question to the first byte of the head; 0 = it is not here. */
uint32_t hj_request_answer_us(const struct hj_request *r);
/* The kernel's round trips of its connection, and the bytes of its largest packets; 0 = not known. A system call. */
struct hj_pulse { uint32_t trip_us, trip_min_us, segment; };
struct hj_pulse hj_request_pulse(const struct hj_request *r);
bool hj_request_window(const struct hj_request *r, uint32_t bytes);   /* of its connection, as hj_sock_window; false: it has none yet */
/* Before it is stopped: its connection is silent. Once the last one on it is gone it is closed, not used again. */
void hj_request_distrust(struct hj_request *r);
/* In done: nothing was asked, its lane had less room than was thought. Ask again when there is some. */
bool hj_request_found_no_room(const struct hj_request *r);
/* In done: nothing was asked, the host's only addresses that answer were to be avoided. Ask again without. */
bool hj_request_turned_away(const struct hj_request *r);
/* Whom it talks to (a proxy's, if there is one), as text; false (and ""): not known yet. */
bool hj_request_address(const struct hj_request *r, char out[HJ_ADDRESS_MAX]);
/* From head on, done included: is who answered inside a private network, by the address or (through a proxy) the name? */
bool hj_request_from_inside(const struct hj_request *r, const struct hj_url *url);
/* The way to this answer, for who wants to see it. From head on, or in done; times count from the start, 0: not reached, or the connection was
 * there already. */
struct hj_request_facts {
  uint64_t name_us, connect_us, tls_us, head_us;
  char ip[64], proxy[96], tls[16], issuer[96], until[24];  /* tls: "TLSv1.3"; until: of the certificate; "": none, or not known */
  int http;                         /* 11, 20; 0: no answer */
};
void hj_request_look(const struct hj_request *r, struct hj_request_facts *out);
/* 4 or 6: of the connection's address, the last that was tried; 0: not known, or it is a proxy's. */
unsigned hj_request_family(const struct hj_request *r);
unsigned hj_request_port(const struct hj_request *r);    /* the local one of its connection: tells connections apart; 0: it had none */
uint64_t hj_request_bytes(const struct hj_request *r);
/* From head on: was a connection made for this request (rather than an idle one used again)? */
bool hj_request_made_connection(const struct hj_request *r);

#endif

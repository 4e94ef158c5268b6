/* transfer/loop_int.h - what request.c and loop.c know of each other. */
#ifndef HJ_LOOP_INT_H
#define HJ_LOOP_INT_H

#include <curl/curl.h>
#include "transfer/lanes.h"
#include "transfer/loop.h"
#include "transfer/request.h"
#include "transfer/tls.h"

#define HJ_SPARE_MAX 64 /* easy handles kept for the next exchange: as many as connections are usual */

/* CURLINFO_ACTIVESOCKET answers -1 while a transfer of a multi handle is under way (seen with 7.88), CURLINFO_LOCAL_PORT does not: so the
 * loop keeps what sockets libcurl made last, and finds the one of a connection by its port. */
#define HJ_DOORS 128

struct hj_door { int fd; unsigned port; }; /* port 0: not looked at yet */

struct hj_loop {
  CURLM *multi;
  CURL *spare[HJ_SPARE_MAX];
  unsigned spares, busy, broken;
  uint64_t waited_ns;
  struct hj_request *first;       /* all under way, doubly linked */
  struct hj_lanes lanes;
  char user_agent[48];
  struct hj_door doors[HJ_DOORS];
  unsigned doors_n, doors_next;
};

struct hj_request {
  struct hj_loop *loop;
  struct hj_request *next, *before;
  CURL *easy;
  struct curl_slist *headers;
  struct hj_visitor visitor;
  void *user;
  struct hj_reply reply;
  struct hj_err err;              /* what a callback of ours found wrong; the first cause */
  char shown[160], proxy[96];     /* proxy: as it may be shown, "" = none */
  struct hj_tls_peer peer;
  char detail[CURL_ERROR_SIZE];   /* libcurl's own words for its last error */
  const char *ca_file;            /* the job's */
  uint64_t visit, bytes, refusals;   /* refusals: of memory, when it began */
  bool stopped, told;             /* told: head() was called */
  struct hj_lane *lane;           /* NULL: a connection of its own */
  bool opens, opening;            /* told to open a connection there; has not yet */
  bool knocks;                    /* nothing is asked: it ends when its connection stands */
  bool outside, proxied;          /* who sent us is in the public network; a proxy is between */
  bool inside;                    /* that was refused: its address is in a private network */
  bool crowded;                   /* wanted one that it was not given */
  struct hj_avoid avoid;          /* addresses it does not connect to */
  bool turned;                    /* it met one of them */
  int fd;                         /* the connection it opened, the last one if several; -1 */
  CURLcode broken;                /* a resume went wrong: the next turn ends it */
};

/* Ends an exchange that libcurl reports as finished: tells the visitor, frees. */
void hj_request_finish(struct hj_request *r, CURLcode rc);

#endif

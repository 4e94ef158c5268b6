/* tests/c/mini_server.h - a small hub and its CDN on two ports of 127.0.0.1, in a thread of the test's own process.
 *
 * Use      struct mini *m = mini_start(); mini_add(m, "a.bin", p, n, etag, MINI_LFS); ... mini_url(m, "/resolve/a.bin") ...;
 *          mini_stop(m)
 * Threads  the calls below: any. It uses neither hj_mem nor plat: sweeps do not count it.
 *
 * Paths    /resolve/NAME    as a hub: LFS and BOUND answer 302 to the other port with X-Linked-Etag, X-Linked-Size, X-Repo-Commit; SMALL
 *                           answers 307 to /api/resolve-cache/NAME?etag=...; PLAIN the bytes at once
 *          /raw/NAME        the bytes: 200, 206, 416, If-Range, ETag
 *          /cdn/NAME        (the other port) the bytes under another ETag. BOUND: 403 unless Range is the one that minted the URL
 *          /hops/N/NAME     N redirects, then /raw/NAME
 *          /echo            the request, as text
 * Faults   /f/SPEC/PATH misbehaves while it serves PATH; /c/SPEC/resolve/NAME has the CDN misbehave instead. Several in a row add up
 *          (/f/drop=9,once/f/other,after=1/...). SPEC is a comma list:
 *   when     once  times=N (only the first N of this very path)  after=N (not the first N)  from=N (only ranges that begin at N or later)
 *            at=N (only connections that came to 127.0.0.N, see mini_twin)
 *   cut      no answer: the connection is closed        hang   no answer, and it stays open
 *   drop=N   closed after N bytes of the body           stall=N  silent after N bytes of it
 *   gate=N   waits after N bytes until mini_open_gate   status=N  an error page    retry=N  with Retry-After
 *   noif     If-Range is ignored
 *   whole    200 to a Range                             shift=N  another range, N bytes further      short=N  at most N bytes of the range
 *   gzip     Content-Encoding: gzip                     long=N   Content-Length N too large, then closed
 *   heads    a head without end                         empty    no body           nolen  no Content-Length, closed at the end
 *   chunked  Transfer-Encoding: chunked                 open     its last chunk never comes          trailer  and it ends with lies
 *   dead     /resolve/ redirects to where nobody listens
 *   noetag   no ETag                                    etag=T   another one       flip=N byte N of the file is wrong
 *   other    another file's bytes and etags (NAME.other)   nocommit  commit=C  nosize  without these headers
 */
#ifndef MINI_SERVER_H
#define MINI_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mini_kind { MINI_PLAIN, MINI_SMALL, MINI_LFS, MINI_BOUND };

#define MINI_COMMIT "cccccccccccccccccccccccccccccccccccccccc"

struct mini;

struct mini_visit {
  int port;                  /* 0 the hub's, 1 the CDN's */
  int status;                /* 0: none was given */
  bool has_range, has_auth, has_if_range;
  uint64_t first, last;      /* last UINT64_MAX: to the end */
  unsigned connection;       /* counts from 1 */
  unsigned address;          /* 1: it came to 127.0.0.1, 2: to 127.0.0.2 */
  char path[200], if_range[100];
};

struct mini *mini_start(void);
void mini_stop(struct mini *m);                   /* takes NULL */
/* Copies p. The etag is the hub's name of it (hex); NULL = it has none. */
void mini_add(struct mini *m, const char *name, const void *p, size_t n, const char *etag, enum mini_kind kind);
const char *mini_url(struct mini *m, const char *path);        /* on the hub's port; lives until mini_stop */
const char *mini_origin(struct mini *m);
unsigned mini_twin(struct mini *m);               /* before mini_url: the hub has a second address, 127.0.0.2; answers the port of both */

unsigned mini_visits(struct mini *m);             /* requests so far */
bool mini_visit(struct mini *m, unsigned i, struct mini_visit *out);
unsigned mini_count(struct mini *m, const char *part);         /* those whose path holds `part` */
void mini_forget(struct mini *m);                 /* the log, the counts behind once/times/after, the peak */
unsigned mini_peak(struct mini *m);               /* most requests that were being answered at once */
void mini_wait_visits(struct mini *m, unsigned n);             /* until so many requests came */
void mini_wait_gate(struct mini *m, unsigned n);  /* until so many answers stand at a gate (or stall, or hang) */
void mini_open_gate(struct mini *m);
/* The n-th thing that happens from now on (a connection is accepted, a question is read whole, a piece is sent) happens badly, once. */
enum mini_break {
  MINI_RESET,                /* the connection is reset instead */
  MINI_HALF,                 /* half of the piece, then the connection is reset: in the head, in the body */
  MINI_CLOSE,                /* half of the piece, then it is closed as if that were all */
  MINI_FLIP,                 /* a byte of the piece is wrong, if it is of a body */
  MINI_MUTE,                 /* silence from here on, on this connection */
  MINI_GONE,                 /* all connections are reset, new ones are refused until mini_mend */
  MINI_BREAKS
};
void mini_break_at(struct mini *m, unsigned n, enum mini_break how);   /* n = 0: never */
bool mini_broke(struct mini *m);
void mini_mend(struct mini *m);                   /* as if nothing had been; the same ports */
void mini_settle(struct mini *m);                 /* until no connection is open any more: the clients have closed theirs */

#endif

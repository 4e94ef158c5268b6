/* tests/c/mini_server.c - see mini_server.h. One thread, poll, answers made whole in memory before the first byte goes out.
 *
 * Raw malloc and sockets: what is counted and made to fail must be the product's only. */
#include "mini_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "util/banned.h"

#define CONNECTIONS_MOST 300
#define FILES_MOST 300
#define VISITS_MOST 20000
#define URLS_MOST 4000
#define HEAD_MOST (96u << 10)
#define SENT_AT_ONCE (256u << 10)

#define NOBODY "http://127.0.0.1:1"

struct file { char name[64], etag[72]; uint8_t *p; size_t n; enum mini_kind kind; };

enum then { KEEP, CLOSE, STAY, GATE };

struct connection {
  int fd, port;
  unsigned address;
  unsigned number, passed;           /* passed: gates opened when it came to its own */
  char head[HEAD_MOST];
  size_t head_n;
  bool answering;
  /* the answer */
  char *out;
  size_t out_n;
  uint8_t *made;                     /* a body made for this answer, or NULL */
  const uint8_t *body;
  size_t body_n, sent;               /* sent: of out and body together */
  size_t stop_at;                    /* body bytes before `then` */
  enum then then;
  bool waits;                        /* it has come to its stop */
  bool mute;                         /* says nothing any more */
};

struct state { char path[400]; unsigned seen; };   /* of a misbehaving path */

struct mini {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int listen_fd[3], port[2], wake[2];   /* the third: the hub's port at its second address, or -1 */
  char origin[2][40];
  /* under the lock */
  struct file files[FILES_MOST];
  unsigned files_n;
  struct mini_visit *visits;
  unsigned visits_n, peak, connections_n, waiting, numbers;
  struct state states[200];
  unsigned states_n, gates;
  char *urls[URLS_MOST];
  unsigned urls_n;
  bool stop;
  unsigned break_in;                 /* events until the one that goes wrong; 0: none will */
  enum mini_break break_how;
  bool broke, gone;
  struct connection *connections[CONNECTIONS_MOST];
};

/* ---- what a request says ------------------------------------------------------------------------------------------ */

struct spec {
  bool on, cut, hang, noif, whole, gzip, heads, empty, nolen, chunked, open, trailer, noetag, other, nocommit, nosize, dead;
  long long drop, stall, gate, status, retry, shift, shorter, longer, flip;
  char etag[100], commit[44];
};

static const struct spec no_fault = { .drop = -1, .stall = -1, .gate = -1, .shift = -1, .shorter = -1, .longer = -1, .flip = -1, .retry = -1 };

struct question {
  char path[400], query[200], range[64];
  const char *plain;              /* the path without /f/SPEC */
  char for_cdn[200];              /* SPEC of /c/SPEC/ */
  bool has_range, range_ok;
  uint64_t first, last;
  struct spec s;
  struct file *file;
  unsigned address;
};

static const char *header_of(const char *head, const char *name, char *out, size_t cap)
{
  size_t n = strlen(name);
  out[0] = 0;
  for (const char *line = strchr(head, '\n'); line && line[1] != '\r'; line = strchr(line + 1, '\n')) {
    if (strncasecmp(line + 1, name, n) != 0 || line[1 + n] != ':')
      continue;
    const char *p = line + 2 + n, *end = strchr(p, '\r');
    while (*p == ' ')
      p++;
    (void)snprintf(out, cap, "%.*s", (int)(end - p), p);
    return out;
  }
  return NULL;
}

static long long number_of(const char *item)
{
  const char *eq = strchr(item, '=');
  return eq ? strtoll(eq + 1, NULL, 10) : 0;
}

static bool is(const char *item, const char *name)
{
  size_t n = strlen(name);
  return strncmp(item, name, n) == 0 && (item[n] == 0 || item[n] == '=');
}

/* Under the lock: how often this path was asked before. */
static unsigned seen_before(struct mini *m, const char *path)
{
  for (unsigned i = 0; i < m->states_n; i++)
    if (strcmp(m->states[i].path, path) == 0)
      return m->states[i].seen++;
  if (m->states_n == sizeof m->states / sizeof m->states[0])
    check_failed(__FILE__, __LINE__, "too many misbehaving paths");
  (void)snprintf(m->states[m->states_n].path, sizeof m->states[0].path, "%s", path);
  m->states[m->states_n++].seen = 1;
  return 0;
}

static void read_spec(struct mini *m, struct question *q, const char *text, size_t n)
{
  char copy[200], key[400];
  long long times = -1, after = 0, from = -1, at = 0;
  struct spec s = q->s, before = q->s;
  s.on = true;
  (void)snprintf(copy, sizeof copy, "%.*s", (int)n, text);
  for (char *item = copy, *next; item && *item; item = next) {
    next = strchr(item, ',');
    if (next)
      *next++ = 0;
    if (is(item, "once")) times = 1;
    else if (is(item, "times")) times = number_of(item);
    else if (is(item, "after")) after = number_of(item);
    else if (is(item, "from")) from = number_of(item);
    else if (is(item, "at")) at = number_of(item);
    else if (is(item, "cut")) s.cut = true;
    else if (is(item, "hang")) s.hang = true;
    else if (is(item, "drop")) s.drop = number_of(item);
    else if (is(item, "stall")) s.stall = number_of(item);
    else if (is(item, "gate")) s.gate = number_of(item);
    else if (is(item, "status")) s.status = number_of(item);
    else if (is(item, "retry")) s.retry = number_of(item);
    else if (is(item, "whole")) s.whole = true;
    else if (is(item, "noif")) s.noif = true;
    else if (is(item, "shift")) s.shift = number_of(item);
    else if (is(item, "short")) s.shorter = number_of(item);
    else if (is(item, "gzip")) s.gzip = true;
    else if (is(item, "long")) s.longer = number_of(item);
    else if (is(item, "heads")) s.heads = true;
    else if (is(item, "empty")) s.empty = true;
    else if (is(item, "nolen")) s.nolen = true;
    else if (is(item, "chunked")) s.chunked = true;
    else if (is(item, "open")) s.open = true;
    else if (is(item, "trailer")) s.trailer = true;
    else if (is(item, "noetag")) s.noetag = true;
    else if (is(item, "etag")) (void)snprintf(s.etag, sizeof s.etag, "%s", item + 5);
    else if (is(item, "flip")) s.flip = number_of(item);
    else if (is(item, "other")) s.other = true;
    else if (is(item, "nocommit")) s.nocommit = true;
    else if (is(item, "commit")) (void)snprintf(s.commit, sizeof s.commit, "%s", item + 7);
    else if (is(item, "nosize")) s.nosize = true;
    else if (is(item, "dead")) s.dead = true;
    else
      check_failed(__FILE__, __LINE__, "mini server: no such fault: %s", item);
  }
  (void)snprintf(key, sizeof key, "%td %.380s", text - q->path, q->path);
  unsigned seen = seen_before(m, key);
  bool now = seen >= after && (times < 0 || seen < after + times) && (from < 0 || (q->has_range && q->first >= (uint64_t)from)) && (!at || q->address == at);
  q->s = now ? s : before;
}

static struct file *find_file(struct mini *m, const char *name, bool other)
{
  char full[80];
  (void)snprintf(full, sizeof full, "%s%s", name, other ? ".other" : "");
  for (unsigned i = 0; i < m->files_n; i++)
    if (strcmp(m->files[i].name, full) == 0)
      return &m->files[i];
  return NULL;
}

static void read_range(struct question *q, const char *head)
{
  char *end;
  q->last = UINT64_MAX;
  if (!header_of(head, "Range", q->range, sizeof q->range) || strncmp(q->range, "bytes=", 6) != 0)
    return;
  q->has_range = true;
  q->first = strtoull(q->range + 6, &end, 10);
  if (*end == '-' && end[1])
    q->last = strtoull(end + 1, NULL, 10);
}

/* ---- answers ------------------------------------------------------------------------------------------------------ */

static void say(struct connection *c, const char *fmt, ...) HJ_PRINTF(2, 3);
static void say(struct connection *c, const char *fmt, ...)
{
  char line[4096];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  c->out = realloc(c->out, c->out_n + (size_t)n + 1);
  memcpy(c->out + c->out_n, line, (size_t)n + 1);
  c->out_n += (size_t)n;
}

static int error_page(struct connection *c, int status, const struct spec *s)
{
  say(c, "HTTP/1.1 %d Sorry\r\nContent-Type: text/html\r\nX-Error-Message: no\r\n", status);
  if (s && s->retry >= 0)
    say(c, "Retry-After: %lld\r\n", s->retry);
  say(c, "Content-Length: 17\r\n\r\n<h1>Sorry\x01</h1>\r\n");
  return status;
}

static void chunk_up(struct connection *c, const struct spec *s)
{
  size_t cap = c->body_n + c->body_n / 1000 + 400, n = 0;
  uint8_t *made = malloc(cap);
  for (size_t at = 0; at < c->body_n;) {
    size_t step = c->body_n - at < 16384 ? c->body_n - at : 16384;
    n += (size_t)snprintf((char *)made + n, cap - n, "%zx\r\n", step);
    memcpy(made + n, c->body + at, step);
    n += step;
    memcpy(made + n, "\r\n", 2);
    n += 2;
    at += step;
  }
  if (s->open) {
    c->stop_at = n;
    c->then = STAY;
  }
  n += (size_t)snprintf((char *)made + n, cap - n, "0\r\n%s\r\n",
                        s->trailer ? "HTTP/1.1: 500 Lie\r\nContent-Range: bytes 1-2/3\r\nLocation: http://127.0.0.1:1/\r\n" : "");
  free(c->made);
  c->made = made;
  c->body = made;
  c->body_n = n;
}

static int serve_bytes(struct connection *c, struct question *q, const char *head, bool is_cdn)
{
  const struct spec *s = &q->s;
  struct file *f = q->file;
  char etag[120], if_range[120];
  uint64_t first = 0, last = f->n ? f->n - 1 : 0;
  bool partial = q->has_range && !s->whole;
  (void)snprintf(etag, sizeof etag, "\"%s%.70s\"", is_cdn ? "cdn-" : "", f->etag);
  if (s->etag[0])
    (void)snprintf(etag, sizeof etag, "\"%s\"", s->etag);
  if (partial && !s->noif && header_of(head, "If-Range", if_range, sizeof if_range) && strcmp(if_range, etag) != 0)
    partial = false;
  if (partial && q->first >= f->n) {
    say(c, "HTTP/1.1 416 No\r\nContent-Range: bytes */%zu\r\nContent-Length: 0\r\n%s%s%s\r\n", f->n, f->etag[0] ? "ETag: " : "", f->etag[0] ? etag : "",
        f->etag[0] ? "\r\n" : "");
    return 416;
  }
  if (partial) {
    first = q->first;
    last = q->last < last ? q->last : last;
    if (s->shorter >= 0 && last - first >= (uint64_t)s->shorter)
      last = first + (uint64_t)s->shorter - 1;
    if (s->shift >= 0) {
      first += (uint64_t)s->shift;
      last = last + (uint64_t)s->shift < f->n ? last + (uint64_t)s->shift : f->n - 1;
    }
  }
  c->body = f->p + first;
  c->body_n = f->n ? last - first + 1 : 0;
  if (s->flip >= 0 && (uint64_t)s->flip >= first && (uint64_t)s->flip <= last) {
    c->made = malloc(c->body_n);
    memcpy(c->made, c->body, c->body_n);
    c->made[(uint64_t)s->flip - first] ^= 0x55;
    c->body = c->made;
  }
  if (s->empty)
    c->body_n = 0;
  c->stop_at = SIZE_MAX;
  say(c, "HTTP/1.1 %s\r\nAccept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\n", partial ? "206 Partial Content" : "200 OK");
  if (f->etag[0] && !s->noetag)
    say(c, "ETag: %s\r\n", etag);
  if (!is_cdn && f->kind == MINI_SMALL && !s->nocommit)
    say(c, "X-Repo-Commit: %s\r\n", s->commit[0] ? s->commit : MINI_COMMIT);
  if (partial)
    say(c, "Content-Range: bytes %llu-%llu/%zu\r\n", (unsigned long long)first, (unsigned long long)last, f->n);
  if (s->gzip)
    say(c, "Content-Encoding: gzip\r\n");
  if (s->heads)
    for (int i = 0; i < 60; i++)
      say(c, "X-Pad-%d: %03000d\r\n", i, i);
  if (s->chunked || s->open || s->trailer) {
    say(c, "Transfer-Encoding: chunked\r\n");
    chunk_up(c, s);
  } else if (s->nolen) {
    say(c, "Connection: close\r\n");
    c->then = CLOSE;
  } else {
    say(c, "Content-Length: %llu\r\n", (unsigned long long)c->body_n + (unsigned long long)(s->longer > 0 ? s->longer : 0));
    if (s->longer > 0)
      c->then = CLOSE;
  }
  say(c, "\r\n");
  if (s->on && (s->drop >= 0 || s->stall >= 0 || s->gate >= 0)) {
    c->stop_at = (size_t)(s->drop >= 0 ? s->drop : s->stall >= 0 ? s->stall : s->gate);
    c->then = s->drop >= 0 ? CLOSE : s->stall >= 0 ? STAY : GATE;
  }
  return partial ? 206 : 200;
}

static int serve_resolve(struct mini *m, struct connection *c, struct question *q, const char *head)
{
  struct file *f = q->file;
  const char *commit = q->s.commit[0] ? q->s.commit : MINI_COMMIT;
  char before[220] = "", bound[80] = "";
  if (f->kind == MINI_PLAIN)
    return serve_bytes(c, q, head, false);
  (void)snprintf(before, sizeof before, "%s", q->for_cdn);
  say(c, "HTTP/1.1 %s\r\n", f->kind == MINI_SMALL ? "307 Temporary Redirect" : "302 Found");
  if (!q->s.nocommit)
    say(c, "X-Repo-Commit: %s\r\n", commit);
  if (f->kind == MINI_SMALL) {
    say(c, "Location: %s%s/api/resolve-cache/%s?etag=%%22%s%%22\r\nContent-Length: 0\r\n\r\n", q->s.dead ? NOBODY : "", before, f->name, f->etag);
    return 307;
  }
  if (f->kind == MINI_BOUND && q->has_range)
    (void)snprintf(bound, sizeof bound, "&only=%s", q->range + 6);
  if (!q->s.noetag)
    say(c, "X-Linked-Etag: \"%s\"\r\n", f->etag);
  if (!q->s.nosize)
    say(c, "X-Linked-Size: %zu\r\n", f->n);
  say(c, "ETag: \"hub-%.20s\"\r\nLocation: %s%s/cdn/%s?signature=secret%s\r\nContent-Length: 7\r\n\r\nmoved\r\n", f->etag, q->s.dead ? NOBODY : m->origin[1], before, f->name, bound);
  return 302;
}

static int serve_hops(struct connection *c, const char *path)
{
  char *rest;
  long n = strtol(path + 6, &rest, 10);
  say(c, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n");
  if (n > 1)
    say(c, "Location: /hops/%ld%s\r\n\r\n", n - 1, rest);
  else
    say(c, "Location: /raw%s\r\n\r\n", rest);
  return 302;
}

/* Under the lock. */
static int answer(struct mini *m, struct connection *c, struct question *q)
{
  const char *path = q->plain, *name = strrchr(path, '/') + 1;
  char only[64];
  if (q->s.cut) {
    c->then = CLOSE;
    return 0;
  }
  if (q->s.hang) {
    c->then = STAY;
    return 0;
  }
  if (q->s.status)
    return error_page(c, (int)q->s.status, &q->s);
  if (strcmp(path, "/echo") == 0) {
    c->made = (uint8_t *)strdup(c->head);
    c->body = c->made;
    c->body_n = strlen(c->head);
    say(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", c->body_n);
    return 200;
  }
  if (strncmp(path, "/hops/", 6) == 0)
    return serve_hops(c, path);
  q->file = find_file(m, name, q->s.other);
  if (!q->file)
    return error_page(c, 404, NULL);
  if (c->port == 0 && strncmp(path, "/resolve/", 9) == 0)
    return serve_resolve(m, c, q, c->head);
  if (c->port == 0 && (strncmp(path, "/raw/", 5) == 0 || strncmp(path, "/api/resolve-cache/", 19) == 0))
    return serve_bytes(c, q, c->head, false);
  if (c->port == 1 && strncmp(path, "/cdn/", 5) == 0) {
    const char *bound = strstr(q->query, "only=");
    (void)snprintf(only, sizeof only, "%s", bound ? bound + 5 : "");
    if (bound && (!q->has_range || strcmp(only, q->range + 6) != 0))
      return error_page(c, 403, NULL);
    return serve_bytes(c, q, c->head, true);
  }
  return error_page(c, 404, NULL);
}

static void take_question(struct mini *m, struct connection *c)
{
  struct question q = { .s = no_fault, .address = c->address };
  struct mini_visit v = { .port = c->port, .connection = c->number, .address = c->address };
  char text[120];
  char *target = strchr(c->head, ' '), *end = target ? strchr(target + 1, ' ') : NULL, *query;
  unsigned busy = 0;
  if (!end)
    check_failed(__FILE__, __LINE__, "mini server: what is this? %s", c->head);
  (void)snprintf(q.path, sizeof q.path, "%.*s", (int)(end - target - 1), target + 1);
  query = strchr(q.path, '?');
  if (query) {
    (void)snprintf(q.query, sizeof q.query, "%s", query + 1);
    *query = 0;
  }
  read_range(&q, c->head);
  q.plain = q.path;
  while (strncmp(q.plain, "/f/", 3) == 0 || strncmp(q.plain, "/c/", 3) == 0) {
    const char *spec = q.plain + 3;
    char more[200];
    q.plain = strchr(spec, '/');
    if (!q.plain)
      check_failed(__FILE__, __LINE__, "mini server: no path behind %s", q.path);
    if (spec[-2] == 'f') {
      read_spec(m, &q, spec, (size_t)(q.plain - spec));
      continue;
    }
    (void)snprintf(more, sizeof more, "%.80s/f/%.*s", q.for_cdn, (int)(q.plain - spec), spec);
    memcpy(q.for_cdn, more, sizeof more);
  }
  c->answering = true;
  c->waits = false;
  c->then = KEEP;
  c->stop_at = SIZE_MAX;
  c->sent = c->out_n = c->body_n = 0;
  c->passed = m->gates;
  v.status = answer(m, c, &q);
  v.has_range = q.has_range;
  v.first = q.first;
  v.last = q.last;
  v.has_auth = header_of(c->head, "Authorization", text, sizeof text) != NULL;
  v.has_if_range = header_of(c->head, "If-Range", v.if_range, sizeof v.if_range) != NULL;
  (void)snprintf(v.path, sizeof v.path, "%.199s", q.path);
  if (m->visits_n < VISITS_MOST)
    m->visits[m->visits_n++] = v;
  for (int i = 0; i < CONNECTIONS_MOST; i++)
    busy += m->connections[i] && m->connections[i]->answering;
  m->peak = busy > m->peak ? busy : m->peak;
}

/* ---- the thread --------------------------------------------------------------------------------------------------- */

static void drop_connection(struct mini *m, int i)
{
  struct connection *c = m->connections[i];
  (void)close(c->fd);
  m->waiting -= c->waits;
  free(c->out);
  free(c->made);
  free(c);
  m->connections[i] = NULL;
  m->connections_n--;
}

/* Is this the event that goes wrong? */
static bool goes_wrong(struct mini *m)
{
  if (m->break_in == 0 || --m->break_in > 0)
    return false;
  m->broke = true;
  m->gone = m->break_how == MINI_GONE;
  return true;
}

static bool reset_connection(struct connection *c)
{
  struct linger now = { .l_onoff = 1 };
  (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  return false;
}

/* The piece that goes wrong. false: the connection is over. */
static bool send_badly(struct mini *m, struct connection *c, const char *p, size_t n, bool in_head)
{
  char *copy;
  switch (m->break_how) {
  case MINI_HALF:
  case MINI_CLOSE:
    (void)!send(c->fd, p, n / 2, MSG_NOSIGNAL);
    return m->break_how == MINI_HALF ? reset_connection(c) : false;
  case MINI_FLIP:
    if (in_head)
      return true;
    copy = malloc(n);
    memcpy(copy, p, n);
    copy[n / 2] ^= 0x20;
    ssize_t k = send(c->fd, copy, n, MSG_NOSIGNAL);
    free(copy);
    c->sent += k > 0 ? (size_t)k : 0;
    return k > 0 || errno == EAGAIN || errno == EINTR;
  case MINI_MUTE:
    c->mute = true;
    return true;
  default:
    return reset_connection(c);
  }
}

/* false: the connection is over. */
static bool send_some(struct mini *m, struct connection *c)
{
  size_t upto = c->out_n + (c->stop_at < c->body_n ? c->stop_at : c->body_n);
  while (c->sent < upto) {
    bool in_head = c->sent < c->out_n;
    const char *p = in_head ? c->out + c->sent : (const char *)c->body + (c->sent - c->out_n);
    size_t n = (in_head ? c->out_n : upto) - c->sent;
    n = n < SENT_AT_ONCE ? n : SENT_AT_ONCE;
    if (goes_wrong(m)) {
      if (!send_badly(m, c, p, n, in_head))
        return false;
      if (c->mute)
        return true;
      continue;
    }
    ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL | (in_head && upto > c->out_n ? MSG_MORE : 0));
    if (k < 0)
      return errno == EAGAIN || errno == EINTR;
    c->sent += (size_t)k;
  }
  switch (c->then) {
  case CLOSE:
    return false;
  case GATE:
    if (m->gates != c->passed) {
      c->then = KEEP;
      c->stop_at = SIZE_MAX;
      m->waiting -= c->waits;
      c->waits = false;
      return send_some(m, c);
    }
    /* fall through */
  case STAY:
    m->waiting += !c->waits;
    c->waits = true;
    return true;
  default:
    break;
  }
  c->answering = false;
  free(c->out);
  free(c->made);
  c->out = NULL;
  c->made = NULL;
  c->out_n = 0;
  return true;
}

/* false: the connection is over. */
static bool receive_some(struct mini *m, struct connection *c)
{
  ssize_t k = recv(c->fd, c->head + c->head_n, sizeof c->head - 1 - c->head_n, 0);
  char *end;
  if (k <= 0)
    return k < 0 && (errno == EAGAIN || errno == EINTR);
  if (c->mute)
    return true;
  c->head_n += (size_t)k;
  c->head[c->head_n] = 0;
  while (!c->answering && (end = strstr(c->head, "\r\n\r\n")) != NULL) {
    char text[40];
    size_t n = (size_t)(end + 4 - c->head), more = 0;
    if (header_of(c->head, "Content-Length", text, sizeof text))
      more = (size_t)strtoull(text, NULL, 10);
    if (c->head_n < n + more)
      break;
    if (goes_wrong(m) && m->break_how != MINI_FLIP) {
      c->mute = m->break_how == MINI_MUTE;
      return c->mute || (m->break_how != MINI_CLOSE && reset_connection(c));
    }
    take_question(m, c);
    memmove(c->head, c->head + n + more, c->head_n - n - more + 1);
    c->head_n -= n + more;
    if (!send_some(m, c))
      return false;
  }
  return true;
}

static void take_connection(struct mini *m, int door)
{
  int fd = accept4(m->listen_fd[door], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
  for (int i = 0; fd >= 0 && i < CONNECTIONS_MOST; i++)
    if (!m->connections[i]) {
      struct connection *c = calloc(1, sizeof *c);
      (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      c->fd = fd;
      c->port = door == 1;
      c->address = door == 2 ? 2 : 1;
      c->number = ++m->numbers;
      m->connections[i] = c;
      m->connections_n++;
      if (goes_wrong(m) && m->break_how != MINI_FLIP) {
        c->mute = m->break_how == MINI_MUTE;
        if (!c->mute && m->break_how != MINI_GONE) {
          (void)reset_connection(c);
          drop_connection(m, i);
        }
      }
      return;
    }
  if (fd >= 0)
    check_failed(__FILE__, __LINE__, "mini server: too many connections");
}

/* Nobody is let in, and who was in is thrown out. */
static void go_away(struct mini *m)
{
  for (int i = 0; i < CONNECTIONS_MOST; i++)
    if (m->connections[i]) {
      (void)reset_connection(m->connections[i]);
      drop_connection(m, i);
    }
  for (int port = 0; port < 2; port++) {
    if (m->listen_fd[port] >= 0)
      (void)close(m->listen_fd[port]);
    m->listen_fd[port] = -1;
  }
}

static void *serve(void *user)
{
  struct mini *m = user;
  struct pollfd fds[CONNECTIONS_MOST + 4];
  int index[CONNECTIONS_MOST + 4];
  char drain[64];
  pthread_mutex_lock(&m->lock);
  while (!m->stop) {
    nfds_t n = 4;
    fds[0] = (struct pollfd){ m->wake[0], POLLIN, 0 };
    fds[1] = (struct pollfd){ m->listen_fd[0], POLLIN, 0 };
    fds[2] = (struct pollfd){ m->listen_fd[1], POLLIN, 0 };
    fds[3] = (struct pollfd){ m->listen_fd[2], POLLIN, 0 };
    for (int i = 0; i < CONNECTIONS_MOST; i++) {
      struct connection *c = m->connections[i];
      if (!c)
        continue;
      index[n] = i;
      fds[n++] = (struct pollfd){ c->fd, (short)(POLLIN | (c->answering && !c->waits && !c->mute ? POLLOUT : 0)), 0 };
    }
    pthread_mutex_unlock(&m->lock);
    if (poll(fds, n, -1) < 0) /* a test has taken all descriptors away: this thread does not spin meanwhile */
      (void)poll(NULL, 0, 10);
    pthread_mutex_lock(&m->lock);
    if (fds[0].revents)
      (void)!read(m->wake[0], drain, sizeof drain);
    for (nfds_t k = 4; k < n; k++) {
      struct connection *c = m->connections[index[k]];
      bool alive = true;
      if ((fds[k].revents & POLLOUT) || (c->waits && c->then == GATE))
        alive = send_some(m, c);
      if (alive && (fds[k].revents & (POLLIN | POLLHUP | POLLERR)))
        alive = receive_some(m, c);
      if (!alive)
        drop_connection(m, index[k]);
    }
    for (int door = 0; door < 3; door++)
      if (fds[1 + door].revents && !m->gone)
        take_connection(m, door);
    if (m->gone)
      go_away(m);
    pthread_cond_broadcast(&m->changed);
  }
  for (int i = 0; i < CONNECTIONS_MOST; i++)
    if (m->connections[i])
      drop_connection(m, i);
  pthread_mutex_unlock(&m->lock);
  return NULL;
}

/* 127.0.0.(1 + further), port 0: any. Answers the port. */
static int listen_at(struct mini *m, int door, unsigned further, int port)
{
  struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK + further) };
  socklen_t n = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  CHECK(fd >= 0);
  CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
  CHECK(bind(fd, (struct sockaddr *)&at, n) == 0 && listen(fd, 256) == 0);
  CHECK(getsockname(fd, (struct sockaddr *)&at, &n) == 0);
  m->listen_fd[door] = fd;
  return ntohs(at.sin_port);
}

static void open_port(struct mini *m, int port)
{
  m->port[port] = listen_at(m, port, 0, m->port[port]);
  (void)snprintf(m->origin[port], sizeof m->origin[port], "http://127.0.0.1:%d", m->port[port]);
}

struct mini *mini_start(void)
{
  struct mini *m = calloc(1, sizeof *m);
  sigset_t all, old;
  m->visits = calloc(VISITS_MOST, sizeof *m->visits);
  open_port(m, 0);
  open_port(m, 1);
  m->listen_fd[2] = -1;
  CHECK(pipe2(m->wake, O_NONBLOCK | O_CLOEXEC) == 0);
  pthread_mutex_init(&m->lock, NULL);
  pthread_cond_init(&m->changed, NULL);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  CHECK(pthread_create(&m->thread, NULL, serve, m) == 0);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return m;
}

static void wake(struct mini *m)
{
  (void)!write(m->wake[1], "", 1);
}

unsigned mini_twin(struct mini *m)
{
  pthread_mutex_lock(&m->lock);
  (void)listen_at(m, 2, 1, m->port[0]); /* a port of 127.0.0.1 may be taken at 127.0.0.2: then the test fails, and says so */
  pthread_mutex_unlock(&m->lock);
  wake(m);
  return (unsigned)m->port[0];
}

void mini_stop(struct mini *m)
{
  if (!m)
    return;
  pthread_mutex_lock(&m->lock);
  m->stop = true;
  pthread_mutex_unlock(&m->lock);
  wake(m);
  pthread_join(m->thread, NULL);
  for (int port = 0; port < 2; port++) {
    if (m->listen_fd[port] >= 0)
      (void)close(m->listen_fd[port]);
    (void)close(m->wake[port]);
  }
  if (m->listen_fd[2] >= 0)
    (void)close(m->listen_fd[2]);
  for (unsigned i = 0; i < m->files_n; i++)
    free(m->files[i].p);
  for (unsigned i = 0; i < m->urls_n; i++)
    free(m->urls[i]);
  free(m->visits);
  pthread_cond_destroy(&m->changed);
  pthread_mutex_destroy(&m->lock);
  free(m);
}

void mini_add(struct mini *m, const char *name, const void *p, size_t n, const char *etag, enum mini_kind kind)
{
  pthread_mutex_lock(&m->lock);
  CHECK(m->files_n < FILES_MOST);
  struct file *f = &m->files[m->files_n++];
  (void)snprintf(f->name, sizeof f->name, "%s", name);
  (void)snprintf(f->etag, sizeof f->etag, "%s", etag ? etag : "");
  f->p = malloc(n + 1);
  memcpy(f->p, p, n);
  f->n = n;
  f->kind = kind;
  pthread_mutex_unlock(&m->lock);
}

void mini_break_at(struct mini *m, unsigned n, enum mini_break how)
{
  pthread_mutex_lock(&m->lock);
  m->break_in = n;
  m->break_how = how;
  m->broke = false;
  pthread_mutex_unlock(&m->lock);
}

bool mini_broke(struct mini *m)
{
  pthread_mutex_lock(&m->lock);
  bool broke = m->broke;
  pthread_mutex_unlock(&m->lock);
  return broke;
}

void mini_mend(struct mini *m)
{
  pthread_mutex_lock(&m->lock);
  m->break_in = 0;
  m->gone = false;
  for (int port = 0; port < 2; port++)
    if (m->listen_fd[port] < 0)
      open_port(m, port);
  pthread_mutex_unlock(&m->lock);
  wake(m);
}

const char *mini_origin(struct mini *m) { return m->origin[0]; }

const char *mini_url(struct mini *m, const char *path)
{
  char *url = NULL;
  pthread_mutex_lock(&m->lock);
  CHECK(m->urls_n < URLS_MOST && asprintf(&url, "%s%s", m->origin[0], path) > 0);
  m->urls[m->urls_n++] = url;
  pthread_mutex_unlock(&m->lock);
  return url;
}

unsigned mini_visits(struct mini *m)
{
  pthread_mutex_lock(&m->lock);
  unsigned n = m->visits_n;
  pthread_mutex_unlock(&m->lock);
  return n;
}

bool mini_visit(struct mini *m, unsigned i, struct mini_visit *out)
{
  pthread_mutex_lock(&m->lock);
  bool there = i < m->visits_n;
  if (there)
    *out = m->visits[i];
  pthread_mutex_unlock(&m->lock);
  return there;
}

unsigned mini_count(struct mini *m, const char *part)
{
  unsigned n = 0;
  pthread_mutex_lock(&m->lock);
  for (unsigned i = 0; i < m->visits_n; i++)
    n += strstr(m->visits[i].path, part) != NULL;
  pthread_mutex_unlock(&m->lock);
  return n;
}

void mini_forget(struct mini *m)
{
  pthread_mutex_lock(&m->lock);
  m->visits_n = m->states_n = m->peak = 0;
  pthread_mutex_unlock(&m->lock);
}

unsigned mini_peak(struct mini *m)
{
  pthread_mutex_lock(&m->lock);
  unsigned n = m->peak;
  pthread_mutex_unlock(&m->lock);
  return n;
}

void mini_wait_visits(struct mini *m, unsigned n)
{
  pthread_mutex_lock(&m->lock);
  while (m->visits_n < n)
    pthread_cond_wait(&m->changed, &m->lock);
  pthread_mutex_unlock(&m->lock);
}

void mini_wait_gate(struct mini *m, unsigned n)
{
  pthread_mutex_lock(&m->lock);
  while (m->waiting < n)
    pthread_cond_wait(&m->changed, &m->lock);
  pthread_mutex_unlock(&m->lock);
}

void mini_open_gate(struct mini *m)
{
  pthread_mutex_lock(&m->lock);
  m->gates++;
  pthread_mutex_unlock(&m->lock);
  wake(m);
}

/* A client may have come and gone before the thread took its connection. */
static bool somebody_knocks(struct mini *m)
{
  struct pollfd doors[2] = { { m->listen_fd[0], POLLIN, 0 }, { m->listen_fd[1], POLLIN, 0 } };
  return poll(doors, 2, 0) > 0;
}

void mini_settle(struct mini *m)
{
  pthread_mutex_lock(&m->lock);
  while (m->connections_n || somebody_knocks(m))
    pthread_cond_wait(&m->changed, &m->lock);
  pthread_mutex_unlock(&m->lock);
}

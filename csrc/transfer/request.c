/* transfer/request.c - see request.h. Every curl_easy_setopt of the project is in this file. */
#include "transfer/request.h"

#include <stdio.h>
#include <string.h>
#include "plat/clock.h"
#include "plat/file.h"
#include "plat/sock.h"
#include "transfer/classify.h"
#include "transfer/origin.h"
#include "util/ledger.h"
#include "transfer/loop_int.h"
#include "transfer/proxy.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/trace.h"
#include "util/banned.h"

/* Under TLS libcurl hands over one record (16 KiB) at a time whatever this says; in plain HTTP 256 KiB saves system calls. */
#define BUFFER_TLS (16L << 10)
#define BUFFER_PLAIN (256L << 10)
#define BUFFER_LEAST (4L << 10)

static void note_protocol(struct hj_request *r)
{
  long version = 0;
  if (!r->lane || curl_easy_getinfo(r->easy, CURLINFO_HTTP_VERSION, &version) != CURLE_OK)
    return;
  hj_lane_ready(r->lane, r->fd);
  hj_lane_answered(r->lane, version >= CURL_HTTP_VERSION_2_0, hj_request_made_connection(r));
}

static size_t on_header(char *p, size_t size, size_t n, void *user)
{
  struct hj_request *r = user;
  enum hj_go go;
  n *= size;
  if (r->stopped)
    return 0;
  if (hj_reply_line(&r->reply, p, n, &r->err))
    return 0;
  if (!r->reply.ended || r->told)
    return n;
  r->told = true;
  hj_ledger_note(r->visit, r->reply.status, 0, false);
  HJ_TRACE(HJ_T_HTTP, r->visit, "%d %s", r->reply.status, r->shown);
  note_protocol(r);
  go = r->visitor.head(r->user, r, &r->reply);
  if (go == HJ_GO_STOP) {
    r->stopped = true;
    return 0;
  }
  return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
  struct hj_request *r = user;
  enum hj_go go;
  n *= size;
  if (r->stopped)
    return 0;
  if (!r->told) { /* HTTP/0.9, or a body before its head */
    hj_fail(&r->err, HJ_E_PROTOCOL, "the answer has no head");
    return 0;
  }
  go = r->visitor.body(r->user, r, p, n);
  if (go == HJ_GO_PAUSE)
    return CURL_WRITEFUNC_PAUSE;
  if (go == HJ_GO_STOP) {
    r->stopped = true;
    return 0;
  }
  r->bytes += n;
  return n;
}

/* A name that a public host gave may lead to this machine's own services, or to a cloud's metadata: only its address tells. */
static bool may_connect(struct hj_request *r, const char *ip)
{
  if (!r->outside || r->proxied || !hj_ip_is_inside(ip))
    return true;
  r->inside = true;
  return false;
}

#if LIBCURL_VERSION_NUM >= 0x075000
/* Its connection stands; others may join it from now on. It may be one that was made for somebody else. */
static int on_ready(void *user, char *ip, char *local_ip, int port, int local_port)
{
  struct hj_request *r = user;
  (void)local_ip, (void)port, (void)local_port;
  if (r->lane)
    hj_lane_ready(r->lane, r->fd);
  return r->knocks || !may_connect(r, ip) ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}
#endif

static int on_close(void *user, curl_socket_t s)
{
  hj_lane_closed(user, s);
  hj_socket_close(s);
  return 0;
}

static int add_header(struct hj_request *r, const char *line, struct hj_err *e)
{
  struct curl_slist *list = curl_slist_append(r->headers, line);
  if (!list)
    return hj_fail(e, HJ_E_NOMEM, "no memory for a request header");
  r->headers = list;
  return HJ_E_OK;
}

static int add_headers(struct hj_request *r, const struct hj_ask *ask, struct hj_err *e)
{
  struct hj_buf line;
  hj_buf_init(&line, HJ_HEAD_MAX);
  if (add_header(r, "Accept-Encoding: identity", e) || add_header(r, "Accept: */*", e))
    goto out;
  if (ask->post && add_header(r, "Content-Type: application/x-www-form-urlencoded", e))
    goto out;
  for (size_t i = 0; i < ask->headers_n; i++)
    if (add_header(r, ask->headers[i], e))
      goto out;
  if (ask->auth && (hj_buf_printf(&line, e, "Authorization: %s", ask->auth) || add_header(r, line.p, e)))
    goto out;
  if (ask->has_range) {
    char text[64];
    if (ask->last == HJ_UNKNOWN)
      (void)snprintf(text, sizeof text, "Range: bytes=%llu-", (unsigned long long)ask->first);
    else
      (void)snprintf(text, sizeof text, "Range: bytes=%llu-%llu", (unsigned long long)ask->first, (unsigned long long)ask->last);
    if (add_header(r, text, e))
      goto out;
  }
  if (ask->has_range && ask->if_range) {
    hj_buf_clear(&line);
    if (hj_buf_printf(&line, e, "If-Range: %s", ask->if_range) || add_header(r, line.p, e))
      goto out;
  }
out:
  hj_buf_release(&line);
  return (int)e->code;
}

static uint64_t open_visit(const struct hj_ask *ask)
{
  struct hj_visit v;
  memset(&v, 0, sizeof v);
  v.wall_ns = hj_clock_wall_ns();
  v.sent_token = ask->auth != NULL;
  (void)snprintf(v.method, sizeof v.method, "%s", ask->post ? "POST" : "GET");
  hj_text_show(ask->why ? ask->why : "", ask->why ? strlen(ask->why) : 0, v.why, sizeof v.why);
  hj_text_show(ask->url->origin, strlen(ask->url->origin), v.origin, sizeof v.origin);
  hj_text_show(ask->url->path, strlen(ask->url->path), v.path, sizeof v.path);
  if (ask->has_range && ask->last != HJ_UNKNOWN)
    (void)snprintf(v.range, sizeof v.range, "bytes=%llu-%llu", (unsigned long long)ask->first, (unsigned long long)ask->last);
  else if (ask->has_range)
    (void)snprintf(v.range, sizeof v.range, "bytes=%llu-", (unsigned long long)ask->first);
  return hj_ledger_open(&v);
}

/* libcurl opens a connection for this request; two address families may race. Refused, nothing has been sent. */
static int on_socket(void *user, curl_socket_t fd, curlsocktype purpose)
{
  struct hj_request *r = user;
  struct hj_loop *l = r->loop;
  struct hj_door *door = NULL;
  if (purpose == CURLSOCKTYPE_IPCXN && r->lane) {
    if (!hj_lane_opened(r->lane, fd, r->opens, r->opening)) {
      r->crowded = true;
      return CURL_SOCKOPT_ERROR;
    }
    r->opening = false;
    r->fd = fd;
  }
  for (unsigned i = 0; i < l->doors_n && !door; i++)
    if (l->doors[i].fd == (int)fd)
      door = &l->doors[i];
  if (!door && l->doors_n < HJ_DOORS)
    door = &l->doors[l->doors_n++];
  if (!door)
    door = &l->doors[l->doors_next++ % HJ_DOORS];
  *door = (struct hj_door){ (int)fd, 0 };
  return CURL_SOCKOPT_OK;
}

/* Before libcurl tries an address. Refused, it goes on to the next one. */
static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *to)
{
  struct hj_request *r = user;
  char address[HJ_ADDRESS_MAX];
  if (purpose != CURLSOCKTYPE_IPCXN || !hj_sock_address(&to->addr, address))
    return hj_sock_open(to->family, to->socktype, to->protocol);
  if (!may_connect(r, address))
    return CURL_SOCKET_BAD;
  for (unsigned i = 0; i < r->avoid.n; i++)
    if (!strcmp(r->avoid.p[i], address)) {
      HJ_TRACE(HJ_T_HTTP, r->visit, "%s is left out", address);
      r->turned = true;
      return CURL_SOCKET_BAD;
    }
  return hj_sock_open(to->family, to->socktype, to->protocol);
}

/* -1: not known. A door whose socket was closed keeps its port, and nobody asks for it: a new connection came through here, too. */
static int socket_of(struct hj_loop *l, unsigned port)
{
  for (unsigned i = 0; port && i < l->doors_n; i++) {
    struct hj_door *door = &l->doors[i];
    if (!door->port)
      door->port = hj_sock_port(door->fd);
    if (door->port == port)
      return door->fd;
  }
  return -1;
}

static long buffer_for(const struct hj_ask *ask)
{
  long usual = ask->url->https ? BUFFER_TLS : BUFFER_PLAIN;
  if (!ask->buffer || ask->buffer >= (size_t)usual)
    return usual;
  return ask->buffer < BUFFER_LEAST ? BUFFER_LEAST : (long)ask->buffer;
}

#define SET(option, value)                                                                                    \
  do {                                                                                                        \
    CURLcode set_rc_ = curl_easy_setopt(easy, option, value);                                                 \
    if (set_rc_ == CURLE_OUT_OF_MEMORY)                                                                       \
      return hj_fail(e, HJ_E_NOMEM, "no memory for libcurl");                                                 \
    if (set_rc_ != CURLE_OK)                                                                                  \
      return hj_fail(e, HJ_E_BUG, "libcurl refused %s: %s", #option, curl_easy_strerror(set_rc_));            \
  } while (0)

static int set_up(struct hj_request *r, const struct hj_ask *ask, struct hj_err *e)
{
  const struct hj_net *net = ask->net;
  const char *proxy = hj_proxy_for(net, ask->url);
  CURL *easy = r->easy;
  SET(CURLOPT_URL, ask->url->full);
  SET(CURLOPT_PRIVATE, r);
  SET(CURLOPT_ERRORBUFFER, r->detail);
#if LIBCURL_VERSION_NUM >= 0x075500
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_HTTP09_ALLOWED, 0L);
  SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
  SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SET(CURLOPT_USERAGENT, r->loop->user_agent);
  SET(CURLOPT_HTTPHEADER, r->headers);
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, r);
  SET(CURLOPT_WRITEFUNCTION, on_body);
  SET(CURLOPT_WRITEDATA, r);
  SET(CURLOPT_BUFFERSIZE, buffer_for(ask));
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)net->connect_ms);
  SET(CURLOPT_TCP_KEEPALIVE, 1L);
  SET(CURLOPT_SOCKOPTFUNCTION, on_socket);
  SET(CURLOPT_SOCKOPTDATA, r);
  if (r->avoid.n || r->outside) {
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(CURLOPT_OPENSOCKETDATA, r);
  }
  if (r->avoid.n)
    SET(CURLOPT_FRESH_CONNECT, r->avoid.fresh ? 1L : 0L);
  SET(CURLOPT_HTTP_VERSION, (long)(r->lane ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  if (r->lane) {
    SET(CURLOPT_FRESH_CONNECT, r->opens ? 1L : 0L);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
    SET(CURLOPT_CLOSESOCKETDATA, r->lane);
  }
#if LIBCURL_VERSION_NUM >= 0x075000
  if (r->lane || r->outside) {
    SET(CURLOPT_PREREQFUNCTION, on_ready);
    SET(CURLOPT_PREREQDATA, r);
  }
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
  SET(CURLOPT_QUICK_EXIT, 1L); /* else a cancel waits for a resolver thread that never comes back: 5.7 s were seen */
#endif
  if (net->ipv4_only || (proxy && hj_proxy_wants_ipv4(proxy, ask->url)))
    SET(CURLOPT_IPRESOLVE, (long)CURL_IPRESOLVE_V4);
  else if (ask->family)
    SET(CURLOPT_IPRESOLVE, (long)(ask->family == 4 ? CURL_IPRESOLVE_V4 : CURL_IPRESOLVE_V6));
  r->ca_file = net->ca_file;
  if (proxy)
    hj_proxy_shown(proxy, r->proxy, sizeof r->proxy);
  /* Only the store that was chosen: with a folder alone, libcurl's own file would be trusted besides where it was built with one. */
  if (net->ca_dir || net->ca_file)
    SET(CURLOPT_CAINFO, net->ca_file);
  /* A CApath switches off libcurl's cache of the parsed CA file: 17 ms of CPU per new connection instead of 0.5. */
  if (net->ca_dir || net->ca_file)
    SET(CURLOPT_CAPATH, net->ca_dir);
  SET(CURLOPT_PROXY, proxy ? proxy : ""); /* "": libcurl must not read the environment by itself */
  SET(CURLOPT_NOPROXY, ""); /* transfer/proxy.h has decided; nor may the environment decide again */
  if (proxy)
    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* our headers, the token among them, are not for a CONNECT */
  if (proxy && hj_proxy_is_https(proxy) && (net->ca_dir || net->ca_file)) {
    SET(CURLOPT_PROXY_CAINFO, net->ca_file);
    SET(CURLOPT_PROXY_CAPATH, net->ca_dir);
  }
  if (ask->url->https || (proxy && hj_proxy_is_https(proxy))) {
    CURLcode watched = hj_tls_watch(r);
    if (watched == CURLE_OUT_OF_MEMORY)
      return hj_fail(e, HJ_E_NOMEM, "no memory for libcurl");
  }
  if (ask->post) {
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->post_n);
    SET(CURLOPT_COPYPOSTFIELDS, ask->post);
  }
  return HJ_E_OK;
}

/* libcurl 7.88 leaves a handle its buffer when the connection served others at the same time (HTTP/2), and then takes no size
 * for it any more: BAD_FUNCTION_ARGUMENT (seen 2026-11-23 in the second snapshot of a process). Such a handle is of no more use. */
static CURL *take_easy(struct hj_loop *l, long buffer)
{
  while (l->spares) {
    CURL *easy = l->spare[--l->spares];
    if (curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, buffer) == CURLE_OK)
      return easy;
    curl_easy_cleanup(easy);
  }
  return curl_easy_init();
}

static void give_back(struct hj_loop *l, CURL *easy)
{
  if (!easy)
    return;
  if (l->spares < HJ_SPARE_MAX) {
    curl_easy_reset(easy);
    l->spare[l->spares++] = easy;
  } else {
    curl_easy_cleanup(easy);
  }
}

static void leave_lane(struct hj_request *r)
{
  if (r->lane)
    hj_lane_over(r->lane, r->opening);
  r->lane = NULL;
}

static void free_request(struct hj_request *r)
{
  if (!r)
    return;
  leave_lane(r);
  give_back(r->loop, r->easy);
  curl_slist_free_all(r->headers);
  hj_reply_release(&r->reply);
  hj_mem_free(r);
}

static void unlist(struct hj_request *r)
{
  struct hj_loop *l = r->loop;
  (void)curl_multi_remove_handle(l->multi, r->easy);
  leave_lane(r); /* before done(): what it asks next may go the same way */
  l->broken -= r->broken != CURLE_OK;
  if (r->before)
    r->before->next = r->next;
  else
    l->first = r->next;
  if (r->next)
    r->next->before = r->before;
  l->busy--;
}

static int start(struct hj_request **out, struct hj_loop *loop, const struct hj_ask *ask, const struct hj_visitor *v, void *user, bool knocks,
                 struct hj_err *e)
{
  struct hj_request *r = NULL;
  CURLMcode rc;
  if (ask->net->offline) {
    hj_fail(e, HJ_E_OFFLINE, "offline: %s was not asked", ask->url->origin);
    goto out;
  }
  r = hj_mem_zero(1, sizeof *r, e);
  if (!r)
    goto out;
  r->loop = loop;
  r->visitor = *v;
  r->user = user;
  r->fd = -1;
  r->err = (struct hj_err)HJ_ERR_INIT;
  r->refusals = hj_mem_refusals();
  r->outside = ask->outside;
  r->proxied = hj_proxy_for(ask->net, ask->url) != NULL;
  hj_reply_init(&r->reply);
  hj_text_show(ask->url->shown, strlen(ask->url->shown), r->shown, sizeof r->shown);
  r->easy = take_easy(loop, buffer_for(ask));
  if (!r->easy) {
    hj_fail(e, HJ_E_NOMEM, "no memory for libcurl");
    goto out;
  }
  if (ask->avoid)
    r->avoid = *ask->avoid;
  if (ask->lane) {
    r->lane = ask->lane;
    r->knocks = r->opens = knocks;
    if (knocks)
      hj_lane_knock(r->lane);
    else
      r->opens = hj_lane_ask(r->lane, ask->lanes) == HJ_LANE_OPEN;
    r->opening = r->opens;
  }
  if (add_headers(r, ask, e) || set_up(r, ask, e))
    goto out;
  rc = curl_multi_add_handle(loop->multi, r->easy);
  if (rc != CURLM_OK) {
    hj_fail(e, rc == CURLM_OUT_OF_MEMORY ? HJ_E_NOMEM : HJ_E_BUG, "libcurl took no request: %s", curl_multi_strerror(rc));
    goto out;
  }
  r->next = loop->first;
  if (r->next)
    r->next->before = r;
  loop->first = r;
  loop->busy++;
  r->visit = knocks ? 0 : open_visit(ask);
  HJ_TRACE(HJ_T_HTTP, r->visit, "%s %s", knocks ? "knock at" : "GET", r->shown);
  *out = r;
  r = NULL;
out:
  free_request(r);
  return (int)e->code;
}

int hj_request_start(struct hj_request **out, struct hj_loop *loop, const struct hj_ask *ask, const struct hj_visitor *v, void *user,
                     struct hj_err *e)
{
  return start(out, loop, ask, v, user, false, e);
}

static enum hj_go no_head(void *user, struct hj_request *r, const struct hj_reply *reply)
{
  (void)user, (void)r, (void)reply;
  return HJ_GO_STOP;
}

static enum hj_go no_body(void *user, struct hj_request *r, const void *p, size_t n)
{
  (void)user, (void)r, (void)p, (void)n;
  return HJ_GO_STOP;
}

static void stands(void *user, struct hj_request *r, const struct hj_reply *reply, bool stopped, const struct hj_err *e)
{
  (void)user, (void)r, (void)reply, (void)stopped, (void)e;
}

void hj_request_knock(struct hj_loop *loop, const struct hj_ask *ask)
{
#if LIBCURL_VERSION_NUM >= 0x075000
  static const struct hj_visitor nobody = { no_head, no_body, stands };
  struct hj_ask bare = { .url = ask->url, .net = ask->net, .lane = ask->lane, .lanes = ask->lanes, .outside = ask->outside };
  while (ask->lane && hj_lane_may_knock(ask->lane, ask->lanes)) {
    struct hj_err scratch = HJ_ERR_INIT; /* benign: the questions open their own */
    struct hj_request *r;
    if (start(&r, loop, &bare, &nobody, NULL, true, &scratch))
      return;
  }
#else
  (void)loop, (void)ask;
#endif
}

static enum hj_code code_behind_proxy(struct hj_request *r, CURLcode rc)
{
  long connect = 0, px = 0;
  if (!r->proxy[0] || r->reply.status)
    return HJ_E_OK;
  (void)curl_easy_getinfo(r->easy, CURLINFO_HTTP_CONNECTCODE, &connect);
#if LIBCURL_VERSION_NUM >= 0x074900
  (void)curl_easy_getinfo(r->easy, CURLINFO_PROXY_ERROR, &px);
#endif
  return hj_code_of_proxy((int)rc, (int)connect, (int)px);
}

/* "https://host:443" -> "host" */
static void host_of_origin(const char *shown, char *out, size_t cap)
{
  const char *host = strstr(shown, "://");
  host = host ? host + 3 : shown;
  hj_text_show(host, strcspn(host, "/:"), out, cap);
}

/* Bundles begin with a comment of some lines at most, so a file without this near its beginning holds none: no try will help. */
static bool holds_certificates(hj_file *f)
{
  char text[4096];
  struct hj_err scratch = HJ_ERR_INIT; /* benign: the question is only whether to try again */
  size_t n = 0;
  if (hj_file_read_at(f, 0, text, sizeof text - 1, &n, &scratch))
    return true;
  text[n] = 0;
  return n == sizeof text - 1 || strstr(text, "-----BEGIN ") != NULL;
}

/* The certificates could not be read: gone, or no descriptor was left for them (seen with `ulimit -n 20`)? If they can be opened now, another
 * try is worth it. */
static void doubt_certificates(struct hj_request *r, struct hj_err *e)
{
  hj_file f = HJ_FILE_INIT;
  struct hj_err why = HJ_ERR_INIT;
  if (!r->ca_file)
    return;
  if (!hj_file_open(&f, r->ca_file, HJ_OPEN_READ, 0, &why) && holds_certificates(&f))
    hj_fail(e, HJ_E_CONNECT, "the certificates in %s could not be read just then; too many open files?", r->ca_file);
  else if (why.code == HJ_E_IO)
    *e = why;
  hj_file_close(&f);
}

static void describe(struct hj_request *r, CURLcode rc, struct hj_err *e)
{
  char *ip = NULL, host[96];
  long port = 0, sys = 0;
  enum hj_code proxied;
  if (r->err.code != HJ_E_OK) {
    *e = r->err;
  } else if (rc != CURLE_OK && r->inside) {
    hj_fail(e, HJ_E_REDIRECT, "a public host redirects to %s, whose address is in a private network: it was not asked", r->shown);
  } else if (rc == CURLE_OUT_OF_MEMORY && r->refusals == hj_mem_refusals()) { /* its own bounds: 100 KiB for a line of a head */
    hj_fail(e, HJ_E_TOOBIG, "the head of the answer is longer than libcurl takes");
  } else if (rc != CURLE_OK) {
    (void)curl_easy_getinfo(r->easy, CURLINFO_PRIMARY_IP, &ip);
    (void)curl_easy_getinfo(r->easy, CURLINFO_PRIMARY_PORT, &port);
    (void)curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &sys);
    if (rc == CURLE_SSL_CACERT_BADFILE)
      doubt_certificates(r, e);
    const char *why = r->detail[0] ? r->detail : curl_easy_strerror(rc);
    proxied = code_behind_proxy(r, rc);
    if (hj_code_of_curl((int)rc) == HJ_E_TLS) {
      host_of_origin(r->shown, host, sizeof host);
      hj_tls_explain(&r->peer, rc, host, why, e);
    } else if (proxied != HJ_E_OK)
      hj_fail(e, proxied, "%s: %s", hj_code_text(proxied), why);
    else if (ip && *ip)
      hj_fail(e, hj_code_of_curl((int)rc), "%s (%s port %ld)", why, ip, port);
    else
      hj_fail(e, hj_code_of_curl((int)rc), "%s", why);
    e->sys = e->sys ? e->sys : (int)sys;   /* the files' own, if that is what failed */
  }
  if (e->code != HJ_E_OK) {
    e->curl = (int)rc;
    e->http = r->reply.status;
    hj_text_show(r->proxy, strlen(r->proxy), e->proxy, sizeof e->proxy);
    hj_text_show(r->shown, strlen(r->shown), e->url, sizeof e->url);
  }
}

void hj_request_finish(struct hj_request *r, CURLcode rc)
{
  struct hj_err e = HJ_ERR_INIT;
  bool stopped = r->stopped && r->err.code == HJ_E_OK;
  if (!stopped)
    describe(r, rc, &e);
  if (!stopped && e.code == HJ_E_OK && !r->told) {
    hj_fail(&e, HJ_E_PROTOCOL, "the answer ended within its head");
    hj_text_show(r->shown, strlen(r->shown), e.url, sizeof e.url);
  }
  if (e.code != HJ_E_OK && hj_request_turned_away(r))
    hj_ledger_withdraw(r->visit);
  else
    hj_ledger_note(r->visit, r->reply.status, r->bytes, true);
  HJ_TRACE(HJ_T_HTTP, r->visit, "end of %s: %llu bytes, %s", r->shown, (unsigned long long)r->bytes, hj_code_name(e.code));
  unlist(r);
  r->visitor.done(r->user, r, &r->reply, stopped, &e);
  free_request(r);
}

void hj_request_stop(struct hj_request *r)
{
  if (!r)
    return;
  hj_ledger_note(r->visit, r->reply.status, r->bytes, true);
  HJ_TRACE(HJ_T_HTTP, r->visit, "stopped %s after %llu bytes", r->shown, (unsigned long long)r->bytes);
  unlist(r);
  free_request(r);
}

/* libcurl hands over what it kept from in here. If the visitor does not want it, libcurl says so to us only, and would notice
 * itself with the next byte, which may never come: so the loop ends the exchange. */
void hj_request_resume(struct hj_request *r)
{
  CURLcode rc = curl_easy_pause(r->easy, CURLPAUSE_CONT);
  if (rc == CURLE_OK && !r->stopped)
    return;
  r->broken = rc != CURLE_OK ? rc : CURLE_WRITE_ERROR;
  r->loop->broken++;
}

void hj_request_distrust(struct hj_request *r)
{
  (void)curl_easy_setopt(r->easy, CURLOPT_FORBID_REUSE, 1L);
  if (r->lane)
    hj_lane_fell_silent(r->lane);
}

bool hj_request_found_no_room(const struct hj_request *r) { return r->crowded; }

bool hj_request_turned_away(const struct hj_request *r) { return r->turned && !r->told; }

bool hj_request_address(const struct hj_request *r, char out[HJ_ADDRESS_MAX])
{
  char *ip = NULL;
  out[0] = 0;
  return curl_easy_getinfo(r->easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip && *ip && hj_text_copy(out, HJ_ADDRESS_MAX, ip, strlen(ip));
}

unsigned hj_request_family(const struct hj_request *r)
{
  char *ip = NULL;
  if (r->proxy[0] || curl_easy_getinfo(r->easy, CURLINFO_PRIMARY_IP, &ip) != CURLE_OK || !ip || !*ip)
    return 0;
  return strchr(ip, ':') ? 6 : 4;
}

uint64_t hj_request_bytes(const struct hj_request *r) { return r->bytes; }

bool hj_request_made_connection(const struct hj_request *r)
{
  long made = 0;
  return curl_easy_getinfo(r->easy, CURLINFO_NUM_CONNECTS, &made) == CURLE_OK && made > 0;
}

uint32_t hj_request_answer_us(const struct hj_request *r)
{
  curl_off_t asked = 0, answered = 0;
  if (curl_easy_getinfo(r->easy, CURLINFO_PRETRANSFER_TIME_T, &asked) != CURLE_OK ||
      curl_easy_getinfo(r->easy, CURLINFO_STARTTRANSFER_TIME_T, &answered) != CURLE_OK || asked <= 0 || answered <= asked)
    return 0;
  return answered - asked < UINT32_MAX ? (uint32_t)(answered - asked) : UINT32_MAX;
}

bool hj_request_from_inside(const struct hj_request *r, const struct hj_url *url)
{
  char *ip = NULL;
  if (!r->proxied && curl_easy_getinfo(r->easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip && *ip)
    return hj_ip_is_inside(ip);
  return hj_url_host_is_inside(url);
}

struct hj_pulse hj_request_pulse(const struct hj_request *r)
{
  struct hj_pulse pulse = { 0, 0, 0 };
  struct hj_sock_trip trip;
  long port = 0;
  if (curl_easy_getinfo(r->easy, CURLINFO_LOCAL_PORT, &port) != CURLE_OK || port <= 0)
    return pulse;
  trip = hj_sock_trip(socket_of(r->loop, (unsigned)port));
  pulse.trip_us = trip.now_us;
  pulse.trip_min_us = trip.min_us;
  pulse.segment = trip.segment;
  return pulse;
}

bool hj_request_window(const struct hj_request *r, uint32_t bytes)
{
  return hj_sock_window(socket_of(r->loop, hj_request_port(r)), bytes);
}

static uint64_t time_of(CURL *easy, CURLINFO what)
{
  curl_off_t us = 0;
  return curl_easy_getinfo(easy, what, &us) == CURLE_OK && us > 0 ? (uint64_t)us : 0;
}

void hj_request_look(const struct hj_request *r, struct hj_request_facts *out)
{
  struct hj_tls_peer peer;
  char *ip = NULL;
  long version = 0;
  memset(&peer, 0, sizeof peer);
  memset(out, 0, sizeof *out);
  out->name_us = time_of(r->easy, CURLINFO_NAMELOOKUP_TIME_T);
  out->connect_us = time_of(r->easy, CURLINFO_CONNECT_TIME_T);
  out->tls_us = time_of(r->easy, CURLINFO_APPCONNECT_TIME_T);
  out->head_us = time_of(r->easy, CURLINFO_STARTTRANSFER_TIME_T);
  if (curl_easy_getinfo(r->easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK && ip)
    hj_text_show(ip, strlen(ip), out->ip, sizeof out->ip);
  if (curl_easy_getinfo(r->easy, CURLINFO_HTTP_VERSION, &version) == CURLE_OK && version)
    out->http = version >= CURL_HTTP_VERSION_2_0 ? 20 : 11;
  hj_text_show(r->proxy, strlen(r->proxy), out->proxy, sizeof out->proxy);
  hj_tls_look(r->easy, out->tls, sizeof out->tls, &peer);
  hj_text_show(peer.issuer, strlen(peer.issuer), out->issuer, sizeof out->issuer);
  hj_text_show(peer.to, strlen(peer.to), out->until, sizeof out->until);
}

unsigned hj_request_port(const struct hj_request *r)
{
  long port = 0;
  return curl_easy_getinfo(r->easy, CURLINFO_LOCAL_PORT, &port) == CURLE_OK && port > 0 ? (unsigned)port : 0;
}

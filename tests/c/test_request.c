/* tests/c/test_request.c - one exchange: what the visitor sees, pause and resume, stop, and what a bad server cannot do. */
#include <stdio.h>

#include "engine_kit.h"
#include "transfer/loop.h"
#include "transfer/request.h"

struct seen {
  int heads, dones, status;
  bool stopped, keep;
  enum hj_code code;
  struct hj_err err;
  uint8_t *body;
  size_t n, cap;
  int pauses;                    /* answers PAUSE to so many pieces */
  size_t stop_after;             /* answers STOP when it has so many bytes */
  enum hj_go at_head;
  unsigned bodies_after_end;
};

static enum hj_go see_head(void *user, struct hj_request *r, const struct hj_reply *reply)
{
  struct seen *s = user;
  (void)r;
  CHECK_EQ(s->dones, 0);
  CHECK(reply->ended);
  s->heads++;
  s->status = reply->status;
  return s->at_head;
}

static enum hj_go see_body(void *user, struct hj_request *r, const void *p, size_t n)
{
  struct seen *s = user;
  CHECK_EQ(s->heads, 1);
  CHECK_EQ(s->dones, 0);
  CHECK_EQ(hj_request_bytes(r), s->n);
  if (s->pauses) {
    s->pauses--;
    return HJ_GO_PAUSE;
  }
  if (s->n + n > s->cap)
    s->body = realloc(s->body, s->cap = (s->n + n) * 2);
  memcpy(s->body + s->n, p, n);
  s->n += n;
  return s->stop_after && s->n >= s->stop_after ? HJ_GO_STOP : HJ_GO;
}

static void see_done(void *user, struct hj_request *r, const struct hj_reply *reply, bool stopped, const struct hj_err *e)
{
  struct seen *s = user;
  (void)r;
  s->dones++;
  s->stopped = stopped;
  s->code = e->code;
  s->err = *e;
  if (s->heads)
    CHECK_NE(reply->status, 0);
}

static const struct hj_visitor visitor = { see_head, see_body, see_done };
static const struct hj_net net = { .connect_ms = 5000 };

static struct hj_loop *open_loop(void)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_loop *l = NULL;
  CHECK_OK(hj_loop_open(&l, "hubjet/test", &e), e);
  return l;
}

static void turn(struct hj_loop *l)
{
  struct hj_err e = HJ_ERR_INIT;
  CHECK_OK(hj_loop_turn(l, 50, &e), e);
}

static struct hj_request *ask(struct hj_loop *l, struct hj_ask *a, const char *url, struct seen *s)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url u = { 0 };
  struct hj_request *r = NULL;
  CHECK_OK(hj_url_parse(&u, url, strlen(url), &e), e);
  a->url = &u;
  if (!a->net)
    a->net = &net;
  CHECK_OK(hj_request_start(&r, l, a, &visitor, s, &e), e);
  hj_url_release(&u);            /* everything was copied */
  a->url = NULL;
  return r;
}

static void run_ask(struct hj_loop *l, struct hj_ask *a, const char *url, struct seen *s)
{
  (void)ask(l, a, url, s);
  while (!s->dones)
    turn(l);
  CHECK_EQ(hj_loop_busy(l), 0);
}

static void release_seen(struct seen *s)
{
  free(s->body);
  memset(s, 0, sizeof *s);
}

TEST(an_exchange_is_seen_from_head_to_end)
{
  struct world w;
  open_world(&w);
  const struct thing *t = add_thing(&w, "f", 700000, MINI_PLAIN);
  struct hj_loop *l = open_loop();
  static const char *const paths[] = { "/raw/f", "/f/chunked/raw/f", "/f/nolen/raw/f", "/f/trailer/raw/f" };
  for (int i = 0; i < 4; i++) {
    struct seen s = { 0 };
    struct hj_ask a = { 0 };
    context("%s", paths[i]);
    run_ask(l, &a, mini_url(w.net, paths[i]), &s);
    CHECK_EQ(s.status, 200);
    CHECK_EQ(s.code, HJ_E_OK);
    CHECK(!s.stopped);
    CHECK_EQ(s.n, t->n);
    CHECK_MEM(s.body, t->p, t->n);
    release_seen(&s);
  }
  struct mini_visit v;
  CHECK(mini_visit(w.net, 1, &v));
  CHECK_EQ(v.connection, 2);     /* the one of world's opening is gone; ours is kept alive */
  CHECK(mini_visit(w.net, 0, &v));
  CHECK_EQ(v.connection, 2);
  hj_loop_close(l);
  close_world(&w);
}

TEST(a_question_says_who_asks_and_nothing_else)
{
  struct world w;
  open_world(&w);
  struct hj_loop *l = open_loop();
  char *headers[] = { (char *)(uintptr_t)"X-A: b" };
  struct seen s = { 0 };
  struct hj_ask a = { .headers = headers, .headers_n = 1, .has_range = true, .first = 5, .last = 9, .if_range = "\"x\"", .auth = "Bearer t" };
  run_ask(l, &a, mini_url(w.net, "/echo?a=b#fragment"), &s);
  s.body[s.n - 1] = 0;
  const char *text = (const char *)s.body;
  CHECK_HAS(text, "GET /echo?a=b HTTP/1.1\r\n");
  CHECK_HAS(text, "User-Agent: hubjet/test\r\n");
  CHECK_HAS(text, "Accept-Encoding: identity\r\n");
  CHECK_HAS(text, "Range: bytes=5-9\r\n");
  CHECK_HAS(text, "If-Range: \"x\"\r\n");
  CHECK_HAS(text, "Authorization: Bearer t\r\n");
  CHECK_HAS(text, "X-A: b\r\n");
  unsigned lines = 0;
  for (const char *p = text; (p = strstr(p, "\r\n")) != NULL; p += 2)
    lines++;
  CHECK_EQ(lines, 9);            /* the seven above and Host, Accept; the empty line is cut */
  release_seen(&s);
  hj_loop_close(l);
  close_world(&w);
}

TEST(an_open_range_goes_to_the_end)
{
  struct world w;
  open_world(&w);
  const struct thing *t = add_thing(&w, "f", 1000, MINI_PLAIN);
  struct hj_loop *l = open_loop();
  struct seen s = { 0 };
  struct hj_ask a = { .has_range = true, .first = 990, .last = HJ_UNKNOWN };
  run_ask(l, &a, mini_url(w.net, "/raw/f"), &s);
  CHECK_EQ(s.status, 206);
  CHECK_EQ(s.n, 10);
  CHECK_MEM(s.body, t->p + 990, 10);
  release_seen(&s);
  hj_loop_close(l);
  close_world(&w);
}

TEST(every_exchange_is_in_the_ledger_without_its_secrets)
{
  struct world w;
  struct hj_visit v = { 0 };
  uint64_t n = 0;
  open_world(&w);
  add_thing(&w, "f", 1000, MINI_PLAIN);
  struct hj_loop *l = open_loop();
  while (hj_ledger_next(n, &v))
    n = v.n;
  struct seen s = { 0 };
  struct hj_ask a = { .auth = "Bearer t", .why = "test", .has_range = true, .first = 0, .last = 9 };
  run_ask(l, &a, mini_url(w.net, "/raw/f?signature=secret"), &s);
  CHECK(hj_ledger_next(n, &v));
  CHECK_STR(v.path, "/raw/f");
  CHECK_STR(v.origin, mini_origin(w.net));
  CHECK_STR(v.method, "GET");
  CHECK_STR(v.why, "test");
  CHECK_STR(v.range, "bytes=0-9");
  CHECK(v.sent_token);
  CHECK_EQ(v.status, 206);
  CHECK_EQ(v.bytes, 10);
  CHECK(!hj_ledger_next(v.n, &v));
  release_seen(&s);
  hj_loop_close(l);
  close_world(&w);
}

TEST(a_paused_body_comes_again_whole)
{
  struct world w;
  static const char *const paths[] = { "/raw/f", "/f/chunked/raw/f", "/f/nolen/raw/f", "/raw/small", "/f/chunked/raw/small", "/f/nolen/raw/small" };
  open_world(&w);
  add_thing(&w, "f", 900000, MINI_PLAIN);
  add_thing(&w, "small", 1, MINI_PLAIN);
  struct hj_loop *l = open_loop();
  for (int i = 0; i < 6; i++) {
    const struct thing *t = &w.things[i / 3];
    struct seen s = { .pauses = 1 };
    struct hj_ask a = { 0 };
    context("%s", paths[i]);
    struct hj_request *r = ask(l, &a, mini_url(w.net, paths[i]), &s);
    while (s.pauses)
      turn(l);
    for (int k = 0; k < 3; k++) { /* nothing comes, nothing ends */
      struct hj_err e = HJ_ERR_INIT;
      CHECK_OK(hj_loop_turn(l, 1, &e), e);
      CHECK_EQ(s.n, 0);
      CHECK_EQ(s.dones, 0);
    }
    hj_request_resume(r);
    while (!s.dones)
      turn(l);
    CHECK_EQ(s.code, HJ_E_OK);
    CHECK_EQ(s.n, t->n);
    CHECK_MEM(s.body, t->p, t->n);
    release_seen(&s);
  }
  hj_loop_close(l);
  close_world(&w);
}

TEST(a_resume_whose_first_bytes_are_not_wanted_ends_the_exchange)
{
  struct world w;
  static const char *const paths[] = { "/raw/f", "/f/nolen/raw/small", "/raw/small", "/f/stall=900/raw/f" };
  open_world(&w);
  add_thing(&w, "f", 900000, MINI_PLAIN);
  add_thing(&w, "small", 100, MINI_PLAIN);
  struct hj_loop *l = open_loop();
  for (int i = 0; i < 4; i++) {
    struct seen s = { .pauses = 1, .stop_after = 1 };
    struct hj_ask a = { 0 };
    context("%s", paths[i]);
    struct hj_request *r = ask(l, &a, mini_url(w.net, paths[i]), &s);
    while (s.pauses)
      turn(l);
    hj_request_resume(r);           /* libcurl calls body from in here, and hears STOP */
    while (!s.dones)
      turn(l);
    CHECK(s.stopped);
    CHECK_EQ(s.code, HJ_E_OK);
    release_seen(&s);
  }
  hj_loop_close(l);
  close_world(&w);
}

TEST(stop_at_the_head_brings_no_body)
{
  struct world w;
  open_world(&w);
  add_thing(&w, "f", 900000, MINI_PLAIN);
  struct hj_loop *l = open_loop();
  struct seen s = { .at_head = HJ_GO_STOP };
  struct hj_ask a = { 0 };
  run_ask(l, &a, mini_url(w.net, "/raw/f"), &s);
  CHECK(s.stopped);
  CHECK_EQ(s.code, HJ_E_OK);
  CHECK_EQ(s.n, 0);
  release_seen(&s);
  s.stop_after = 1;
  run_ask(l, &a, mini_url(w.net, "/raw/f"), &s);
  CHECK(s.stopped);
  CHECK_LT(s.n, 900000);
  release_seen(&s);
  hj_loop_close(l);
  close_world(&w);
}

TEST(a_stopped_request_is_silent)
{
  struct world w;
  open_world(&w);
  add_thing(&w, "f", 900000, MINI_PLAIN);
  struct hj_loop *l = open_loop();
  for (int turns = 0; turns < 8; turns++) {
    struct seen s = { .pauses = turns % 2 };
    struct hj_ask a = { 0 };
    struct hj_request *r = ask(l, &a, mini_url(w.net, turns % 3 ? "/f/stall=300000/raw/f" : "/f/hang/raw/f"), &s);
    for (int i = 0; i < turns; i++) {
      struct hj_err e = HJ_ERR_INIT;
      CHECK_OK(hj_loop_turn(l, 1, &e), e);
    }
    hj_request_stop(r);
    CHECK_EQ(hj_loop_busy(l), 0);
    turn(l);
    CHECK_EQ(s.dones, 0);
    release_seen(&s);
  }
  hj_request_stop(NULL);
  struct seen left = { 0 };
  struct hj_ask a = { 0 };
  (void)ask(l, &a, mini_url(w.net, "/f/hang/raw/f"), &left);
  hj_loop_close(l);                 /* with one under way */
  CHECK_EQ(left.dones, 0);
  close_world(&w);
}

TEST(what_a_bad_server_does_becomes_a_code)
{
  struct { const char *path; enum hj_code code; int status; } rows[] = {
    { "/f/cut/raw/f", HJ_E_RESET, 0 },
    { "/f/drop=0/raw/f", HJ_E_RESET, 200 },
    { "/f/drop=1000/raw/f", HJ_E_RESET, 200 },
    { "/f/drop=1000,chunked/raw/f", HJ_E_RESET, 200 },
    { "/f/long=5/raw/f", HJ_E_RESET, 200 },
    { "/f/heads/raw/f", HJ_E_TOOBIG, 0 },
    { "/f/status=503/raw/f", HJ_E_OK, 503 },
    { "/f/empty/raw/f", HJ_E_OK, 200 },
    { "/f/gzip/raw/f", HJ_E_OK, 200 },
  };
  struct world w;
  open_world(&w);
  add_thing(&w, "f", 50000, MINI_PLAIN);
  struct hj_loop *l = open_loop();
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct seen s = { 0 };
    struct hj_ask a = { 0 };
    context("%s", rows[i].path);
    run_ask(l, &a, mini_url(w.net, rows[i].path), &s);
    CHECK_EQ(s.code, rows[i].code);
    CHECK_EQ(s.status, rows[i].status);
    CHECK(!s.stopped);
    if (s.code != HJ_E_OK) {
      CHECK(s.err.msg[0] != 0);
      CHECK(s.err.curl != 0);
      CHECK_HAS(s.err.url, "/raw/f");
    }
    release_seen(&s);
  }
  struct seen s = { 0 };
  struct hj_ask a = { 0 };
  run_ask(l, &a, "http://127.0.0.1:1/", &s);
  CHECK_EQ(s.code, HJ_E_CONNECT);
  CHECK_NE(s.err.sys, 0);
  release_seen(&s);
  run_ask(l, &a, "https://127.0.0.1:1/", &s);
  CHECK_EQ(s.code, HJ_E_CONNECT);
  release_seen(&s);
  struct hj_net by_proxy = net;
  by_proxy.proxy_http = "http://127.0.0.1:1";
  a.net = &by_proxy;
  run_ask(l, &a, mini_url(w.net, "/raw/f"), &s);
  CHECK_EQ(s.code, HJ_E_PROXY);
  CHECK_STR(s.err.proxy, "http://127.0.0.1:1");
  release_seen(&s);
  by_proxy.no_proxy = "127.0.0.1";
  run_ask(l, &a, mini_url(w.net, "/raw/f"), &s);
  CHECK_EQ(s.status, 200);
  release_seen(&s);
  hj_loop_close(l);
  close_world(&w);
}

TEST(offline_fails_at_the_door)
{
  struct world w;
  struct hj_err e = HJ_ERR_INIT;
  struct hj_url u = { 0 };
  struct hj_request *r = NULL;
  struct hj_net closed = net;
  struct seen s = { 0 };
  open_world(&w);
  struct hj_loop *l = open_loop();
  CHECK_OK(hj_url_parse(&u, "http://127.0.0.1:1/", 19, &e), e);
  closed.offline = true;
  struct hj_ask a = { .url = &u, .net = &closed };
  CHECK_CODE(hj_request_start(&r, l, &a, &visitor, &s, &e), HJ_E_OFFLINE, e);
  CHECK(r == NULL);
  CHECK_EQ(hj_loop_busy(l), 0);
  hj_url_release(&u);
  hj_loop_close(l);
  close_world(&w);
}

TEST(many_exchanges_share_a_loop)
{
  enum { N = 100 };
  struct world w;
  struct seen *s = calloc(N, sizeof *s);
  open_world(&w);
  const struct thing *t = add_thing(&w, "f", 30000, MINI_PLAIN);
  struct hj_loop *l = open_loop();
  for (int round = 0; round < 2; round++) { /* the second time over spare handles and connections */
    for (int i = 0; i < N; i++) {
      struct hj_ask a = { .has_range = true, .first = (uint64_t)i, .last = (uint64_t)(20000 + i) };
      (void)ask(l, &a, mini_url(w.net, "/raw/f"), &s[i]);
    }
    CHECK_EQ(hj_loop_busy(l), N);
    while (hj_loop_busy(l))
      turn(l);
    for (int i = 0; i < N; i++) {
      CHECK_EQ(s[i].dones, 1);
      CHECK_EQ(s[i].n, 20001);
      CHECK_MEM(s[i].body, t->p + i, 20001);
      release_seen(&s[i]);
    }
  }
  free(s);
  hj_loop_close(l);
  close_world(&w);
}

TEST(a_request_that_finds_no_memory_is_none_or_ends_in_an_error)
{
  struct world w;
  open_world(&w);
  const struct thing *t = add_thing(&w, "f", 3000, MINI_PLAIN);
  unsigned n, fine = 0;
  for (n = 1; n < 5000; n++) {
    struct hj_err e = HJ_ERR_INIT;
    struct hj_loop *l = NULL;
    struct hj_request *r = NULL;
    struct hj_url u = { 0 };
    struct seen s = { 0 };
    struct hj_ask a = { .url = &u, .net = &net, .auth = "Bearer t", .has_range = true, .first = 0, .last = 2999, .if_range = "\"x\"" };
    const char *url = mini_url(w.net, "/raw/f");
    context("memory site %u", n);
    CHECK_OK(hj_url_parse(&u, url, strlen(url), &e), e);
    hj_mem_fail_at(n);
    if (!hj_loop_open(&l, "hubjet/test", &e) && !hj_request_start(&r, l, &a, &visitor, &s, &e))
      while (!s.dones && !hj_loop_turn(l, 50, &e))
        ;
    int fired = hj_mem_fired();
    hj_mem_fail_at(0);
    if (e.code == HJ_E_OK && s.code == HJ_E_OK) {
      CHECK_EQ(s.n, t->n);
      CHECK_MEM(s.body, t->p, t->n);
      fine++;
    } else {
      CHECK(e.msg[0] != 0 || s.err.msg[0] != 0);
    }
    hj_loop_close(l);
    hj_url_release(&u);
    release_seen(&s);
    mini_settle(w.net);
    CHECK_EQ(hj_mem_live(), w.live);
    CHECK_EQ(open_files(), w.files);
    if (!fired)
      break;
  }
  context_end();
  CHECK_LT(n, 5000);
  CHECK_GT(n, 50);
  printf("%u memory sites, %u without harm\n", n - 1, fine);
  close_world(&w);
}

TEST(nobody_in_the_public_network_sends_us_inside)
{
  struct world w;
  open_world(&w);
  (void)add_thing(&w, "f", 100, MINI_PLAIN);
  struct hj_loop *l = open_loop();
  static const char *const hosts[] = { "127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0" };
  const char *port = strrchr(mini_origin(w.net), ':');
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    for (int outside = 1; outside >= 0; outside--) {      /* refused, asked, and refused again although the connection stands */
      char url[100];
      struct seen s = { 0 };
      struct hj_ask a = { .outside = outside };
      unsigned asked = mini_count(w.net, "/raw/f");
      (void)snprintf(url, sizeof url, "http://%s%s/raw/f", hosts[i], port);
      context("%s, sent there by a host %s", url, outside ? "outside" : "inside");
      run_ask(l, &a, url, &s);
      if (outside) {
        CHECK_EQ(s.code, HJ_E_REDIRECT);
        CHECK_EQ(s.heads, 0);
        CHECK_EQ(mini_count(w.net, "/raw/f"), asked);
        CHECK(strstr(s.err.msg, "private network") != NULL);
      } else {
        CHECK_EQ(s.code, HJ_E_OK);
        CHECK_EQ(s.status, 200);
      }
      release_seen(&s);
    }
    struct seen s = { 0 };
    struct hj_ask a = { .outside = true };
    char url[100];
    (void)snprintf(url, sizeof url, "http://%s%s/raw/f", hosts[i], port);
    run_ask(l, &a, url, &s);
    CHECK_EQ(s.code, HJ_E_REDIRECT);
    release_seen(&s);
  }
  hj_loop_close(l);
  close_world(&w);
}

/* engine/probe.c - see probe.h */
#include "engine/probe.h"

#include <string.h>
#include "engine/engine.h"
#include "plat/clock.h"
#include "transfer/loop.h"
#include "transfer/origin.h"
#include "util/mem.h"
#include "util/banned.h"

#define SLICE_MS 50u

struct course { struct hj_probe *p; bool over; uint64_t head_ns; };

static enum hj_go on_head(void *user, struct hj_request *r, const struct hj_reply *reply)
{
  struct course *c = user;
  struct hj_probe *p = c->p;
  c->head_ns = hj_clock_ns();
  hj_request_look(r, &p->facts); /* while its connection is there */
  p->status = reply->status;
  p->ranged = reply->has_range && reply->range.satisfied;
  if (reply->location && !(p->location = hj_mem_text(reply->location, &p->err)))
    return HJ_GO_STOP;
  for (int k = 0; k < HJ_KEPT_COUNT; k++)
    if (reply->kept[k] && !(p->kept[k] = hj_mem_text(reply->kept[k], &p->err)))
      return HJ_GO_STOP;
  return p->most ? HJ_GO : HJ_GO_STOP;
}

static enum hj_go on_body(void *user, struct hj_request *r, const void *bytes, size_t n)
{
  struct hj_probe *p = ((struct course *)user)->p;
  size_t room = p->keep - p->body.len;
  (void)r;
  if (room && hj_buf_add(&p->body, bytes, n < room ? n : room, &p->err))
    return HJ_GO_STOP;
  p->bytes += n;
  p->body_us = (hj_clock_ns() - ((struct course *)user)->head_ns) / 1000;
  return p->bytes <= p->most ? HJ_GO : HJ_GO_STOP; /* a stopped piece would not be counted */
}

static void on_done(void *user, struct hj_request *r, const struct hj_reply *reply, bool stopped, const struct hj_err *e)
{
  struct course *c = user;
  (void)stopped, (void)reply;
  if (!c->head_ns)
    hj_request_look(r, &c->p->facts);
  if (c->p->err.code == HJ_E_OK)
    c->p->err = *e;
  c->over = true;
}

void hj_probe_run(struct hj_probe *p, const atomic_int *stop)
{
  static const struct hj_visitor visitor = { on_head, on_body, on_done };
  struct course c = { p, false, 0 };
  struct hj_net net = hj_limits_net(p->limits);
  struct hj_url url = { 0 };
  struct hj_ask ask = { .url = &url, .net = &net, .why = p->why, .has_range = p->has_range, .first = p->first, .last = p->last };
  struct hj_loop *loop = NULL;
  struct hj_request *r = NULL;
  uint64_t until_ms = hj_clock_ms() + p->limit_ms;
  p->err = (struct hj_err)HJ_ERR_INIT;
  hj_buf_init(&p->body, p->keep + 1);
  if (net.connect_ms > p->limit_ms)
    net.connect_ms = p->limit_ms;
  if (hj_url_parse(&url, p->url, strlen(p->url), &p->err))
    goto out;
  if (hj_origin_may_see_secret(&url, &url))
    ask.auth = p->auth;
  if (hj_loop_open(&loop, hj_engine_agent(), &p->err) || hj_request_start(&r, loop, &ask, &visitor, &c, &p->err))
    goto out;
  while (!c.over && !atomic_load(stop)) {
    uint64_t now_ms = hj_clock_ms();
    if (now_ms >= until_ms || hj_loop_turn(loop, until_ms - now_ms < SLICE_MS ? (uint32_t)(until_ms - now_ms) : SLICE_MS, &p->err))
      break;
  }
  if (!c.over) {
    if (c.head_ns == 0)
      hj_request_look(r, &p->facts);
    hj_request_stop(r);
    if (p->err.code == HJ_E_OK && (!c.head_ns || !p->bytes))
      hj_fail(&p->err, HJ_E_TIMEOUT, "no answer within %u ms", p->limit_ms);
  }
out:
  hj_loop_close(loop);
  hj_url_release(&url);
}

void hj_probe_release(struct hj_probe *p)
{
  hj_mem_free(p->location);
  hj_buf_release(&p->body);
  for (int k = 0; k < HJ_KEPT_COUNT; k++)
    hj_mem_free(p->kept[k]);
}

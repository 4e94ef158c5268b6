/* transfer/loop.c - see loop.h */
#include "transfer/loop.h"

#include <string.h>
#include "plat/clock.h"
#include "transfer/classify.h"
#include "transfer/curl_once.h"
#include "transfer/loop_int.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/banned.h"

/* Connections kept open when idle. Above the most we ever use at once, or libcurl closes what the next range wants. */
#define IDLE_CONNECTIONS 128L

int hj_loop_open(struct hj_loop **out, const char *user_agent, struct hj_err *e)
{
  struct hj_loop *l = NULL;
  if (hj_curl_once(e))
    goto out;
  l = hj_mem_zero(1, sizeof *l, e);
  if (!l)
    goto out;
  if (!hj_text_copy(l->user_agent, sizeof l->user_agent, user_agent, strlen(user_agent))) {
    hj_fail(e, HJ_E_BADARG, "the user agent is too long");
    goto out;
  }
  l->multi = curl_multi_init();
  if (!l->multi) {
    hj_fail(e, HJ_E_NOMEM, "no memory for libcurl");
    goto out;
  }
  (void)curl_multi_setopt(l->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
  (void)curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS);
#if LIBCURL_VERSION_NUM >= 0x074300
  (void)curl_multi_setopt(l->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)HJ_LANE_STREAMS);
#endif
  *out = l;
  l = NULL;
out:
  hj_mem_free(l);
  return (int)e->code;
}

static void end_broken(struct hj_loop *l)
{
  while (l->broken) {
    struct hj_request *r = l->first;
    while (r && r->broken == CURLE_OK)
      r = r->next;
    if (!r)
      return;
    hj_request_finish(r, r->broken);
  }
}

int hj_loop_turn(struct hj_loop *l, uint32_t wait_ms, struct hj_err *e)
{
  CURLMsg *msg;
  CURLMcode rc;
  int running, queued;
  uint64_t before_ns;
  end_broken(l);
  before_ns = hj_clock_ns();
  rc = curl_multi_poll(l->multi, NULL, 0, (int)wait_ms, NULL);
  l->waited_ns += hj_clock_ns() - before_ns;
  if (rc == CURLM_OK)
    rc = curl_multi_perform(l->multi, &running);
  if (rc != CURLM_OK)
    return hj_fail(e, rc == CURLM_OUT_OF_MEMORY ? HJ_E_NOMEM : HJ_E_BUG, "libcurl's loop failed: %s", curl_multi_strerror(rc));
  while ((msg = curl_multi_info_read(l->multi, &queued)) != NULL) {
    struct hj_request *r = NULL;
    CURLcode result;
    if (msg->msg != CURLMSG_DONE)
      continue;
    result = msg->data.result; /* msg is gone after the handle is removed */
    if (curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&r) == CURLE_OK && r)
      hj_request_finish(r, result);
  }
  return HJ_E_OK;
}

void hj_loop_wake(struct hj_loop *l) { (void)curl_multi_wakeup(l->multi); }

struct hj_lane *hj_loop_lane(struct hj_loop *l, const struct hj_url *url) { return hj_lanes_find(&l->lanes, url); }

uint64_t hj_loop_waited_ns(const struct hj_loop *l) { return l->waited_ns; }

unsigned hj_loop_busy(const struct hj_loop *l) { return l->busy; }

void hj_loop_close(struct hj_loop *l)
{
  if (!l)
    return;
  while (l->first)
    hj_request_stop(l->first);
  while (l->spares)
    curl_easy_cleanup(l->spare[--l->spares]);
  (void)curl_multi_cleanup(l->multi);
  hj_lanes_release(&l->lanes); /* after the connections: each tells its lane that it closes */
  hj_mem_free(l);
}

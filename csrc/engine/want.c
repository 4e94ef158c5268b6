/* engine/want.c - see want.h */
#include "engine/want.h"

#include <string.h>
#include "engine/rate.h"
#include "store/blob.h"
#include "store/layout.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/url.h"
#include "util/banned.h"

void hj_want_init(struct hj_want *w)
{
  memset(w, 0, sizeof *w);
  w->size = HJ_SIZE_UNKNOWN;
  w->links = w->resume = true;
}

static void free_texts(char **list, size_t n)
{
  for (size_t i = 0; list && i < n; i++)
    hj_mem_free(list[i]);
  hj_mem_free(list);
}

/* A secret is wiped before its memory goes back: a core dump or a later overflow must not find it. */
static void wipe_and_free(char *text)
{
  for (volatile char *p = text; p && *p; p++)
    *p = 0;
  hj_mem_free(text);
}

void hj_want_release(struct hj_want *w)
{
  wipe_and_free(w->auth);
  hj_mem_free(w->url);
  hj_mem_free(w->why);
  hj_mem_free(w->auth_origin);
  free_texts(w->mirrors, w->mirrors_n);
  free_texts(w->headers, w->headers_n);
  hj_mem_free(w->post);
  hj_mem_free(w->repo_dir);
  hj_mem_free(w->link_path);
  hj_mem_free(w->commit);
  hj_mem_free(w->path);
  hj_mem_free(w->sums_dir);
  hj_mem_free(w->side_dir);
  hj_mem_free(w->key);
  hj_mem_free(w->lock);
  free_texts(w->held, w->held_n);
  hj_mem_free(w->held_commit);
  hj_want_init(w);
}

static bool one_line(const char *text)
{
  for (; *text; text++)
    if ((unsigned char)*text < 32 || *text == 127)
      return false;
  return true;
}

static int check_mirrors(const struct hj_want *w, struct hj_err *e)
{
  if (w->mirrors_n > HJ_MIRRORS_MAX)
    return hj_fail(e, HJ_E_BADARG, "mirrors has %zu addresses: at most %u are used", w->mirrors_n, HJ_MIRRORS_MAX);
  for (size_t i = 0; i < w->mirrors_n; i++) {
    struct hj_err bad = HJ_ERR_INIT;
    struct hj_url url = { 0 };
    int rc = hj_url_parse(&url, w->mirrors[i], strlen(w->mirrors[i]), &bad);
    hj_url_release(&url);
    if (rc)
      return hj_fail(e, (enum hj_code)rc, "mirrors[%zu]: %s", i, bad.msg);
  }
  return HJ_E_OK;
}

int hj_want_check(const struct hj_want *w, struct hj_err *e)
{
  if (!w->url)
    return hj_fail(e, HJ_E_BADARG, "url is missing");
  if (w->dest == HJ_DEST_NONE)
    return hj_fail(e, HJ_E_BADARG, "one of memory, repo_dir or path is needed");
  if (w->auth && !w->auth_origin)
    return hj_fail(e, HJ_E_BADARG, "auth needs auth_origin: a secret belongs to one origin");
  if (w->auth && !one_line(w->auth))
    return hj_fail(e, HJ_E_BADARG, "auth has a line break or control character in it");
  for (size_t i = 0; i < w->headers_n; i++)
    if (!one_line(w->headers[i]))
      return hj_fail(e, HJ_E_BADARG, "headers[%zu] has a line break or control character in it", i);
  if (w->dest == HJ_DEST_STORE && (!w->repo_dir || w->repo_dir[0] != '/'))
    return hj_fail(e, HJ_E_BADARG, "repo_dir is not absolute");
  if (w->dest == HJ_DEST_PATH && (!w->path || w->path[0] != '/' || !w->side_dir || w->side_dir[0] != '/'))
    return hj_fail(e, HJ_E_BADARG, "path and side_dir must be absolute");
  if (check_mirrors(w, e))
    return (int)e->code;
  if (w->link_path && hj_layout_check_path(w->link_path, e))
    return (int)e->code;
  if (w->commit && hj_layout_check_commit(w->commit, e))
    return (int)e->code;
  if (w->key && hj_layout_check_key(w->key, e))
    return (int)e->code;
  return HJ_E_OK;
}

void hj_limits_init(struct hj_limits *l)
{
  memset(l, 0, sizeof *l);
  l->connections = 32;            /* 200 MB/s at the 8 MB/s a CDN gives one connection wants 25 */
  l->first_connections = 4;       /* a home line is full with one to four: start there, grow when it pays */
  l->tries = 6;
  l->memory = (uint64_t)256 << 20;
  l->range_min = (uint64_t)1 << 20;
  l->range_max = (uint64_t)64 << 20;
  l->stall_ms = 15000;
  l->connect_ms = 10000;
  l->give_up_ms = 120000;
  l->sync = true;
}

struct hj_net hj_limits_net(const struct hj_limits *l)
{
  return (struct hj_net){ .ca_file = l->ca_file, .ca_dir = l->ca_dir, .proxy_http = l->proxy_http, .proxy_https = l->proxy_https,
                          .no_proxy = l->no_proxy, .connect_ms = l->connect_ms, .offline = l->offline, .ipv4_only = l->ipv4_only };
}

void hj_limits_release(struct hj_limits *l)
{
  hj_mem_free(l->ca_file);
  hj_mem_free(l->ca_dir);
  hj_mem_free(l->proxy_http);
  hj_mem_free(l->proxy_https);
  hj_mem_free(l->no_proxy);
  hj_mem_free(l->run_dir);
  memset(l, 0, sizeof *l);
}

int hj_limits_check(struct hj_limits *l, struct hj_err *e)
{
  if (l->connections < 1 || l->connections > 256)
    return hj_fail(e, HJ_E_BADARG, "connections is %u: 1 to 256 are possible", l->connections);
  if (l->memory < (uint64_t)4 << 20)
    return hj_fail(e, HJ_E_BADARG, "memory is %llu bytes: at least 4 MiB are needed", (unsigned long long)l->memory);
  if (l->rate && l->rate < HJ_RATE_MIN)
    return hj_fail(e, HJ_E_BADARG, "rate is %llu bytes per second: at least %u are possible", (unsigned long long)l->rate, HJ_RATE_MIN);
  if (l->tries < 1 || !l->stall_ms || !l->connect_ms || !l->give_up_ms)
    return hj_fail(e, HJ_E_BADARG, "tries, stall_ms, connect_ms and give_up_ms must be above 0");
  if (l->first_connections < 1)
    l->first_connections = 1;
  if (l->first_connections > l->connections)
    l->first_connections = l->connections;
  if (l->range_min < HJ_PIECE)
    l->range_min = HJ_PIECE;
  if (l->range_max < l->range_min)
    l->range_max = l->range_min;
  return HJ_E_OK;
}

/* engine/route.c - see route.h */
#include "engine/route.h"

#include <string.h>
#include "engine/engine_int.h"
#include "util/text.h"
#include "util/trace.h"
#include "util/banned.h"

static void name(char out[HJ_ORIGIN_MAX], const char *origin)
{
  (void)hj_text_copy(out, HJ_ORIGIN_MAX, origin, strlen(origin)); /* benign: names that are longer share a controller */
}

static struct hj_route *add(struct hj_job *j, const char *asked, const char *origin, uint64_t now_ms)
{
  struct hj_route *r = &j->routes[j->routes_n++];
  memset(r, 0, sizeof *r);
  name(r->asked, asked);
  name(r->origin, origin);
  hj_sched_init(&r->sched, j->limits.first_connections, j->limits.connections, now_ms);
  r->level = r->sched.want;
  return r;
}

struct hj_route *hj_route_guess(struct hj_job *j, const struct hj_fetch *f, uint64_t now_ms)
{
  for (unsigned i = j->routes_n; i > 0; i--)
    if (!strcmp(j->routes[i - 1].asked, f->own.first.origin))
      return &j->routes[i - 1];
  return j->routes_n < HJ_ROUTES_MAX ? add(j, f->own.first.origin, "", now_ms) : &j->routes[0];
}

void hj_route_settle(struct hj_fetch *f, const char *origin, uint64_t now_ms)
{
  struct hj_job *j = f->job;
  struct hj_route *known = NULL;
  if (!f->route)
    f->route = hj_route_guess(j, f, now_ms);
  if (f->routed || !strcmp(f->route->origin, origin))
    goto out;
  for (unsigned i = 0; i < j->routes_n; i++)
    if (!strcmp(j->routes[i].origin, origin))
      known = &j->routes[i];
  if (known)
    f->route = known;
  else if (!f->route->origin[0])
    name(f->route->origin, origin);
  else if (j->routes_n < HJ_ROUTES_MAX)
    f->route = add(j, f->own.first.origin, origin, now_ms);
  HJ_TRACE(HJ_T_SCHED, f->index, "its bytes come from %s", f->route->origin);
out:
  f->routed = true;
}

void hj_route_back_off(struct hj_job *j, const char *origin, uint64_t now_ms)
{
  for (unsigned i = 0; i < j->routes_n; i++)
    if (!strcmp(j->routes[i].origin, origin) || !strcmp(j->routes[i].asked, origin))
      hj_sched_back_off(&j->routes[i].sched, now_ms);
}

/* tests/c/test_route.c - the hosts of one job: each has a controller of its own, and what one was like is remembered for the next job. */
#include "engine_kit.h"

static const struct hj_route *route_to(const struct hj_job *j, const char *origin)
{
  for (unsigned i = 0; i < j->routes_n; i++)
    if (!strcmp(j->routes[i].origin, origin))
      return &j->routes[i];
  return NULL;
}

static struct hj_want wanted(struct world *w, const char *path, const char *to, const struct thing *t)
{
  struct hj_want want = want_path(w, path, to);
  promise(&want, t);
  return want;
}

static struct hj_limits limits_of(unsigned first, unsigned most)
{
  struct hj_limits limits = quick();
  limits.first_connections = first;
  limits.connections = most;
  limits.range_min = limits.range_max = MIB;
  return limits;
}

/* Both are asked at the hub; it sends one to its CDN. */
TEST(what_two_hosts_bring_is_counted_apart)
{
  struct world w;
  open_world(&w);
  const struct thing *near = add_thing(&w, "f.bin", 20 * MIB, MINI_PLAIN), *far = add_thing(&w, "g.bin", 30 * MIB, MINI_LFS);
  for (int turned = 0; turned < 2; turned++) {
    struct hj_want wants[2] = { wanted(&w, "/raw/f.bin", "dir/f", near), wanted(&w, "/resolve/g.bin", "dir/g", far) }, first = wants[0];
    if (turned) {
      wants[0] = wants[1];
      wants[1] = first;
    }
    struct hj_limits limits = limits_of(4, 16);
    struct hj_job *j = start_job(wants, 2, &limits);
    wait_job(j);
    CHECK_EQ(hj_job_look(j).files_done, 2);
    CHECK_EQ(j->routes_n, 2);
    const struct hj_route *hub = route_to(j, mini_origin(w.net));
    CHECK(hub != NULL);
    const struct hj_route *cdn = &j->routes[hub == &j->routes[0]];
    CHECK(cdn->origin[0] && strcmp(cdn->origin, hub->origin) != 0);
    CHECK_EQ(hub->bytes, near->n);
    CHECK_EQ(cdn->bytes, far->n);
    free_job_of(j);
  }
  close_world(&w);
}

/* No byte comes, so no level rises: eight answers stand side by side only if four of one host say nothing of the other's. */
TEST(the_connections_of_one_host_are_no_limit_to_another)
{
  struct world w;
  open_world(&w);
  const struct thing *near = add_thing(&w, "f.bin", 20 * MIB, MINI_PLAIN), *far = add_thing(&w, "g.bin", 20 * MIB, MINI_LFS);
  struct hj_want wants[2] = { wanted(&w, "/f/gate=0/raw/f.bin", "dir/f", near), wanted(&w, "/c/gate=0/resolve/g.bin", "dir/g", far) };
  struct hj_limits limits = limits_of(4, 16);
  struct hj_job *j = start_job(wants, 2, &limits);
  mini_wait_gate(w.net, 8);
  CHECK_EQ(hj_job_look(j).from_net, 0);
  do
    mini_open_gate(w.net);
  while (hj_job_poll(j, 5) != 1);
  wait_job(j);
  CHECK_EQ(hj_job_look(j).files_done, 2);
  CHECK(is_whole(temp_path("dir/f"), near) && is_whole(temp_path("dir/g"), far));
  free_job_of(j);
  close_world(&w);
}

/* Nor does a byte come here: as many answers stand there as paid for the job before. */
TEST(a_second_job_begins_at_the_level_where_the_first_ended)
{
  enum { N = 6, LEVEL = 12 };
  struct world w;
  unsigned level = 0;
  open_world(&w);
  const struct thing *t = add_thing(&w, "f.bin", 64 * MIB, MINI_PLAIN);
  while (level <= 2) {                     /* loopback may be over before a level was judged, or be judged full */
    calm_down(&w);                         /* and forget */
    struct hj_want wants[N];
    for (int i = 0; i < N; i++) {
      char to[20];
      (void)snprintf(to, sizeof to, "dir/%d", i);
      wants[i] = wanted(&w, "/raw/f.bin", to, t);
    }
    struct hj_limits limits = limits_of(LEVEL, LEVEL);
    struct hj_job *j = start_job(wants, N, &limits);
    wait_job(j);
    level = hj_host_level(hj_hosts_of(j->hosts, mini_origin(w.net), hj_clock_ms()), hj_clock_ms());
    free_job_of(j);
  }
  struct hj_want want = wanted(&w, "/f/gate=0/raw/f.bin", "dir/last", t);
  struct hj_limits limits = limits_of(2, 16);
  struct hj_job *j = start_job(&want, 1, &limits);
  mini_wait_gate(w.net, level);
  CHECK_EQ(hj_job_look(j).from_net, 0);
  hj_job_cancel(j);
  wait_job(j);
  free_job_of(j);
  close_world(&w);
}

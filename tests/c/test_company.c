/* tests/c/test_company.c - files of one job and jobs of one process side by side: what happens to one neither ends nor holds up another. */
#include "engine_kit.h"

/* All of them fall silent in the same turn, and ending them takes the clock further: no standstill of the one that goes on. */
TEST(files_that_fail_together_do_not_end_one_that_moves)
{
  enum { SILENT = 64, SIZE = 300000 };
  struct world w;
  struct hj_want wants[SILENT + 1];
  struct hj_limits limits = quick();
  open_world(&w);
  const struct thing *t = add_thing(&w, "slow.bin", SIZE, MINI_PLAIN);
  wants[0] = want_path(&w, "/raw/slow.bin", "slow.bin");
  promise(&wants[0], t);
  for (int i = 1; i <= SILENT; i++) {
    char path[40], to[20];
    (void)snprintf(path, sizeof path, "/f/hang/n%d/raw/slow.bin", i);
    (void)snprintf(to, sizeof to, "n%d", i);
    wants[i] = i % 2 ? want_memory(&w, path) : want_path(&w, path, to);
    if (i % 2 == 0)
      promise(&wants[i], t);
  }
  limits.rate = SIZE / 2;             /* it moves for two seconds: who waits for the limit is not silent */
  limits.connections = 200;
  limits.tries = 1;
  limits.stall_ms = 300;
  struct hj_job *j = start_job(wants, SILENT + 1, &limits);
  wait_job(j);
  for (int i = 0; i <= SILENT; i++) {
    struct hj_outcome o = outcome_of(j, (size_t)i);
    context("file %d", i);
    if (i > 0)
      expect_code(&o, HJ_E_STALLED);
    if (i > 0)
      CHECK(strstr(o.err.msg, "no byte came") != NULL);
    else
      expect_end(&o, HJ_END_DONE);
  }
  free_job_of(j);
  close_world(&w);
}

/* Opened files take memory: of all jobs together they may hold more than the limit leaves for one range, and then each waited for the others
 * for ever. */
TEST(jobs_whose_open_files_fill_the_memory_go_on)
{
  enum { JOBS = 14 };
  struct world w;
  struct hj_job *jobs[JOBS];
  struct hj_limits limits = quick();
  const char *sides[JOBS];
  open_world(&w);
  const struct thing *first = add_thing(&w, "first", 9 * MIB, MINI_PLAIN);
  struct hj_want want = want_path(&w, "/f/gate=1000/raw/first", "first");
  promise(&want, first);
  limits.memory = 4 * MIB;
  struct hj_job *hog = start_job(&want, 1, &limits);
  mini_wait_gate(w.net, 4);
  for (int i = 0; i < JOBS; i++) {
    struct hj_limits own = quick();
    char name[20], path[40], side[40];
    (void)snprintf(name, sizeof name, "n%d", i);
    (void)snprintf(path, sizeof path, "/raw/%s", name);
    (void)snprintf(side, sizeof side, "side%d", i);
    sides[i] = temp_path(side);
    const struct thing *t = add_thing(&w, name, 2 * MIB, MINI_PLAIN);
    want = want_path(&w, path, name);
    hj_mem_free(want.side_dir);
    want.side_dir = text_of(sides[i]);
    promise(&want, t);
    own.memory = 4 * MIB;
    jobs[i] = start_job(&want, 1, &own);
  }
  for (int i = 0; i < JOBS; i++)
    while (!is_there(sides[i])) /* it is being opened, or is open */
      sched_yield();
  while (hj_job_poll(hog, 5) != 1)
    mini_open_gate(w.net);
  wait_job(hog);
  free_job_of(hog);
  for (int i = 0; i < JOBS; i++) {
    wait_job(jobs[i]);
    struct hj_outcome o = outcome_of(jobs[i], 0);
    expect_end(&o, HJ_END_DONE);
    free_job_of(jobs[i]);
  }
  close_world(&w);
}

/* measure: runs one command in a process group of its own and says what it cost.
 *
 * Use      measure [-t SECONDS] [-l LOG] [-c FOLDER] [-n NETNS] [-g CGROUP.procs] -- COMMAND ARGUMENT...
 *          stdout: {"pid":N,"began":NS} at the start, {"wall":...,"user":...,"sys":...,"rss_kib":...,"status":N,"signal":N,"timeout":0|1}
 *          at the end. The command's own output goes to LOG (default: nowhere).
 * Why      Linux keeps the largest memory a process ever had over exec: a child of a large Python starts with Python's. The child of
 *          this small program starts with nothing. CPU and memory are wait4's: of the command and of all children it waited for.
 * Promise  When the time is up, or when the caller dies, the whole group is killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;
static volatile sig_atomic_t timed_out;

static void end_group(int number)
{
  if (number == SIGALRM) timed_out = 1;
  if (child > 0) kill(-child, SIGKILL);
}

static uint64_t now_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static int fail(const char *what)
{
  fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
  return 127;
}

int main(int argc, char **argv)
{
  const char *log = "/dev/null", *folder = NULL, *net = NULL, *group = NULL;
  double seconds = 600;
  for (int o; (o = getopt(argc, argv, "+t:l:c:n:g:")) != -1;) {
    if (o == 't') seconds = atof(optarg);
    else if (o == 'l') log = optarg;
    else if (o == 'c') folder = optarg;
    else if (o == 'n') net = optarg;
    else if (o == 'g') group = optarg;
    else return 2;
  }
  if (optind == argc) return 2;
  struct sigaction end = {.sa_handler = end_group, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &end, NULL);
  sigaction(SIGTERM, &end, NULL);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  uint64_t began = now_ns();
  child = fork();
  if (child < 0) return fail("fork");
  if (child == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_DFL);
    int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(fail(log));
    if (net != NULL) {
      int fd = open(net, O_RDONLY | O_CLOEXEC);
      if (fd < 0 || setns(fd, CLONE_NEWNET)) _exit(fail(net));
    }
    if (group != NULL) {
      FILE *f = fopen(group, "w");
      if (f == NULL || fprintf(f, "%d\n", (int)getpid()) < 0 || fclose(f)) _exit(fail(group));
    }
    if (folder != NULL && chdir(folder)) _exit(fail(folder));
    execvp(argv[optind], argv + optind);
    _exit(fail(argv[optind]));
  }
  setpgid(child, child);
  printf("{\"pid\":%d,\"began\":%llu}\n", (int)child, (unsigned long long)began);
  fflush(stdout);
  struct itimerval limit = {.it_value = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6) + 1}};
  setitimer(ITIMER_REAL, &limit, NULL);
  int status;
  struct rusage u;
  while (wait4(child, &status, 0, &u) < 0)
    if (errno != EINTR) return fail("wait4");
  uint64_t ended = now_ns();
  kill(-child, SIGKILL); /* what it left behind */
  printf("{\"wall\":%.6f,\"user\":%.6f,\"sys\":%.6f,\"rss_kib\":%ld,\"status\":%d,\"signal\":%d,\"timeout\":%d,\"ended\":%llu}\n",
         (double)(ended - began) / 1e9, (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6,
         (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6, u.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
         WIFSIGNALED(status) ? WTERMSIG(status) : 0, (int)timed_out, (unsigned long long)ended);
  return 0;
}

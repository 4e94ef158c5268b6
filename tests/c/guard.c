/* tests/c/guard.c - see guard.h. */
#include "guard.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

struct guard guard_copy(const void *p, size_t n)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (n / page + 1) * page;
  struct guard g = { .map_n = body + page };
  g.map = mmap(NULL, g.map_n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(g.map != MAP_FAILED);
  CHECK(mprotect((char *)g.map + body, page, PROT_NONE) == 0);
  g.p = (char *)g.map + body - n;
  if (n)
    memcpy(g.p, p, n);
  return g;
}

void guard_end(struct guard *g)
{
  CHECK(munmap(g->map, g->map_n) == 0);
  *g = (struct guard){ 0 };
}

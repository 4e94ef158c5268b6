/* tests/c/guard.h - bytes that end where a dead page begins: one byte read too far kills the test.
 *
 * Use      struct guard g = guard_copy(p, n); parse(g.p, n); guard_end(&g);
 */
#ifndef GUARD_H
#define GUARD_H

#include <stddef.h>

struct guard { char *p; void *map; size_t map_n; };

struct guard guard_copy(const void *p, size_t n);   /* no NUL behind it */
void guard_end(struct guard *g);

#endif

/* tests/c/sweep.h - a scene is played again and again while its first, second, third … step is made to fail.
 *
 * A scene  does one thing from nothing to its end, cleans up in every case, and answers as functions of ours do: 0 or a
 *          code with the cause in *e. When it answers 0 it has looked at its result with CHECKs: it is perfect.
 *          It must work when played twice.
 * Promise  at every site: an error was reported or the result is perfect; nothing leaked, neither blocks of hj_mem nor
 *          descriptors; a second try without faults succeeds.
 * Repeat   HJ_SITE=7 runner NAME plays only the seventh site (a failure names it).
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "util/err.h"

typedef int sweep_scene(void *user, struct hj_err *e);

/* The n-th request for memory answers NULL. How many sites there are; at least one is demanded. */
int sweep_memory(const char *name, sweep_scene *scene, void *user);
/* The n-th platform call answers one errno after the other of those that fit it (plat/fault.c). */
int sweep_platform(const char *name, sweep_scene *scene, void *user);

#endif

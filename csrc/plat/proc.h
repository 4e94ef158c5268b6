/* plat/proc.h - this process, others on this machine, and dice. */
#ifndef HJ_PLAT_PROC_H
#define HJ_PLAT_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

uint32_t hj_proc_id(void);
/* Start of a process in a unit of the OS, the same each time it is asked; 0 = no such process or not known. With the id
 * it tells a live process from a later one that got the same number. */
uint64_t hj_proc_start(uint32_t pid);
bool hj_proc_alive(uint32_t pid, uint64_t start);      /* start 0: only the id is compared */
bool hj_proc_is_stopped(uint32_t pid);                 /* by Ctrl-Z, a debugger: it does nothing until somebody lets it. false: not known, too */
/* Who took the flock on this file, as the system remembers it (it may be gone while a child has its descriptor); 0 = nobody, or not known. */
uint32_t hj_proc_flock_holder(uint64_t device, uint64_t inode);
/* This machine, [a-z0-9] only; for names of claims. The last HJ_PROC_HOST_RUN letters tell its runs apart: boots (the number of a process
 * means nothing after a reboot) and process namespaces (a container that was started again; or two that share a name and a cache). */
#define HJ_PROC_HOST_RUN 8
void hj_proc_host(char out[32]);
int hj_random(void *p, size_t n, struct hj_err *e);    /* from the OS */
uint32_t hj_proc_user(void);                           /* whose files it makes */
unsigned hj_proc_cpus(void);                           /* this process may use; >= 1 */
uint64_t hj_proc_memory(void);                         /* bytes that could be had without swapping, page cache included; 0 = not known */
unsigned hj_proc_umask(void);                          /* without changing it where the OS can tell */
/* Called in the child after fork, once per registration; no locks may be taken by fn. */
int hj_proc_on_fork(void (*fn)(void), struct hj_err *e);

#endif

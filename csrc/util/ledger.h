/* util/ledger.h - the visitors' book: every HTTP exchange of this process, the newest HJ_LEDGER_MAX kept.
 *
 * Threads  any; a lock of its own, held for the copy of one line.
 * Promise  nothing secret is in it: origin and path only. An exchange that gets no answer is in it too (status 0).
 */
#ifndef HJ_LEDGER_H
#define HJ_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HJ_LEDGER_MAX 4096u

struct hj_visit {
  uint64_t n;             /* counts from 1; 0 = empty */
  int64_t wall_ns;
  uint64_t bytes;         /* of the body, as they came */
  int status;
  bool sent_token, ended;
  char method[8], why[16], origin[104], path[168], range[48];
};

/* Opens a line and answers its number; 0 (and no line) when there is no memory for the book. */
uint64_t hj_ledger_open(const struct hj_visit *v);
void hj_ledger_note(uint64_t n, int status, uint64_t bytes, bool ended);      /* benign if the line has been overwritten */
void hj_ledger_withdraw(uint64_t n);  /* nothing was asked after all: the line is taken out */
/* The first visit with a number above `since`; false if there is none. */
bool hj_ledger_next(uint64_t since, struct hj_visit *out);
void hj_ledger_forked(void);          /* in the child after fork: the lock may be held by a thread that is not there */

#endif

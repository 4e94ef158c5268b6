/* util/text.h - text from strangers becomes numbers, once and checked. Pure. Locale-free (ASCII only).
 *
 * Errors   0 / false mean "not accepted"; the output is then untouched.
 */
#ifndef HJ_TEXT_H
#define HJ_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only, no sign, no blanks, 1..20 digits, fits. */
bool hj_text_u64(const char *p, size_t n, uint64_t *out);
/* n hex digits of either case -> n/2 bytes. */
bool hj_text_unhex(const char *p, size_t n, uint8_t *out);
void hj_text_hex(const uint8_t *p, size_t n, char *out);             /* 2n digits, lower case, and a NUL */
bool hj_text_is_lower_hex(const char *p, size_t n);                  /* every one of n bytes; false for n == 0 */
bool hj_text_is_etag_hex(const char *text);                          /* exactly 40 or 64 lower-case hex digits */
char hj_text_lower(char c);
bool hj_text_same(const char *a, size_t an, const char *b);          /* case-insensitive, b NUL-ended */
bool hj_text_starts(const char *text, const char *prefix);           /* case-sensitive */
void hj_text_trim(const char **p, size_t *n);                        /* blanks, tabs, CR and LF at both ends */
/* Printable copy into out[cap]: control and non-ASCII bytes become '?', the middle is cut to "..." if it does not fit. */
void hj_text_show(const char *p, size_t n, char *out, size_t cap);
/* Copies with a NUL; false (out = "") if it does not fit. */
bool hj_text_copy(char *out, size_t cap, const char *p, size_t n);
/* In place: control characters become '?'. UTF-8 stays (paths of users are not ASCII). */
void hj_text_one_line(char *text);
/* In place: a UTF-8 character that was cut at the end goes away. */
void hj_text_end_whole(char *text);

#endif

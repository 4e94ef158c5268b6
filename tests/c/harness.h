/* tests/c/harness.h - what every C test needs. Checks stay alive under NDEBUG, print both sides, and end the process.
 *
 * Use      TEST(an_empty_file_has_the_digest_of_nothing) { struct hj_err e = HJ_ERR_INIT; CHECK_OK(f(&e), e); ... }
 *          Such a line in tests/c/test_<file>.c is all: build.py finds it. The name is the promise that is held.
 * Promise  after each test the runner removes its temporary folder and checks that every block of hj_mem was freed.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "util/err.h"

#define TEST(name) void hj_test_##name(void); void hj_test_##name(void)

#define CHECK(cond) ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, "CHECK(%s)", #cond))

/* Integers, bools and enums. Equality compares as uint64_t (so -1 equals -1), order as int64_t. */
#define CHECK_EQ(a, b) check_equal(__FILE__, __LINE__, #a " == " #b, true, (uint64_t)(a), (uint64_t)(b))
#define CHECK_NE(a, b) check_equal(__FILE__, __LINE__, #a " != " #b, false, (uint64_t)(a), (uint64_t)(b))
#define CHECK_LT(a, b) check_order(__FILE__, __LINE__, #a " < " #b, (int64_t)(a), (int64_t)(b), false)
#define CHECK_LE(a, b) check_order(__FILE__, __LINE__, #a " <= " #b, (int64_t)(a), (int64_t)(b), true)
#define CHECK_GT(a, b) check_order(__FILE__, __LINE__, #b " < " #a, (int64_t)(b), (int64_t)(a), false)
#define CHECK_GE(a, b) check_order(__FILE__, __LINE__, #b " <= " #a, (int64_t)(b), (int64_t)(a), true)
#define CHECK_STR(a, b) check_text(__FILE__, __LINE__, #a " is " #b, (a), (b))
#define CHECK_HAS(text, part) check_has(__FILE__, __LINE__, #text " has " #part, (text), (part))
#define CHECK_MEM(a, b, n) check_bytes(__FILE__, __LINE__, #a " is " #b, (a), (b), (n))
#define CHECK_FILE(path, text) check_file(__FILE__, __LINE__, (path), (text))

/* A call that takes &e last: it must succeed, or fail with exactly this code. `e` is the struct, and is cleared after a
 * failure that was expected, so that the next line can use it. */
#define CHECK_OK(call, e) check_code(__FILE__, __LINE__, #call, (call), HJ_E_OK, &(e))
#define CHECK_CODE(call, want, e) check_code(__FILE__, __LINE__, #call, (call), (want), &(e))

/* Told with the next failure: which row of a table, which site of a sweep. */
void context(const char *fmt, ...) HJ_PRINTF(1, 2);
void context_end(void);

/* Ends the test without a verdict. */
_Noreturn void skip(const char *why);
/* This test leaves blocks behind on purpose (a library's globals): says why. */
void may_keep_memory(const char *why);

/* A folder of this test, made at first use. Paths live until the test ends. */
const char *temp_dir(void);
void temp_for_all(void);                         /* first in a test: temp_dir() lies where everybody may pass, not below pytest's own folder */
/* Root may do everything, so refusals are tried as somebody else, who may enter temp_dir(). */
void become_nobody(void);
void become_again(void);
const char *temp_path(const char *name);          /* "<temp_dir>/<name>"; name may hold slashes, nothing is made */
void put_file(const char *path, const void *p, size_t n);
void put_text(const char *path, const char *text);
unsigned open_files(void);                        /* descriptors of this process */

_Noreturn void check_failed(const char *file, int line, const char *fmt, ...) HJ_PRINTF(3, 4);
void check_equal(const char *file, int line, const char *what, bool equal, uint64_t a, uint64_t b);
void check_order(const char *file, int line, const char *what, int64_t low, int64_t high, bool may_equal);
void check_text(const char *file, int line, const char *what, const char *a, const char *b);
void check_has(const char *file, int line, const char *what, const char *text, const char *part);
void check_bytes(const char *file, int line, const char *what, const void *a, const void *b, size_t n);
void check_file(const char *file, int line, const char *path, const char *text);
void check_code(const char *file, int line, const char *call, int rc, enum hj_code want, struct hj_err *e);

/* For the runner. */
bool harness_run(void (*run)(void), const char **skipped);   /* false: it was skipped */

#endif

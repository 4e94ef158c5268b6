/* tests/c/list.h - every test, by name, once: X(file, name). build.py writes tests.gen from the `TEST(name)` it finds. */
#ifndef TEST_LIST_H
#define TEST_LIST_H

#define X(file, name) void hj_test_##name(void);
#include "tests.gen"
#undef X

struct test { const char *file, *name; void (*run)(void); };

static const struct test tests[] = {
#define X(file, name) { #file, #name, hj_test_##name },
#include "tests.gen"
#undef X
};

#endif

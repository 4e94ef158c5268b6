/* ext/raise.h - the only place where a hj_err becomes an exception. GIL held. */
#ifndef HJ_EXT_RAISE_H
#define HJ_EXT_RAISE_H

#include "ext/state.h"

/* Finds the classes of HJ_ERR_MAP in hubjet._errors and the built-ins. -1: one is missing (exception set). */
int ext_raise_init(struct ext_state *s);
/* A new exception object, or NULL with another exception set. */
PyObject *ext_error_object(struct ext_state *s, const struct hj_err *e);
/* Raises it; always NULL. An exception that is already set becomes its __context__ by Python's own rules. */
PyObject *ext_raise(struct ext_state *s, const struct hj_err *e);
/* The same, and says where it was: `place` (a path) becomes the error's .path. */
PyObject *ext_raise_at(struct ext_state *s, const struct hj_err *e, const char *place);

#endif

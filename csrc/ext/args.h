/* ext/args.h - Python values become C values; everything is copied, so nothing below ext/ holds a PyObject. GIL held.
 *
 * Errors   -1 with a Python exception that names the field.
 */
#ifndef HJ_EXT_ARGS_H
#define HJ_EXT_ARGS_H

#include "engine/want.h"
#include "ext/state.h"

int ext_args_wants(struct ext_state *s, PyObject *list, struct hj_want **out, size_t *n);
void ext_args_wants_free(struct hj_want *wants, size_t n);
int ext_args_limits(struct ext_state *s, PyObject *dict, struct hj_limits *out);
/* A list of paths; free also after -1. */
int ext_args_paths(struct ext_state *s, PyObject *list, char ***out, size_t *n);
void ext_args_paths_free(char **paths, size_t n);
/* A path by os.fsencode's rules, as a new bytes object; NULL with an exception. */
PyObject *ext_args_path(PyObject *value);

#endif

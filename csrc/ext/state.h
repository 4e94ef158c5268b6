/* ext/state.h - what the module knows: its type and the error classes. Written in exec only, read under any thread. */
#ifndef HJ_EXT_STATE_H
#define HJ_EXT_STATE_H

#include <Python.h>
#include "util/err.h"

struct ext_state {
  PyTypeObject *job_type;
  PyObject *classes[HJ_E_COUNT];   /* exception class by code, NULL = never leaves C */
};

struct ext_state *ext_state_of(PyObject *module);

extern PyType_Spec ext_job_spec;
extern PyMethodDef ext_store_methods[], ext_hash_methods[], ext_check_methods[], ext_info_methods[], ext_probe_methods[];

#endif

/* ext/module.c - PyInit__native, slots, exec, traverse, clear, free: nothing else. */
#include "engine/engine.h"
#include "ext/raise.h"
#include "ext/state.h"
#include "util/banned.h"

static struct PyModuleDef module_def;

struct ext_state *ext_state_of(PyObject *module) { return PyModule_GetState(module); }

static int module_exec(PyObject *module)
{
  struct ext_state *s = ext_state_of(module);
  hj_engine_user_agent("hubjet/" HJ_VERSION);
  if (ext_raise_init(s))
    return -1;
  s->job_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &ext_job_spec, NULL);
  if (!s->job_type || PyModule_AddType(module, s->job_type) || PyModule_AddStringConstant(module, "__version__", HJ_VERSION))
    return -1;
  return PyModule_AddFunctions(module, ext_store_methods) || PyModule_AddFunctions(module, ext_hash_methods) || PyModule_AddFunctions(module, ext_check_methods) ||
         PyModule_AddFunctions(module, ext_info_methods) || PyModule_AddFunctions(module, ext_probe_methods) ? -1 : 0;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
  struct ext_state *s = ext_state_of(module);
  Py_VISIT(s->job_type);
  for (int i = 0; i < HJ_E_COUNT; i++)
    Py_VISIT(s->classes[i]);
  return 0;
}

static int module_clear(PyObject *module)
{
  struct ext_state *s = ext_state_of(module);
  Py_CLEAR(s->job_type);
  for (int i = 0; i < HJ_E_COUNT; i++)
    Py_CLEAR(s->classes[i]);
  return 0;
}

static void module_free(void *module) { (void)module_clear(module); }

static PyModuleDef_Slot slots[] = {
  { Py_mod_exec, (void *)module_exec },
#ifdef Py_mod_multiple_interpreters
  { Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED },
#endif
#ifdef Py_mod_gil
  { Py_mod_gil, Py_MOD_GIL_NOT_USED },
#endif
  { 0, NULL },
};

static struct PyModuleDef module_def = {
  PyModuleDef_HEAD_INIT,
  .m_name = "hubjet._native",
  .m_doc = "The C core of hubjet: transfer, proof, store. Private: see the package hubjet.",
  .m_size = sizeof(struct ext_state),
  .m_slots = slots,
  .m_traverse = module_traverse,
  .m_clear = module_clear,
  .m_free = module_free,
};

PyMODINIT_FUNC PyInit__native(void);
PyMODINIT_FUNC PyInit__native(void) { return PyModuleDef_Init(&module_def); }

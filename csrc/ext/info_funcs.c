/* ext/info_funcs.c - what the engine says of itself: ledger, traces, versions; and its end. */
#include <string.h>
#include "digest/algo.h"
#include "engine/engine.h"
#include "ext/state.h"
#include "ext/wait.h"
#include "util/ledger.h"
#include "util/mem.h"
#include "util/timeline.h"
#include "util/trace.h"
#include "util/banned.h"

#define SHUTDOWN_MS 300u

static PyObject *visit_of(const struct hj_visit *v)
{
  return Py_BuildValue("{s:K,s:d,s:s,s:s,s:s,s:s,s:i,s:N,s:K,s:s,s:N}", "n", (unsigned long long)v->n, "time", (double)v->wall_ns / 1e9,
                       "method", v->method, "origin", v->origin, "path", v->path, "why", v->why, "status", v->status, "sent_token",
                       PyBool_FromLong(v->sent_token), "bytes", (unsigned long long)v->bytes, "range", v->range, "ended",
                       PyBool_FromLong(v->ended));
}

static PyObject *info_ledger(PyObject *self, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "since", NULL };
  unsigned long long since = 0;
  struct hj_visit v;
  PyObject *list;
  (void)self;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|K:ledger", names, &since))
    return NULL;
  list = PyList_New(0);
  while (list && hj_ledger_next(since, &v)) {
    PyObject *item = visit_of(&v);
    if (!item || PyList_Append(list, item))
      Py_CLEAR(list);
    Py_XDECREF(item);
    since = v.n;
  }
  return list;
}

static PyObject *info_trace(PyObject *self, PyObject *args)
{
  const char *mask;
  (void)self;
  if (!PyArg_ParseTuple(args, "s:trace", &mask))
    return NULL;
  if (!hj_trace_set(mask)) {
    PyErr_Format(PyExc_ValueError, "trace names parts like \"net,part\" or \"all,-net\", not \"%s\"", mask);
    return NULL;
  }
  Py_RETURN_NONE;
}

static PyObject *info_trace_file(PyObject *self, PyObject *args)
{
  PyObject *path = NULL;
  bool good;
  (void)self;
  if (!PyArg_ParseTuple(args, "O&:trace_file", PyUnicode_FSConverter, &path))
    return NULL;
  good = hj_trace_file(PyBytes_AsString(path));
  Py_DECREF(path);
  return PyBool_FromLong(good);
}

static PyObject *info_trace_lines(PyObject *self, PyObject *unused)
{
  static const char *const parts[] = {
#define HJ_X(name, text) text,
    HJ_TRACE_PARTS(HJ_X)
#undef HJ_X
  };
  enum hj_trace_part part;
  char line[512];
  PyObject *list = PyList_New(0);
  (void)self;
  (void)unused;
  while (list && hj_trace_next(&part, line, (int)sizeof line)) {
    PyObject *text = PyUnicode_DecodeUTF8(line, (Py_ssize_t)strlen(line), "replace");
    PyObject *item = text ? Py_BuildValue("(sN)", parts[part], text) : NULL;
    if (!item || PyList_Append(list, item))
      Py_CLEAR(list);
    Py_XDECREF(item);
  }
  return list;
}

static PyObject *info_timeline(PyObject *self, PyObject *args)
{
  int on;
  (void)self;
  if (!PyArg_ParseTuple(args, "p:timeline", &on))
    return NULL;
  if (!on)
    hj_timeline_stop();
  else if (!hj_timeline_start())
    return PyErr_NoMemory();
  Py_RETURN_NONE;
}

static PyObject *info_timeline_lines(PyObject *self, PyObject *unused)
{
  static const size_t cap = 64u << 10;
  PyObject *list = PyList_New(0), *all = NULL, *nothing;
  char *block = PyMem_Malloc(cap);
  size_t n;
  (void)self;
  (void)unused;
  if (list && !block)
    PyErr_NoMemory();
  while (list && block && (n = hj_timeline_take(block, cap)) > 0) {
    PyObject *bytes = PyBytes_FromStringAndSize(block, (Py_ssize_t)n);
    if (!bytes || PyList_Append(list, bytes))
      Py_CLEAR(list);
    Py_XDECREF(bytes);
  }
  PyMem_Free(block);
  nothing = list && block ? PyBytes_FromStringAndSize("", 0) : NULL;
  if (nothing)
    all = PyObject_CallMethod(nothing, "join", "O", list);
  Py_XDECREF(nothing);
  Py_XDECREF(list);
  return all;
}

static PyObject *info_limit_rate(PyObject *self, PyObject *args)
{
  PyObject *value;
  unsigned long long rate = UINT64_MAX;
  (void)self;
  if (!PyArg_ParseTuple(args, "O:limit_rate", &value))
    return NULL;
  if (value != Py_None) {
    rate = PyLong_AsUnsignedLongLong(value);
    if (PyErr_Occurred())
      return NULL;
  }
  hj_engine_limit_rate(rate);
  Py_RETURN_NONE;
}

static PyObject *info_polite(PyObject *self, PyObject *args)
{
  PyObject *value;
  int polite = -1;
  (void)self;
  if (!PyArg_ParseTuple(args, "O:polite", &value))
    return NULL;
  if (value != Py_None && (polite = PyObject_IsTrue(value)) < 0)
    return NULL;
  hj_engine_polite(polite);
  Py_RETURN_NONE;
}

static PyObject *info_about(PyObject *self, PyObject *unused)
{
  (void)self;
  (void)unused;
  return Py_BuildValue("{s:s,s:s,s:s}", "version", HJ_VERSION, "libcurl", hj_engine_versions(), "digests", hj_digest_versions());
}

static PyObject *info_memory(PyObject *self, PyObject *unused)
{
  (void)self;
  (void)unused;
  return Py_BuildValue("(LK)", (long long)hj_mem_live(), (unsigned long long)hj_mem_live_bytes());
}

static PyObject *info_shutdown(PyObject *self, PyObject *unused)
{
  (void)self;
  (void)unused;
  if (PyInterpreterState_GetID(PyInterpreterState_Get()) == 0) /* the engine is the process's: the end of a sub-interpreter is not its end */
    ext_wait_stop(SHUTDOWN_MS);
  Py_RETURN_NONE;
}

#define KEYWORDS(f) ((PyCFunction)(void (*)(void))(f))

PyMethodDef ext_info_methods[] = {
  { "ledger", KEYWORDS(info_ledger), METH_VARARGS | METH_KEYWORDS, "ledger(since=0) -> list[dict]: every HTTP exchange of this process." },
  { "trace", info_trace, METH_VARARGS, "trace(mask) -> None: \"net,part\", \"all,-net\", \"\" = off." },
  { "trace_file", info_trace_file, METH_VARARGS, "trace_file(path) -> bool: also append each line there, at once." },
  { "trace_lines", info_trace_lines, METH_NOARGS, "trace_lines() -> list[(part, line)]: takes what has gathered." },
  { "limit_rate", info_limit_rate, METH_VARARGS, "limit_rate(bytes_per_s) -> None: of all jobs, now and later; 0: none; None: each its own." },
  { "polite", info_polite, METH_VARARGS, "polite(on) -> None: all jobs, now and later; None: each its own." },
  { "timeline", info_timeline, METH_VARARGS, "timeline(on) -> None: keep one, or not any more; as many ends as beginnings." },
  { "timeline_lines", info_timeline_lines, METH_NOARGS, "timeline_lines() -> bytes: takes what has gathered: JSON objects, each with ',\\n'." },
  { "about", info_about, METH_NOARGS, "about() -> dict: versions." },
  { "memory", info_memory, METH_NOARGS, "memory() -> (blocks, bytes) that the extension, libcurl included, holds now." },
  { "shutdown", info_shutdown, METH_NOARGS, "shutdown() -> None: cancels every job, ends the threads." },
  { NULL, NULL, 0, NULL },
};

/* ext/probe_func.c - one exchange looked at closely, for Python. */
#include <string.h>
#include "engine/probe.h"
#include "ext/args.h"
#include "ext/raise.h"
#include "ext/wait.h"
#include "util/banned.h"

static void run(void *arg, const atomic_int *stop) { hj_probe_run(arg, stop); }

/* Steals value. */
static int put(PyObject *dict, const char *name, PyObject *value)
{
  int rc = value ? PyDict_SetItemString(dict, name, value) : -1;
  Py_XDECREF(value);
  return rc;
}

static PyObject *text_or_none(const char *text)
{
  if (!text || !*text)
    Py_RETURN_NONE;
  return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *seconds_or_none(uint64_t us)
{
  if (!us)
    Py_RETURN_NONE;
  return PyFloat_FromDouble((double)us / 1e6);
}

static PyObject *headers_of(const struct hj_probe *p)
{
  PyObject *dict = PyDict_New();
  for (int k = 0; dict && k < HJ_KEPT_COUNT; k++)
    if (p->kept[k] && put(dict, hj_kept_name((enum hj_kept)k), PyUnicode_DecodeLatin1(p->kept[k], (Py_ssize_t)strlen(p->kept[k]), NULL)))
      Py_CLEAR(dict);
  return dict;
}

static PyObject *answer_of(struct ext_state *s, const struct hj_probe *p)
{
  const struct hj_request_facts *f = &p->facts;
  PyObject *dict = PyDict_New(), *error = Py_None;
  if (p->err.code != HJ_E_OK)
    error = ext_error_object(s, &p->err);
  else
    Py_INCREF(error);
  if (!dict || put(dict, "error", error) || put(dict, "status", PyLong_FromLong(p->status)) ||
      put(dict, "ranged", PyBool_FromLong(p->ranged)) || put(dict, "location", text_or_none(p->location)) ||
      put(dict, "headers", headers_of(p)) || put(dict, "ip", text_or_none(f->ip)) || put(dict, "proxy", text_or_none(f->proxy)) ||
      put(dict, "tls", text_or_none(f->tls)) || put(dict, "issuer", text_or_none(f->issuer)) || put(dict, "until", text_or_none(f->until)) ||
      put(dict, "http", PyLong_FromLong(f->http)) || put(dict, "name_s", seconds_or_none(f->name_us)) ||
      put(dict, "connect_s", seconds_or_none(f->connect_us)) || put(dict, "tls_s", seconds_or_none(f->tls_us)) ||
      put(dict, "head_s", seconds_or_none(f->head_us)) || put(dict, "bytes", PyLong_FromUnsignedLongLong(p->bytes)) ||
      put(dict, "body_s", seconds_or_none(p->body_us)) || put(dict, "body", PyBytes_FromStringAndSize(p->body.p, (Py_ssize_t)p->body.len)))
    Py_CLEAR(dict);
  return dict;
}

static PyObject *probe(PyObject *self, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "url", "limits", "why", "auth", "first", "last", "most", "keep", "seconds", NULL };
  struct ext_state *s = ext_state_of(self);
  struct hj_limits limits;
  struct hj_probe *p = PyMem_Calloc(1, sizeof *p);
  PyObject *given, *answer = NULL;
  long long first = -1, last = -1;
  unsigned long long most = 0;
  Py_ssize_t keep = 0;
  double seconds = 10;
  hj_limits_init(&limits);
  if (!p) {
    PyErr_NoMemory();
    goto out;
  }
  p->why = "doctor";
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sO|szLLKnd:probe", names, &p->url, &given, &p->why, &p->auth, &first, &last, &most, &keep, &seconds) ||
      ext_args_limits(s, given, &limits))
    goto out;
  p->limits = &limits;
  p->has_range = first >= 0;
  p->first = first >= 0 ? (uint64_t)first : 0;
  p->last = last >= 0 ? (uint64_t)last : HJ_UNKNOWN;
  p->most = most;
  p->keep = keep > 0 ? (size_t)keep : 0;
  p->limit_ms = seconds > 0 && seconds < 3600 ? (uint32_t)(seconds * 1000) : 10000;
  if (!ext_wait_aside(s, run, NULL, p))
    answer = answer_of(s, p);
out:
  if (p)
    hj_probe_release(p);
  PyMem_Free(p);
  hj_limits_release(&limits);
  return answer;
}

PyMethodDef ext_probe_methods[] = {
  { "probe", (PyCFunction)(void (*)(void))probe, METH_VARARGS | METH_KEYWORDS,
    "probe(url, limits, why, auth, first, last, most, keep, seconds) -> dict: one exchange and what it showed." },
  { NULL, NULL, 0, NULL },
};

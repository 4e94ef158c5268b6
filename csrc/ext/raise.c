/* ext/raise.c - see raise.h */
#include "ext/raise.h"

#include <stdio.h>
#include <string.h>
#include "util/banned.h"

int ext_raise_init(struct ext_state *s)
{
  PyObject *errors = PyImport_ImportModule("hubjet._errors"), *builtins = NULL;
  int rc = -1;
  if (!errors)
    goto out;
  builtins = PyImport_ImportModule("builtins");
  if (!builtins)
    goto out;
  for (int code = 0; code < HJ_E_COUNT; code++) {
    const char *name = hj_code_class((enum hj_code)code);
    if (!name[0])
      continue;
    s->classes[code] = PyObject_GetAttrString(PyObject_HasAttrString(errors, name) ? errors : builtins, name);
    if (!s->classes[code])
      goto out;
  }
  rc = 0;
out:
  Py_XDECREF(errors);
  Py_XDECREF(builtins);
  return rc;
}

static bool is_ours(enum hj_code code)
{
  return code != HJ_E_NOMEM && code != HJ_E_BADARG && code != HJ_E_FORKED;
}

/* "what happened (url)", as one str. Bytes of foreign origin are shown as they can be. */
static PyObject *message_of(const struct hj_err *e)
{
  char text[512];
  const char *what = e->msg[0] ? e->msg : hj_code_text(e->code);
  if (e->url[0] && !strstr(what, e->url))
    (void)snprintf(text, sizeof text, "%s [%s]", what, e->url);
  else
    (void)snprintf(text, sizeof text, "%s", what);
  return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

/* Steals value. */
static int put(PyObject *dict, const char *name, PyObject *value)
{
  int rc = value ? PyDict_SetItemString(dict, name, value) : -1;
  Py_XDECREF(value);
  return rc;
}

static PyObject *facts_of(const struct hj_err *e)
{
  PyObject *facts = PyDict_New();
  if (!facts)
    return NULL;
  if (put(facts, "code", PyUnicode_FromString(hj_code_name(e->code))) ||
      (e->url[0] && put(facts, "url", PyUnicode_DecodeUTF8(e->url, (Py_ssize_t)strlen(e->url), "replace"))) ||
      (e->http && put(facts, "status", PyLong_FromLong(e->http))) ||
      (e->sys && put(facts, "errno", PyLong_FromLong(e->sys))) ||
      (e->curl && put(facts, "curl", PyLong_FromLong(e->curl))) ||
      (e->proxy[0] && put(facts, "proxy", PyUnicode_FromString(e->proxy))) ||
      (e->issuer[0] && put(facts, "issuer", PyUnicode_FromString(e->issuer))) ||
      (e->needed && (put(facts, "needed", PyLong_FromUnsignedLongLong(e->needed)) ||
                     put(facts, "free", PyLong_FromUnsignedLongLong(e->room)))) ||
      (e->offset && put(facts, "offset", PyLong_FromUnsignedLongLong(e->offset))) ||
      (e->retry_ms >= 0 && put(facts, "retry_after", PyFloat_FromDouble((double)e->retry_ms / 1000.0)))) {
    Py_DECREF(facts);
    return NULL;
  }
  return facts;
}

PyObject *ext_error_object(struct ext_state *s, const struct hj_err *e)
{
  PyObject *cls = s->classes[e->code], *message = NULL, *args = NULL, *facts = NULL, *error = NULL;
  if (!cls)
    cls = s->classes[HJ_E_BUG]; /* a code that should never leave C */
  message = message_of(e);
  if (!message)
    goto out;
  args = PyTuple_Pack(1, message);
  if (!args)
    goto out;
  if (is_ours(e->code)) {
    facts = facts_of(e);
    if (!facts)
      goto out;
  }
  error = PyObject_Call(cls, args, facts);
out:
  Py_XDECREF(message);
  Py_XDECREF(args);
  Py_XDECREF(facts);
  return error;
}

PyObject *ext_raise(struct ext_state *s, const struct hj_err *e)
{
  PyObject *error = ext_error_object(s, e);
  if (error) {
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
  }
  return NULL;
}

PyObject *ext_raise_at(struct ext_state *s, const struct hj_err *e, const char *place)
{
  PyObject *error = ext_error_object(s, e), *path = NULL;
  if (error && place && is_ours(e->code) && (!(path = PyUnicode_DecodeFSDefault(place)) || PyObject_SetAttrString(error, "path", path)))
    Py_CLEAR(error);
  Py_XDECREF(path);
  if (error) {
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_DECREF(error);
  }
  return NULL;
}

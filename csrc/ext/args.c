/* ext/args.c - see args.h */
#include "ext/args.h"

#include <stdio.h>
#include <string.h>
#include "ext/raise.h"
#include "util/mem.h"
#include "util/banned.h"

/* The value of a key, borrowed; NULL if it is absent or None (no exception). dict is a copy of our own (own_copy): what is borrowed from
 * it stays, whatever another thread does to the caller's, and whatever a __fspath__ or __str__ that we call does. */
static PyObject *look(PyObject *dict, const char *name)
{
  PyObject *value = PyDict_GetItemString(dict, name);
  return value == Py_None ? NULL : value;
}

static int refuse(const char *name, const char *wanted, PyObject *got)
{
  PyErr_Format(PyExc_TypeError, "%s must be %s, not %R", name, wanted, (PyObject *)Py_TYPE(got));
  return -1;
}

/* NULL: an exception is set. */
static PyObject *own_copy(const char *name, PyObject *dict)
{
  if (!PyDict_Check(dict)) {
    refuse(name, "dict", dict);
    return NULL;
  }
  return PyDict_Copy(dict);
}

static int copy(struct ext_state *s, const char *p, Py_ssize_t n, char **out)
{
  struct hj_err e = HJ_ERR_INIT;
  *out = hj_mem_text_n(p, (size_t)n, &e);
  if (*out)
    return 0;
  ext_raise(s, &e);
  return -1;
}

static int text_of(struct ext_state *s, PyObject *value, const char *name, char **out)
{
  Py_ssize_t n;
  const char *p;
  if (!PyUnicode_Check(value))
    return refuse(name, "str", value);
  p = PyUnicode_AsUTF8AndSize(value, &n);
  if (!p)
    return -1;
  if ((size_t)n != strlen(p)) {
    PyErr_Format(PyExc_ValueError, "%s has a NUL character in it", name);
    return -1;
  }
  return copy(s, p, n, out);
}

static int text(struct ext_state *s, PyObject *dict, const char *name, char **out)
{
  PyObject *value = look(dict, name);
  return value ? text_of(s, value, name, out) : 0;
}

static int path(struct ext_state *s, PyObject *dict, const char *name, char **out)
{
  PyObject *value = look(dict, name), *bytes;
  int rc;
  if (!value)
    return 0;
  bytes = ext_args_path(value);
  if (!bytes)
    return -1;
  rc = copy(s, PyBytes_AsString(bytes), PyBytes_Size(bytes), out);
  Py_DECREF(bytes);
  return rc;
}

static int number(PyObject *dict, const char *name, unsigned long long low, unsigned long long high, unsigned long long *out)
{
  PyObject *value = look(dict, name);
  unsigned long long n;
  if (!value)
    return 0;
  if (!PyLong_Check(value))
    return refuse(name, "int", value);
  n = PyLong_AsUnsignedLongLong(value);
  if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_OverflowError))
    return -1;
  if (PyErr_Occurred() || n < low || n > high) {
    PyErr_Clear();
    PyErr_Format(PyExc_ValueError, "%s must be from %llu to %llu, not %R", name, low, high, value);
    return -1;
  }
  *out = n;
  return 0;
}

static int flag(PyObject *dict, const char *name, bool *out)
{
  PyObject *value = look(dict, name);
  int truth = value ? PyObject_IsTrue(value) : 0;
  if (truth < 0)
    return -1;
  if (value)
    *out = truth;
  return 0;
}

/* A list of str, or of (name, value) pairs joined as "name: value". */
static int texts(struct ext_state *s, PyObject *dict, const char *name, bool pairs, char ***out, size_t *out_n)
{
  PyObject *value = look(dict, name), *list;
  struct hj_err e = HJ_ERR_INIT;
  Py_ssize_t n;
  int rc = -1;
  if (!value)
    return 0;
  list = PySequence_Tuple(value);
  if (!list)
    return -1;
  n = PyTuple_Size(list);
  *out = hj_mem_zero((size_t)n, sizeof **out, &e);
  if (!*out) {
    ext_raise(s, &e);
    goto out;
  }
  for (Py_ssize_t i = 0; i < n; i++) {
    PyObject *item = PyTuple_GetItem(list, i);
    if (!pairs) {
      if (text_of(s, item, name, &(*out)[i]))
        goto out;
    } else {
      PyObject *line;
      int failed;
      if (!PyTuple_Check(item) || PyTuple_Size(item) != 2) {
        refuse(name, "a list of (name, value)", item);
        goto out;
      }
      line = PyUnicode_FromFormat("%S: %S", PyTuple_GetItem(item, 0), PyTuple_GetItem(item, 1));
      failed = !line || text_of(s, line, name, &(*out)[i]);
      Py_XDECREF(line);
      if (failed)
        goto out;
    }
    *out_n = (size_t)i + 1;
  }
  rc = 0;
out:
  Py_DECREF(list);
  return rc;
}

static int body(struct ext_state *s, PyObject *dict, struct hj_want *w)
{
  PyObject *data = look(dict, "data");
  char *p;
  Py_ssize_t n;
  if (!data)
    return 0;
  if (PyBytes_AsStringAndSize(data, &p, &n))
    return -1;
  w->post_n = (size_t)n;
  return copy(s, p, n, (char **)&w->post);
}

static int digest(struct ext_state *s, PyObject *dict, struct hj_want *w)
{
  char *value = NULL;
  bool good;
  if (text(s, dict, "digest", &value))
    return -1;
  if (!value)
    return 0;
  good = hj_promise_parse(&w->promise, value);
  if (!good)
    PyErr_Format(PyExc_ValueError, "digest must be sha256:<64 hex> or git-sha1:<40 hex>, not %s", value);
  hj_mem_free(value);
  return good ? 0 : -1;
}

static int destination(struct ext_state *s, PyObject *dict, struct hj_want *w)
{
  unsigned long long memory = 0;
  int places = (look(dict, "memory") != NULL) + (look(dict, "repo_dir") != NULL) + (look(dict, "path") != NULL);
  if (places != 1) {
    PyErr_SetString(PyExc_ValueError, "exactly one of memory, repo_dir and path says where to");
    return -1;
  }
  if (number(dict, "memory", 0, (size_t)-1 / 2, &memory) || path(s, dict, "repo_dir", &w->repo_dir) || path(s, dict, "path", &w->path))
    return -1;
  w->memory = (size_t)memory;
  w->dest = w->repo_dir ? HJ_DEST_STORE : w->path ? HJ_DEST_PATH : HJ_DEST_MEMORY;
  return 0;
}

static int fill_want(struct ext_state *s, PyObject *dict, struct hj_want *w)
{
  PyObject *size;
  unsigned long long n = UINT64_MAX, mode, many = 0;
  if (destination(s, dict, w) || text(s, dict, "url", &w->url) || text(s, dict, "why", &w->why) || text(s, dict, "auth", &w->auth) ||
      text(s, dict, "auth_origin", &w->auth_origin) || texts(s, dict, "headers", true, &w->headers, &w->headers_n) ||
      texts(s, dict, "mirrors", false, &w->mirrors, &w->mirrors_n) ||
      texts(s, dict, "held", false, &w->held, &w->held_n) || text(s, dict, "held_commit", &w->held_commit) || body(s, dict, w) || digest(s, dict, w) ||
      path(s, dict, "link_path", &w->link_path) || text(s, dict, "commit", &w->commit) || flag(dict, "links", &w->links) ||
      path(s, dict, "side_dir", &w->side_dir) || text(s, dict, "key", &w->key) || path(s, dict, "lock", &w->lock) || path(s, dict, "sums_dir", &w->sums_dir) || flag(dict, "replace", &w->replace) ||
      flag(dict, "meta_only", &w->meta_only) || flag(dict, "force", &w->force) || flag(dict, "no_ranges", &w->no_ranges) ||
      flag(dict, "resume", &w->resume) || flag(dict, "limited_fails", &w->limited_fails) ||
      number(dict, "many", 0, UINT32_MAX, &many))
    return -1;
  w->many = (unsigned)many;
  size = look(dict, "size");
  if (size && PyLong_Check(size) && PyLong_AsLong(size) == -1 && !PyErr_Occurred())
    size = NULL; /* -1: not known */
  PyErr_Clear();
  if (size && number(dict, "size", 0, (unsigned long long)INT64_MAX, &n))
    return -1;
  w->size = n;
  mode = w->dest == HJ_DEST_STORE ? 0444 : 0666;
  if (number(dict, "mode", 0, 07777, &mode))
    return -1;
  w->mode = (unsigned)mode;
  return 0;
}

static int one_want(struct ext_state *s, PyObject *given, struct hj_want *w)
{
  PyObject *dict = own_copy("a want", given);
  int rc;
  hj_want_init(w);
  rc = dict ? fill_want(s, dict, w) : -1;
  Py_XDECREF(dict);
  return rc;
}

int ext_args_wants(struct ext_state *s, PyObject *list, struct hj_want **out, size_t *out_n)
{
  struct hj_err e = HJ_ERR_INIT;
  PyObject *tuple = PySequence_Tuple(list);
  struct hj_want *wants = NULL;
  size_t n, done = 0;
  if (!tuple)
    return -1;
  n = (size_t)PyTuple_Size(tuple);
  wants = hj_mem_zero(n, sizeof *wants, &e);
  if (!wants) {
    ext_raise(s, &e);
    goto out;
  }
  for (; done < n; done++) {
    if (one_want(s, PyTuple_GetItem(tuple, (Py_ssize_t)done), &wants[done])) {
      ext_args_wants_free(wants, done + 1);
      wants = NULL;
      goto out;
    }
  }
  *out = wants;
  *out_n = n;
out:
  Py_DECREF(tuple);
  return wants ? 0 : -1;
}

void ext_args_wants_free(struct hj_want *wants, size_t n)
{
  for (size_t i = 0; wants && i < n; i++)
    hj_want_release(&wants[i]);
  hj_mem_free(wants);
}

static int number_u32(PyObject *dict, const char *name, unsigned *out)
{
  unsigned long long n = *out;
  if (number(dict, name, 0, UINT32_MAX, &n))
    return -1;
  *out = (unsigned)n;
  return 0;
}

static int number_u64(PyObject *dict, const char *name, uint64_t *out)
{
  unsigned long long n = *out;
  if (number(dict, name, 0, (unsigned long long)INT64_MAX, &n))
    return -1;
  *out = n;
  return 0;
}

int ext_args_limits(struct ext_state *s, PyObject *given, struct hj_limits *l)
{
  PyObject *dict;
  int rc = 0;
  hj_limits_init(l);
  if (!given || given == Py_None)
    return 0;
  dict = own_copy("limits", given);
  if (!dict)
    return -1;
  if (number_u32(dict, "connections", &l->connections) || number_u32(dict, "first_connections", &l->first_connections) ||
      number_u32(dict, "tries", &l->tries) || number_u64(dict, "memory", &l->memory) || number_u64(dict, "limit_rate", &l->rate) || path(s, dict, "run_dir", &l->run_dir) || number_u64(dict, "range_min", &l->range_min) ||
      number_u64(dict, "range_max", &l->range_max) || number_u32(dict, "stall_ms", &l->stall_ms) ||
      number_u32(dict, "connect_ms", &l->connect_ms) || number_u32(dict, "give_up_ms", &l->give_up_ms) ||
      path(s, dict, "ca_file", &l->ca_file) || path(s, dict, "ca_dir", &l->ca_dir) || text(s, dict, "proxy_http", &l->proxy_http) ||
      text(s, dict, "proxy_https", &l->proxy_https) || text(s, dict, "no_proxy", &l->no_proxy) || flag(dict, "polite", &l->polite) || flag(dict, "offline", &l->offline) ||
      flag(dict, "sync", &l->sync) || flag(dict, "ipv4_only", &l->ipv4_only) || flag(dict, "news", &l->news) ||
      flag(dict, "allow_http_downgrade", &l->allow_http_downgrade) || flag(dict, "private_redirects", &l->private_redirects)) {
    hj_limits_release(l);
    rc = -1;
  }
  Py_DECREF(dict);
  return rc;
}

PyObject *ext_args_path(PyObject *value)
{
  PyObject *bytes = NULL;
  return PyUnicode_FSConverter(value, &bytes) ? bytes : NULL; /* refuses NUL by itself */
}

int ext_args_paths(struct ext_state *s, PyObject *list, char ***out, size_t *n)
{
  struct hj_err e = HJ_ERR_INIT;
  PyObject *tuple = PySequence_Tuple(list);
  Py_ssize_t count = tuple ? PyTuple_Size(tuple) : 0;
  *n = 0;
  if (!tuple)
    return -1;
  *out = hj_mem_zero((size_t)count, sizeof **out, &e);
  if (!*out)
    ext_raise(s, &e);
  for (; *out && (Py_ssize_t)*n < count; (*n)++) {
    PyObject *bytes = ext_args_path(PyTuple_GetItem(tuple, (Py_ssize_t)*n));
    int failed = !bytes || copy(s, PyBytes_AsString(bytes), PyBytes_Size(bytes), &(*out)[*n]);
    Py_XDECREF(bytes);
    if (failed)
      break;
  }
  Py_DECREF(tuple);
  return PyErr_Occurred() ? -1 : 0;
}

void ext_args_paths_free(char **paths, size_t n)
{
  for (size_t i = 0; paths && i < n; i++)
    hj_mem_free(paths[i]);
  hj_mem_free(paths);
}

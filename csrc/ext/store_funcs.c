/* ext/store_funcs.c - the store's plain functions for Python. */
#include <string.h>
#include "engine/space.h"
#include "ext/args.h"
#include "ext/raise.h"
#include "ext/state.h"
#include "ext/wait.h"
#include "store/claim.h"
#include "store/link.h"
#include "store/manifest.h"
#include "store/record.h"
#include "store/small.h"
#include "util/mem.h"
#include "util/banned.h"

static PyObject *store_disk_free(PyObject *self, PyObject *args)
{
  struct hj_err e = HJ_ERR_INIT;
  PyObject *path = NULL;
  uint64_t bytes = 0;
  if (!PyArg_ParseTuple(args, "O&:disk_free", PyUnicode_FSConverter, &path))
    return NULL;
  hj_space_free(PyBytes_AsString(path), &bytes, &e);
  Py_DECREF(path);
  return e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &e) : PyLong_FromUnsignedLongLong(bytes);
}

static PyObject *store_partial_bytes(PyObject *self, PyObject *args)
{
  struct hj_err e = HJ_ERR_INIT;
  PyObject *dir = NULL;
  const char *key;
  uint64_t bytes = 0;
  if (!PyArg_ParseTuple(args, "O&s:partial_bytes", PyUnicode_FSConverter, &dir, &key))
    return NULL;
  hj_space_partial(PyBytes_AsString(dir), key, &bytes, &e);
  Py_DECREF(dir);
  return e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &e) : PyLong_FromUnsignedLongLong(bytes);
}

static PyObject *store_sweep(PyObject *self, PyObject *args)
{
  struct hj_err e = HJ_ERR_INIT;
  PyObject *dir = NULL;
  double older_s;
  uint64_t removed = 0;
  if (!PyArg_ParseTuple(args, "O&d:sweep", PyUnicode_FSConverter, &dir, &older_s))
    return NULL;
  if (!(older_s >= 0 && older_s < 1e12)) {
    Py_DECREF(dir);
    PyErr_SetString(PyExc_ValueError, "older_s must be seconds from 0 up");
    return NULL;
  }
  hj_claim_sweep(PyBytes_AsString(dir), (uint64_t)older_s, &removed, &e);
  Py_DECREF(dir);
  return e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &e) : PyLong_FromUnsignedLongLong(removed);
}

static PyObject *store_write_small(PyObject *self, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "path", "data", "mode", NULL };
  struct hj_err e = HJ_ERR_INIT;
  PyObject *path = NULL, *data = NULL;
  unsigned mode = 0666;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&S|I:write_small", names, PyUnicode_FSConverter, &path, &data, &mode))
    return NULL;
  hj_small_write(PyBytes_AsString(path), PyBytes_AsString(data), (size_t)PyBytes_Size(data), mode & 07777, true, &e);
  Py_DECREF(path);
  if (e.code != HJ_E_OK)
    return ext_raise(ext_state_of(self), &e);
  Py_RETURN_NONE;
}

static PyObject *store_link_snapshot(PyObject *self, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "repo_dir", "commit", "path", "etag", "links", NULL };
  struct hj_err e = HJ_ERR_INIT;
  PyObject *repo = NULL, *path = NULL, *result = NULL;
  const char *commit, *etag;
  char *out = NULL;
  int links = 1;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&sO&s|p:link_snapshot", names, PyUnicode_FSConverter, &repo, &commit,
                                   PyUnicode_FSConverter, &path, &etag, &links)) {
    Py_XDECREF(repo);
    return NULL;
  }
  hj_link_snapshot(PyBytes_AsString(repo), commit, PyBytes_AsString(path), etag, links != 0, &out, &e);
  if (e.code == HJ_E_NONE)
    Py_INCREF(result = Py_None);
  else
    result = e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &e) : PyUnicode_DecodeFSDefault(out);
  hj_mem_free(out);
  Py_DECREF(repo);
  Py_DECREF(path);
  return result;
}

static PyObject *store_can_link(PyObject *self, PyObject *args)
{
  PyObject *dir = NULL;
  bool can;
  (void)self;
  if (!PyArg_ParseTuple(args, "O&:can_link", PyUnicode_FSConverter, &dir))
    return NULL;
  can = hj_link_possible(PyBytes_AsString(dir));
  Py_DECREF(dir);
  return PyBool_FromLong(can);
}

static PyObject *store_blob_state(PyObject *self, PyObject *args)
{
  static const char *const names[] = { "missing", "new", "same", "changed" };
  struct hj_err e = HJ_ERR_INIT;
  enum hj_blob_state state = HJ_BLOB_MISSING;
  PyObject *repo = NULL;
  const char *etag;
  if (!PyArg_ParseTuple(args, "O&s:blob_state", PyUnicode_FSConverter, &repo, &etag))
    return NULL;
  hj_record_look(PyBytes_AsString(repo), etag, &state, &e);
  Py_DECREF(repo);
  return e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &e) : PyUnicode_FromString(names[state]);
}

struct prove_call { const char *repo_dir, *etag; bool good; struct hj_err e; };

static void prove(void *arg, const atomic_int *stop)
{
  struct prove_call *c = arg;
  hj_record_prove(c->repo_dir, c->etag, stop, &c->good, &c->e);
}

static PyObject *store_blob_prove(PyObject *self, PyObject *args)
{
  struct prove_call c = { .e = HJ_ERR_INIT };
  PyObject *repo = NULL;
  int rc;
  if (!PyArg_ParseTuple(args, "O&s:blob_prove", PyUnicode_FSConverter, &repo, &c.etag))
    return NULL;
  c.repo_dir = PyBytes_AsString(repo);
  rc = ext_wait_aside(ext_state_of(self), prove, &c);
  Py_DECREF(repo);
  if (rc < 0)
    return NULL;
  return c.e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &c.e) : PyBool_FromLong(c.good);
}

static PyObject *store_snapshot_is_whole(PyObject *self, PyObject *args)
{
  struct hj_err e = HJ_ERR_INIT;
  PyObject *repo = NULL;
  const char *commit, *choice = "";
  size_t files = 0;
  bool whole = false;
  if (!PyArg_ParseTuple(args, "O&s|s:snapshot_is_whole", PyUnicode_FSConverter, &repo, &commit, &choice))
    return NULL;
  hj_manifest_check(PyBytes_AsString(repo), commit, choice, &whole, &files, &e);
  Py_DECREF(repo);
  return e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &e) : PyBool_FromLong(whole);
}

static PyObject *store_snapshot_note_whole(PyObject *self, PyObject *args)
{
  struct hj_err e = HJ_ERR_INIT;
  PyObject *repo = NULL, *list;
  const char *commit, *choice = "";
  char **paths = NULL;
  size_t n = 0;
  if (!PyArg_ParseTuple(args, "O&sO|s:snapshot_note_whole", PyUnicode_FSConverter, &repo, &commit, &list, &choice))
    return NULL;
  if (!ext_args_paths(ext_state_of(self), list, &paths, &n))
    hj_manifest_write(PyBytes_AsString(repo), commit, choice, (const char *const *)paths, n, &e);
  ext_args_paths_free(paths, n);
  Py_DECREF(repo);
  if (PyErr_Occurred())
    return NULL;
  if (e.code != HJ_E_OK && e.code != HJ_E_NONE)
    return ext_raise(ext_state_of(self), &e);
  return PyBool_FromLong(e.code == HJ_E_OK);
}

#define KEYWORDS(f) ((PyCFunction)(void (*)(void))(f))

PyMethodDef ext_store_methods[] = {
  { "disk_free", store_disk_free, METH_VARARGS, "disk_free(path) -> int: bytes available to this user where path is or will be." },
  { "partial_bytes", store_partial_bytes, METH_VARARGS, "partial_bytes(dir, key) -> int: bytes a resume would find." },
  { "sweep", store_sweep, METH_VARARGS, "sweep(dir, older_s) -> int: removes unfinished files of dead processes." },
  { "write_small", KEYWORDS(store_write_small), METH_VARARGS | METH_KEYWORDS,
    "write_small(path, data, mode=0o666) -> None: replaces a small file whole." },
  { "link_snapshot", KEYWORDS(store_link_snapshot), METH_VARARGS | METH_KEYWORDS,
    "link_snapshot(repo_dir, commit, path, etag, links=True) -> str: a blob under its readable name." },
  { "can_link", store_can_link, METH_VARARGS, "can_link(dir) -> bool: tries a symbolic link there." },
  { "blob_state", store_blob_state, METH_VARARGS, "blob_state(repo_dir, etag) -> 'missing' | 'new' | 'same' | 'changed'." },
  { "blob_prove", store_blob_prove, METH_VARARGS, "blob_prove(repo_dir, etag) -> bool: hashes the blob; True renews its record." },
  { "snapshot_is_whole", store_snapshot_is_whole, METH_VARARGS,
    "snapshot_is_whole(repo_dir, commit, choice='') -> bool: every file there and as it was when the snapshot was noted whole." },
  { "snapshot_note_whole", store_snapshot_note_whole, METH_VARARGS,
    "snapshot_note_whole(repo_dir, commit, paths, choice='') -> bool: notes the fingerprint of each; False: one is not there." },
  { NULL, NULL, 0, NULL },
};

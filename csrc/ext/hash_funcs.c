/* ext/hash_funcs.c - digests for Python. */
#include <string.h>
#include "digest/hashfile.h"
#include "ext/args.h"
#include "ext/raise.h"
#include "ext/state.h"
#include "ext/wait.h"
#include "util/mem.h"
#include "util/text.h"
#include "util/banned.h"

static bool algo_of(const char *name, enum hj_algo *out)
{
  *out = hj_algo_find(name);
  if (*out != HJ_ALGO_NONE)
    return true;
  PyErr_Format(PyExc_ValueError, "algo must be sha256, git-sha1, sha1 or xxh3, not %s", name);
  return false;
}

static PyObject *hex_of(enum hj_algo algo, const uint8_t *bytes)
{
  char hex[2 * HJ_DIGEST_MAX + 1];
  hj_text_hex(bytes, hj_algo_size(algo), hex);
  return PyUnicode_FromString(hex);
}

struct hash_call { const char *path; enum hj_algo algo; uint8_t out[HJ_DIGEST_MAX]; struct hj_err e; };

static void hash(void *arg, const atomic_int *stop)
{
  struct hash_call *c = arg;
  hj_hash_path(c->algo, c->path, stop, c->out, &c->e);
}

static PyObject *hash_file(PyObject *self, PyObject *args)
{
  struct hash_call c = { .e = HJ_ERR_INIT };
  PyObject *path = NULL;
  const char *name;
  int rc;
  if (!PyArg_ParseTuple(args, "O&s:hash_file", PyUnicode_FSConverter, &path, &name))
    return NULL;
  c.path = PyBytes_AsString(path);
  rc = algo_of(name, &c.algo) ? ext_wait_aside(ext_state_of(self), hash, &c) : -1;
  Py_DECREF(path);
  if (rc < 0)
    return NULL;
  return c.e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &c.e) : hex_of(c.algo, c.out);
}

struct files_call { struct hj_hashing *files; size_t n; unsigned threads; };

static void hash_all(void *arg, const atomic_int *stop)
{
  struct files_call *c = arg;
  hj_hash_paths(c->files, c->n, c->threads, stop);
}

static PyObject *outcomes_of(struct ext_state *s, const struct files_call *c)
{
  PyObject *list = PyList_New((Py_ssize_t)c->n);
  for (size_t i = 0; list && i < c->n; i++) {
    const struct hj_hashing *f = &c->files[i];
    PyObject *one = f->done ? hex_of(f->algo, f->out) : ext_error_object(s, &f->e);
    if (!one || PyList_SetItem(list, (Py_ssize_t)i, one) < 0)
      Py_CLEAR(list);
  }
  return list;
}

static PyObject *hash_files(PyObject *self, PyObject *args)
{
  struct ext_state *s = ext_state_of(self);
  struct files_call c = { NULL, 0, 0 };
  struct hj_err e = HJ_ERR_INIT;
  enum hj_algo algo;
  char **paths = NULL;
  PyObject *given, *list = NULL;
  const char *name;
  if (!PyArg_ParseTuple(args, "Os|I:hash_files", &given, &name, &c.threads) || !algo_of(name, &algo))
    return NULL;
  if (ext_args_paths(s, given, &paths, &c.n) < 0)
    goto out;
  c.files = hj_mem_zero(c.n, sizeof *c.files, &e);
  if (!c.files) {
    ext_raise(s, &e);
    goto out;
  }
  for (size_t i = 0; i < c.n; i++)
    c.files[i] = (struct hj_hashing){ .path = paths[i], .algo = algo, .e = HJ_ERR_INIT };
  if (!ext_wait_aside(s, hash_all, &c))
    list = outcomes_of(s, &c);
out:
  hj_mem_free(c.files);
  ext_args_paths_free(paths, c.n);
  return list;
}

static PyObject *hash_bytes(PyObject *self, PyObject *args)
{
  struct hj_err e = HJ_ERR_INIT;
  uint8_t out[HJ_DIGEST_MAX];
  enum hj_algo algo;
  PyObject *data;
  const char *name;
  if (!PyArg_ParseTuple(args, "Ss:hash_bytes", &data, &name) || !algo_of(name, &algo))
    return NULL;
  if (hj_digest_bytes(algo, PyBytes_AsString(data), (size_t)PyBytes_Size(data), out, &e))
    return ext_raise(ext_state_of(self), &e);
  return hex_of(algo, out);
}

PyMethodDef ext_hash_methods[] = {
  { "hash_file", hash_file, METH_VARARGS, "hash_file(path, algo) -> str: lower-case hex. Interruptible." },
  { "hash_files", hash_files, METH_VARARGS, "hash_files(paths, algo, threads=0) -> list: of each file its hex, or the error. Interruptible." },
  { "hash_bytes", hash_bytes, METH_VARARGS, "hash_bytes(data, algo) -> str: lower-case hex." },
  { NULL, NULL, 0, NULL },
};

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

/* On the heap: after Ctrl-C on a dead mount these go on without us (ext/wait.h). */
struct hash_call { char **paths; size_t n; struct hj_hashing *files; unsigned threads; };

static void release(void *arg)
{
  struct hash_call *c = arg;
  hj_mem_free(c->files);
  ext_args_paths_free(c->paths, c->n);
  hj_mem_free(c);
}

/* Its paths, which are taken. NULL: an exception is set, and they are freed. */
static struct hash_call *new_call(struct ext_state *s, char **paths, size_t n, enum hj_algo algo, unsigned threads)
{
  struct hj_err e = HJ_ERR_INIT;
  struct hash_call *c = hj_mem_zero(1, sizeof *c, &e);
  if (!c || !(c->files = hj_mem_zero(n, sizeof *c->files, &e))) {
    ext_raise(s, &e);
    hj_mem_free(c);
    ext_args_paths_free(paths, n);
    return NULL;
  }
  c->paths = paths;
  c->n = n;
  c->threads = threads;
  for (size_t i = 0; i < n; i++)
    c->files[i] = (struct hj_hashing){ .path = paths[i], .algo = algo, .e = HJ_ERR_INIT };
  return c;
}

static void hash(void *arg, const atomic_int *stop)
{
  struct hash_call *c = arg;
  hj_hash_path(c->files->algo, c->files->path, stop, c->files->out, &c->files->e);
}

static PyObject *hash_file(PyObject *self, PyObject *args)
{
  struct ext_state *s = ext_state_of(self);
  struct hash_call *c = NULL;
  enum hj_algo algo;
  char **paths = NULL;
  PyObject *path, *list, *result;
  const char *name;
  size_t n = 0;
  if (!PyArg_ParseTuple(args, "Os:hash_file", &path, &name) || !algo_of(name, &algo))
    return NULL;
  list = PyTuple_Pack(1, path);
  if (list && !ext_args_paths(s, list, &paths, &n))
    c = new_call(s, paths, n, algo, 1);
  else
    ext_args_paths_free(paths, n);
  Py_XDECREF(list);
  if (!c || ext_wait_aside(s, hash, release, c) < 0)
    return NULL;
  result = c->files->e.code != HJ_E_OK ? ext_raise(s, &c->files->e) : hex_of(algo, c->files->out);
  release(c);
  return result;
}

static void hash_all(void *arg, const atomic_int *stop)
{
  struct hash_call *c = arg;
  hj_hash_paths(c->files, c->n, c->threads, stop);
}

static PyObject *outcomes_of(struct ext_state *s, const struct hash_call *c)
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
  struct hash_call *c = NULL;
  enum hj_algo algo;
  char **paths = NULL;
  PyObject *given, *list;
  const char *name;
  unsigned threads = 0;
  size_t n = 0;
  if (!PyArg_ParseTuple(args, "Os|I:hash_files", &given, &name, &threads) || !algo_of(name, &algo))
    return NULL;
  if (ext_args_paths(s, given, &paths, &n) < 0)
    ext_args_paths_free(paths, n);
  else
    c = new_call(s, paths, n, algo, threads);
  if (!c || ext_wait_aside(s, hash_all, release, c) < 0)
    return NULL;
  list = outcomes_of(s, c);
  release(c);
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

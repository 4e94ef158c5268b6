/* ext/hash_funcs.c - digests for Python. */
#include <string.h>
#include "digest/hashfile.h"
#include "ext/raise.h"
#include "ext/state.h"
#include "ext/wait.h"
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
  { "hash_bytes", hash_bytes, METH_VARARGS, "hash_bytes(data, algo) -> str: lower-case hex." },
  { NULL, NULL, 0, NULL },
};

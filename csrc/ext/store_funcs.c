/* ext/store_funcs.c - the store's plain functions for Python. */
#include <string.h>
#include "engine/space.h"
#include "ext/args.h"
#include "ext/raise.h"
#include "ext/state.h"
#include "ext/wait.h"
#include "store/adopt.h"
#include "store/blob.h"
#include "store/claim.h"
#include "store/link.h"
#include "store/planted.h"
#include "store/manifest.h"
#include "store/record.h"
#include "store/small.h"
#include "util/mem.h"
#include "util/banned.h"

/* What a function asks of the store, without the GIL: each uses what it needs. */
struct call {
  const char *dir, *name, *commit, *etag;
  const void *data;
  size_t n;
  const char *const *paths;
  char *out;
  unsigned mode;
  bool flag, sync;
  uint64_t number;
  enum hj_blob_state state;
  struct hj_err e;
};

static void disk_free(void *arg)
{
  struct call *c = arg;
  hj_space_free(c->dir, &c->number, &c->e);
}

static PyObject *store_disk_free(PyObject *self, PyObject *args)
{
  struct call c = { .e = HJ_ERR_INIT };
  PyObject *path = NULL;
  if (!PyArg_ParseTuple(args, "O&:disk_free", PyUnicode_FSConverter, &path))
    return NULL;
  c.dir = PyBytes_AsString(path);
  ext_wait_call(disk_free, &c);
  Py_DECREF(path);
  return c.e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &c.e) : PyLong_FromUnsignedLongLong(c.number);
}

static void partial_bytes(void *arg)
{
  struct call *c = arg;
  hj_space_partial(c->dir, c->name, &c->number, &c->e);
}

static PyObject *store_partial_bytes(PyObject *self, PyObject *args)
{
  struct call c = { .e = HJ_ERR_INIT };
  PyObject *dir = NULL;
  if (!PyArg_ParseTuple(args, "O&s:partial_bytes", PyUnicode_FSConverter, &dir, &c.name))
    return NULL;
  c.dir = PyBytes_AsString(dir);
  ext_wait_call(partial_bytes, &c);
  Py_DECREF(dir);
  return c.e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &c.e) : PyLong_FromUnsignedLongLong(c.number);
}

static void sweep(void *arg)
{
  struct call *c = arg;
  uint64_t removed = 0;
  hj_claim_sweep(c->dir, c->number, &removed, &c->e);
  c->number = removed;
}

static PyObject *store_sweep(PyObject *self, PyObject *args)
{
  struct call c = { .e = HJ_ERR_INIT };
  PyObject *dir = NULL;
  double older_s;
  if (!PyArg_ParseTuple(args, "O&d:sweep", PyUnicode_FSConverter, &dir, &older_s))
    return NULL;
  if (!(older_s >= 0 && older_s < 1e12)) {
    Py_DECREF(dir);
    PyErr_SetString(PyExc_ValueError, "older_s must be seconds from 0 up");
    return NULL;
  }
  c.dir = PyBytes_AsString(dir);
  c.number = (uint64_t)older_s;
  ext_wait_call(sweep, &c);
  Py_DECREF(dir);
  return c.e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &c.e) : PyLong_FromUnsignedLongLong(c.number);
}

static void write_small(void *arg)
{
  struct call *c = arg;
  hj_small_write(c->name, c->data, c->n, c->mode, true, &c->e);
}

static PyObject *store_write_small(PyObject *self, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "path", "data", "mode", NULL };
  struct call c = { .mode = 0666, .e = HJ_ERR_INIT };
  PyObject *path = NULL, *data = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&S|I:write_small", names, PyUnicode_FSConverter, &path, &data, &c.mode))
    return NULL;
  c.name = PyBytes_AsString(path);
  c.data = PyBytes_AsString(data);
  c.n = (size_t)PyBytes_Size(data);
  c.mode &= 07777;
  ext_wait_call(write_small, &c);
  if (c.e.code != HJ_E_OK)
    (void)ext_raise_at(ext_state_of(self), &c.e, c.name);
  Py_DECREF(path);
  if (c.e.code != HJ_E_OK)
    return NULL;
  Py_RETURN_NONE;
}

static void link_snapshot(void *arg)
{
  struct call *c = arg;
  if (!hj_planted_check_repo(c->dir, &c->e))
    hj_link_snapshot(c->dir, c->commit, c->name, c->etag, c->flag, c->sync, &c->out, &c->e);
}

static PyObject *store_link_snapshot(PyObject *self, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "repo_dir", "commit", "path", "etag", "links", "sync", NULL };
  struct call c = { .e = HJ_ERR_INIT };
  PyObject *repo = NULL, *path = NULL, *result = NULL;
  int links = 1, sync = 1;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&sO&s|pp:link_snapshot", names, PyUnicode_FSConverter, &repo, &c.commit,
                                   PyUnicode_FSConverter, &path, &c.etag, &links, &sync)) {
    Py_XDECREF(repo);
    return NULL;
  }
  c.dir = PyBytes_AsString(repo);
  c.name = PyBytes_AsString(path);
  c.flag = links != 0;
  c.sync = sync != 0;
  c.sync = sync != 0;
  ext_wait_call(link_snapshot, &c);
  if (c.e.code == HJ_E_NONE)
    Py_INCREF(result = Py_None);
  else
    result = c.e.code != HJ_E_OK ? ext_raise_at(ext_state_of(self), &c.e, c.dir) : PyUnicode_DecodeFSDefault(c.out);
  hj_mem_free(c.out);
  Py_DECREF(repo);
  Py_DECREF(path);
  return result;
}

static void check_planted(void *arg)
{
  struct call *c = arg;
  if (c->name)
    hj_planted_check(c->dir, c->name, &c->e);
  else
    hj_planted_check_repo(c->dir, &c->e);
}

static PyObject *store_check_planted(PyObject *self, PyObject *args)
{
  struct call c = { .e = HJ_ERR_INIT };
  PyObject *dir = NULL, *path = NULL;
  if (!PyArg_ParseTuple(args, "O&|O&:check_planted", PyUnicode_FSConverter, &dir, PyUnicode_FSConverter, &path)) {
    Py_XDECREF(dir);
    return NULL;
  }
  c.dir = PyBytes_AsString(dir);
  c.name = path ? PyBytes_AsString(path) : NULL;
  ext_wait_call(check_planted, &c);
  Py_DECREF(dir);
  Py_XDECREF(path);
  if (c.e.code != HJ_E_OK)
    return ext_raise(ext_state_of(self), &c.e);
  Py_RETURN_NONE;
}

static void can_link(void *arg)
{
  struct call *c = arg;
  c->flag = hj_link_possible(c->dir);
}

static PyObject *store_can_link(PyObject *self, PyObject *args)
{
  struct call c = { .e = HJ_ERR_INIT };
  PyObject *dir = NULL;
  (void)self;
  if (!PyArg_ParseTuple(args, "O&:can_link", PyUnicode_FSConverter, &dir))
    return NULL;
  c.dir = PyBytes_AsString(dir);
  ext_wait_call(can_link, &c);
  Py_DECREF(dir);
  return PyBool_FromLong(c.flag);
}

static void blob_state(void *arg)
{
  struct call *c = arg;
  hj_record_look(c->dir, c->etag, &c->state, &c->e);
}

static void plain_state(void *arg)
{
  struct call *c = arg;
  hj_record_look_plain(c->dir, c->name, c->etag, &c->state, &c->e);
}

static void note_seen(void *arg)
{
  struct call *c = arg;
  hj_record_saw(c->dir, c->name, c->etag, &c->e);
}

static const char *const state_names[] = { "missing", "new", "same", "changed", "seen" };

static PyObject *store_plain_state(PyObject *self, PyObject *args)
{
  struct call c = { .state = HJ_BLOB_MISSING, .e = HJ_ERR_INIT };
  PyObject *repo = NULL, *path = NULL;
  if (!PyArg_ParseTuple(args, "O&O&z:plain_state", PyUnicode_FSConverter, &repo, PyUnicode_FSConverter, &path, &c.etag)) {
    Py_XDECREF(repo);
    return NULL;
  }
  c.dir = PyBytes_AsString(repo);
  c.name = PyBytes_AsString(path);
  ext_wait_call(plain_state, &c);
  Py_DECREF(repo);
  Py_DECREF(path);
  return c.e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &c.e) : PyUnicode_FromString(state_names[c.state]);
}

static PyObject *store_note_seen(PyObject *self, PyObject *args)
{
  struct call c = { .e = HJ_ERR_INIT };
  PyObject *repo = NULL, *path = NULL;
  (void)self;
  if (!PyArg_ParseTuple(args, "O&O&s:note_seen", PyUnicode_FSConverter, &repo, PyUnicode_FSConverter, &path, &c.etag)) {
    Py_XDECREF(repo);
    return NULL;
  }
  c.dir = PyBytes_AsString(repo);
  c.name = PyBytes_AsString(path);
  ext_wait_call(note_seen, &c);
  Py_DECREF(repo);
  Py_DECREF(path);
  return PyBool_FromLong(c.e.code == HJ_E_OK); /* a read-only cache, a file that is gone: it stays unnoted */
}

static PyObject *store_blob_state(PyObject *self, PyObject *args)
{
  struct call c = { .state = HJ_BLOB_MISSING, .e = HJ_ERR_INIT };
  PyObject *repo = NULL;
  if (!PyArg_ParseTuple(args, "O&s:blob_state", PyUnicode_FSConverter, &repo, &c.etag))
    return NULL;
  c.dir = PyBytes_AsString(repo);
  ext_wait_call(blob_state, &c);
  Py_DECREF(repo);
  return c.e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &c.e) : PyUnicode_FromString(state_names[c.state]);
}

static void blob_note(void *arg)
{
  struct call *c = arg;
  hj_record_add(c->dir, &c->etag, 1, &c->e);
}

static PyObject *store_blob_note(PyObject *self, PyObject *args)
{
  struct call c = { .e = HJ_ERR_INIT };
  PyObject *repo = NULL;
  if (!PyArg_ParseTuple(args, "O&s:blob_note", PyUnicode_FSConverter, &repo, &c.etag))
    return NULL;
  c.dir = PyBytes_AsString(repo);
  ext_wait_call(blob_note, &c);
  if (c.e.code != HJ_E_OK)
    (void)ext_raise_at(ext_state_of(self), &c.e, c.dir);
  Py_DECREF(repo);
  if (c.e.code != HJ_E_OK)
    return NULL;
  Py_RETURN_NONE;
}

/* On the heap: after Ctrl-C on a dead mount it goes on without us (ext/wait.h). */
struct prove_call { char *repo_dir, *etag; bool good; struct hj_err e; };

static void prove(void *arg, const atomic_int *stop)
{
  struct prove_call *c = arg;
  hj_record_prove(c->repo_dir, c->etag, stop, &c->good, &c->e);
}

static void release_prove(void *arg)
{
  struct prove_call *c = arg;
  hj_mem_free(c->repo_dir);
  hj_mem_free(c->etag);
  hj_mem_free(c);
}

static PyObject *store_blob_prove(PyObject *self, PyObject *args)
{
  struct hj_err e = HJ_ERR_INIT;
  struct prove_call *c;
  PyObject *repo = NULL, *result;
  const char *etag;
  if (!PyArg_ParseTuple(args, "O&s:blob_prove", PyUnicode_FSConverter, &repo, &etag))
    return NULL;
  c = hj_mem_zero(1, sizeof *c, &e);
  if (c) {
    c->e = (struct hj_err)HJ_ERR_INIT;
    c->repo_dir = hj_mem_text(PyBytes_AsString(repo), &e);
    c->etag = hj_mem_text(etag, &e);
  }
  Py_DECREF(repo);
  if (!c || e.code != HJ_E_OK) {
    if (c)
      release_prove(c);
    return ext_raise(ext_state_of(self), &e);
  }
  if (ext_wait_aside(ext_state_of(self), prove, release_prove, c) < 0)
    return NULL;
  result = c->e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &c->e) : PyBool_FromLong(c->good);
  release_prove(c);
  return result;
}

/* On the heap, as above: at disk speed, and the disk may be somebody's dead mount. */
struct adopt_call { char *source, *etag, *repo_dir, *path, *tmp, *tactics; struct hj_adopt_way way; char how; struct hj_err e; };

static void adopt(void *arg, const atomic_int *stop)
{
  struct adopt_call *c = arg;
  c->way.stop = stop;
  if (c->repo_dir)
    hj_adopt_blob(c->repo_dir, c->etag, &c->way, &c->how, &c->e);
  else
    hj_adopt_file(c->path, c->tmp, c->etag, &c->way, &c->how, &c->e);
}

static void release_adopt(void *arg)
{
  struct adopt_call *c = arg;
  hj_mem_free(c->source);
  hj_mem_free(c->etag);
  hj_mem_free(c->repo_dir);
  hj_mem_free(c->path);
  hj_mem_free(c->tmp);
  hj_mem_free(c->tactics);
  hj_mem_free(c);
}

/* A path that may be None. */
static int path_or_none(PyObject *given, void *out)
{
  if (given != Py_None)
    return PyUnicode_FSConverter(given, out);
  *(PyObject **)out = NULL;
  return 1;
}

static char *copy_of(PyObject *path, struct hj_err *e) { return path ? hj_mem_text(PyBytes_AsString(path), e) : NULL; }

static PyObject *how_of(char letter)
{
  switch (letter) {
  case 'c':
    return PyUnicode_FromString("clone");
  case 'h':
    return PyUnicode_FromString("hardlink");
  case 'l':
    return PyUnicode_FromString("link");
  case 'y':
    return PyUnicode_FromString("copy");
  }
  return PyUnicode_FromString("here");
}

static PyObject *store_adopt(PyObject *self, PyObject *args, PyObject *kwargs)
{
  static char *names[] = { "source", "etag", "repo_dir", "path", "tmp", "tactics", "size", "mode", "sync", "replace", "known", NULL };
  struct hj_err e = HJ_ERR_INIT;
  struct adopt_call *c = NULL;
  PyObject *source = NULL, *repo = NULL, *path = NULL, *tmp = NULL, *result = NULL;
  const char *etag, *tactics = "cly";
  long long size = -1;
  unsigned mode = 0444;
  int sync = 1, replace = 0;
  PyObject *known = Py_None;
  unsigned long long device = 0, inode = 0;
  long long mtime_ns = 0, known_size = -1;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&s|O&O&O&sLIppO:adopt", names, PyUnicode_FSConverter, &source, &etag, path_or_none,
                                   &repo, path_or_none, &path, path_or_none, &tmp, &tactics, &size, &mode, &sync, &replace, &known))
    goto out;
  if (known != Py_None && !PyArg_ParseTuple(known, "KKLL;known must be (device, inode, size, mtime_ns)", &device, &inode, &known_size, &mtime_ns))
    goto out;
  if (repo ? path || tmp : !path || !tmp) {
    PyErr_SetString(PyExc_ValueError, "either repo_dir, or path and tmp");
    goto out;
  }
  c = hj_mem_zero(1, sizeof *c, &e);
  if (c) {
    c->e = (struct hj_err)HJ_ERR_INIT;
    c->source = copy_of(source, &e);
    c->etag = hj_mem_text(etag, &e);
    c->tactics = hj_mem_text(tactics, &e);
    c->repo_dir = copy_of(repo, &e);
    c->path = copy_of(path, &e);
    c->tmp = copy_of(tmp, &e);
    c->way = (struct hj_adopt_way){ .source = c->source, .tactics = c->tactics, .size = size < 0 ? HJ_SIZE_UNKNOWN : (uint64_t)size,
                                    .mode = mode & 07777, .sync = sync != 0, .replace = replace != 0,
                                    .known = known != Py_None && known_size >= 0 && size == known_size, .device = device, .inode = inode,
                                    .mtime_ns = mtime_ns };
  }
  if (!c || e.code != HJ_E_OK)
    (void)ext_raise(ext_state_of(self), &e);
  else if (ext_wait_aside(ext_state_of(self), adopt, release_adopt, c) < 0)
    c = NULL;
  else
    result = c->e.code == HJ_E_NONE ? Py_NewRef(Py_None) :
             c->e.code != HJ_E_OK   ? ext_raise_at(ext_state_of(self), &c->e, c->repo_dir ? c->repo_dir : c->path) :
                                      how_of(c->how);
out:
  if (c)
    release_adopt(c);
  Py_XDECREF(source);
  Py_XDECREF(repo);
  Py_XDECREF(path);
  Py_XDECREF(tmp);
  return result;
}

static void is_whole(void *arg)
{
  struct call *c = arg;
  hj_manifest_check(c->dir, c->commit, c->name, &c->flag, &c->n, &c->e);
}

static PyObject *store_snapshot_is_whole(PyObject *self, PyObject *args)
{
  struct call c = { .name = "", .e = HJ_ERR_INIT };
  PyObject *repo = NULL;
  if (!PyArg_ParseTuple(args, "O&s|s:snapshot_is_whole", PyUnicode_FSConverter, &repo, &c.commit, &c.name))
    return NULL;
  c.dir = PyBytes_AsString(repo);
  ext_wait_call(is_whole, &c);
  Py_DECREF(repo);
  return c.e.code != HJ_E_OK ? ext_raise(ext_state_of(self), &c.e) : PyBool_FromLong(c.flag);
}

static void note_whole(void *arg)
{
  struct call *c = arg;
  hj_manifest_write(c->dir, c->commit, c->name, c->paths, c->n, &c->e);
}

static PyObject *store_snapshot_note_whole(PyObject *self, PyObject *args)
{
  struct call c = { .name = "", .e = HJ_ERR_INIT };
  PyObject *repo = NULL, *list;
  char **paths = NULL;
  if (!PyArg_ParseTuple(args, "O&sO|s:snapshot_note_whole", PyUnicode_FSConverter, &repo, &c.commit, &list, &c.name))
    return NULL;
  if (!ext_args_paths(ext_state_of(self), list, &paths, &c.n)) {
    c.dir = PyBytes_AsString(repo);
    c.paths = (const char *const *)paths;
    ext_wait_call(note_whole, &c);
  }
  ext_args_paths_free(paths, c.n);
  Py_DECREF(repo);
  if (PyErr_Occurred())
    return NULL;
  if (c.e.code != HJ_E_OK && c.e.code != HJ_E_NONE)
    return ext_raise(ext_state_of(self), &c.e);
  return PyBool_FromLong(c.e.code == HJ_E_OK);
}

#define KEYWORDS(f) ((PyCFunction)(void (*)(void))(f))

PyMethodDef ext_store_methods[] = {
  { "disk_free", store_disk_free, METH_VARARGS, "disk_free(path) -> int: bytes available to this user where path is or will be; 2**64-1: not told." },
  { "partial_bytes", store_partial_bytes, METH_VARARGS, "partial_bytes(dir, key) -> int: bytes a resume would find." },
  { "sweep", store_sweep, METH_VARARGS, "sweep(dir, older_s) -> int: removes unfinished files of dead processes." },
  { "write_small", KEYWORDS(store_write_small), METH_VARARGS | METH_KEYWORDS,
    "write_small(path, data, mode=0o666) -> None: replaces a small file whole." },
  { "link_snapshot", KEYWORDS(store_link_snapshot), METH_VARARGS | METH_KEYWORDS,
    "link_snapshot(repo_dir, commit, path, etag, links=True, sync=True) -> str: a blob under its readable name." },
  { "check_planted", store_check_planted, METH_VARARGS,
    "check_planted(dir, path=None) -> None: no link of another user among the folders of a path below dir, or of a repository's cache." },
  { "can_link", store_can_link, METH_VARARGS, "can_link(dir) -> bool: tries a symbolic link there." },
  { "blob_state", store_blob_state, METH_VARARGS, "blob_state(repo_dir, etag) -> 'missing' | 'new' | 'same' | 'changed' | 'seen'." },
  { "plain_state", store_plain_state, METH_VARARGS, "plain_state(repo_dir, path, etag) -> the same of a plain file; etag None: known by its inode." },
  { "note_seen", store_note_seen, METH_VARARGS, "note_seen(repo_dir, path, etag) -> bool: it is served unproven, and its edits are noticed from now on." },
  { "blob_note", store_blob_note, METH_VARARGS, "blob_note(repo_dir, etag): the caller has proven the blob; a record says so." },
  { "blob_prove", store_blob_prove, METH_VARARGS, "blob_prove(repo_dir, etag) -> bool: hashes the blob; True renews its record." },
  { "adopt", KEYWORDS(store_adopt), METH_VARARGS | METH_KEYWORDS,
    "adopt(source, etag, repo_dir=None, path=None, tmp=None, tactics='cly', size=-1, mode=0o444, sync=True, replace=False, known=None) -> str: a file that "
    "lies elsewhere under a name of ours, proven: 'clone', 'hardlink', 'link', 'copy' or 'here'; None: gone, or no way." },
  { "snapshot_is_whole", store_snapshot_is_whole, METH_VARARGS,
    "snapshot_is_whole(repo_dir, commit, choice='') -> bool: every file there and as it was when the snapshot was noted whole." },
  { "snapshot_note_whole", store_snapshot_note_whole, METH_VARARGS,
    "snapshot_note_whole(repo_dir, commit, paths, choice='') -> bool: notes the fingerprint of each; False: one is not there." },
  { NULL, NULL, 0, NULL },
};

"""The rules of the house over this tree; and over trees with one planted violation each, so that no rule is a test that cannot fail."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.lint import banned, headers, imports, layers, names, places, stubs, tour

ROOT = Path(__file__).resolve().parents[2]
RULES = [layers, banned, tour, headers, names, imports, stubs, places]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.rpartition(".")[2])
def test_the_tree_keeps_the_rule(rule: ModuleType) -> None:
    if rule is stubs and not stubs.is_built(ROOT):
        pytest.skip("the extension is not built in place (python/hubjet/_native*.so); `make build` does it")
    assert "\n".join(rule.check(ROOT)) == ""


def test_every_rule_is_run() -> None:
    modules = {p.stem for p in (ROOT / "tests" / "lint").glob("*.py")} - {"__init__", "source"}
    assert modules == {rule.__name__.rpartition(".")[2] for rule in RULES}


# --- a small tree that keeps every rule ---------------------------------------------------------------------------------------

CLEAN = {
    "csrc/README.md": "`util/a.h` `util/a.c` `plat/b.h` `plat/b.c` `plat/b_int.h` `digest/c.c`\n",
    "csrc/util/a.h": "#ifndef HJ_A_H\n#define HJ_A_H\n#include <stddef.h>\n#define HJ_A_MOST 3\n"
    "extern int hj_a_count, hj_a_list[];\nint hj_a_use(size_t n);\ntypedef int (*hj_a_fn)(int hj);\n#endif\n",
    "csrc/util/a.c": '#include "util/a.h"\n#include <stdlib.h>\n#include "util/banned.h"\n'
    "/* malloc(3), errno and #ifdef __linux__ in a comment */\n"
    'static int plain(void) { return ops->free(p) + x.free(p) + *"free(p) errno \\" free(p)"; }\n',
    "csrc/util/banned.h": "#ifndef HJ_BANNED_H\n#define HJ_BANNED_H\n#define strcpy(a, b) no\n#endif\n",
    "csrc/plat/b.h": "#ifndef HJ_B_H\n#define HJ_B_H\n#include <pthread.h>\nint hj_b_open(pthread_t *t);\n#endif\n",
    "csrc/plat/b_int.h": "#ifndef HJ_B_INT_H\n#define HJ_B_INT_H\n#endif\n",
    "csrc/plat/b.c": '#include "plat/b.h"\n#include <unistd.h>\n#include <errno.h>\n#include "plat/b_int.h"\n#include "util/banned.h"\n'
    "#ifdef __linux__\nint x = errno;\n#endif\n",
    "csrc/digest/c.c": '#include <openssl/evp.h>\n#include <xxhash.h>\n#include "util/a.h"\n#include "util/banned.h"\n',
    "python/README.md": "`_errors.py` `_config` `_cli/`\n",
    "python/hubjet/_errors.py": '"""Bottom."""\nimport os\nimport json\n',
    "python/hubjet/_config.py": "import os\nfrom ._errors import X\nfrom . import _native\nx = os.environ.get('HF_HOME')\n",
    "python/hubjet/_cli/main.py": "from .. import __version__, _config\nfrom .say import out\ndef f():\n    from .._compat import y\n",
    "python/hubjet/_cli/say.py": "from .._config import X\n",
    "python/hubjet/_cli/__init__.py": '"""The command line."""\n',
}
CLEAN["csrc/README.md"] += "`util/banned.h`\n"


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__.rpartition(".")[2])
def test_a_clean_tree_has_no_violation(rule: ModuleType, tmp_path: Path) -> None:
    assert list(rule.check(plant(tmp_path, CLEAN))) == []


def in_c(line: str, *, file: str = "csrc/util/a.c") -> dict[str, str]:
    """The line in front of a file of the clean tree."""
    return {file: line + "\n" + CLEAN[file]}


MACHINE = "/" + "work"  # not written out: this file is looked at, too
PLANTED = [
    # the arrows
    (layers, in_c('#include "plat/b.h"'), 'util/ must not include "plat/b.h"'),
    (layers, in_c('#include "digest/c.h"', file="csrc/plat/b.c") | {"csrc/digest/c.h": ""}, 'plat/ must not include "digest/c.h"'),
    (layers, in_c('  #  include "plat/b.h" // why not'), 'util/ must not include "plat/b.h"'),
    (layers, in_c('#include "plat/b_int.h"', file="csrc/digest/c.c"), "is private to plat/"),
    (layers, in_c('#include "a.h"'), "is not written from csrc/"),
    (layers, in_c('#include "../util/a.h"', file="csrc/plat/b.c"), "is not written from csrc/"),
    (layers, in_c('#include "util/none.h"', file="csrc/plat/b.c"), "is not written from csrc/"),
    (layers, in_c("#include <unistd.h>"), "only plat/ may include <unistd.h>"),
    (layers, in_c("#include <sys/stat.h>", file="csrc/digest/c.c"), "only plat/ may include <sys/stat.h>"),
    (layers, in_c("#include <threads.h>"), "only plat/ may include <threads.h>"),
    (layers, in_c("#include <openssl/sha.h>"), "only digest/ and transfer/ may include <openssl/sha.h>"),
    (layers, in_c("#include <xxhash.h>", file="csrc/plat/b.c"), "only digest/ may include <xxhash.h>"),
    (layers, in_c("#include <curl/curl.h>", file="csrc/digest/c.c"), "only transfer/ may include <curl/curl.h>"),
    (layers, in_c("#include <Python.h>", file="csrc/digest/c.c"), "only ext/ may include <Python.h>"),
    (layers, {"csrc/new/d.c": ""}, "is in no layer"),
    (layers, {"csrc/plat/a.c": '#include "util/banned.h"\n'}, "a.c: 2 files have this name"),
    # what stays in its folder
    (layers, in_c("#ifdef _WIN32\n#endif"), "goes to plat/"),
    (layers, in_c("#if defined(X) && defined(__APPLE__)\n#endif"), "goes to plat/"),
    (layers, in_c("void *p = malloc(3);"), "one door (util/mem.h), not malloc("),
    (layers, in_c("void f(char *p) { free(p); }", file="csrc/plat/b.c"), "not free("),
    (layers, in_c("char *q = strdup (p);"), "not strdup ("),
    (layers, in_c("int e = errno;"), "errno is read in plat/"),
    # the last include
    (banned, {"csrc/util/a.c": '#include "util/a.h"\n'}, "the last include must be"),
    (banned, {"csrc/util/a.c": ""}, "the last include must be"),
    (banned, {"csrc/util/a.c": '#include "util/banned.h"\n#include "util/a.h"\n'}, "the last include must be"),
    (banned, {"csrc/util/a.c": '#include "util/a.h"\n/*\n#include "util/banned.h"\n*/\n'}, "the last include must be"),
    (banned, in_c('#include "util/banned.h"'), "in front of other includes"),
    (banned, in_c('#include "util/banned.h"', file="csrc/plat/b.h"), "in front of other includes"),
    # the tour
    (tour, {"csrc/util/new.c": ""}, "does not name `util/new.c`"),
    (tour, {"csrc/README.md": CLEAN["csrc/README.md"] + "`util/gone.c`"}, "names `util/gone.c`, which does not exist"),
    (tour, {"csrc/README.md": CLEAN["csrc/README.md"] + "all in 40 files"}, "counts (40 files)"),
    (tour, {"python/hubjet/_new.py": ""}, "python/README.md does not name `_new`"),
    (tour, {"python/hubjet/_new/one.py": ""}, "python/README.md does not name `_new/`"),
    (tour, {"python/README.md": CLEAN["python/README.md"] + "`_gone.py`"}, "names `_gone`, which does not exist"),
    # headers
    (headers, {"csrc/util/a.h": "size_t hj_a(void);\n"}, "csrc/util/a.h does not compile alone"),
    (headers, {"csrc/util/a.h": "struct hj_a { int x; };\n"}, "csrc/util/a.h does not compile alone"),
    # names
    (names, {"csrc/util/d.h": "int count(void);\n"}, "count is seen by other files"),
    (names, {"csrc/util/d.h": "struct hj_x *find(int a,\n  int b) HJ_CHECK;\n"}, "find is seen by other files"),
    (names, {"csrc/util/d.h": "int hj_ok(void (*f)(void));\nint *seek(void);\n"}, "seek is seen by other files"),
    (names, {"csrc/util/d.h": "extern _Atomic int hj_a, total;\n"}, "total is seen by other files"),
    (names, {"csrc/util/d.h": "#define MOST 3\n"}, "the macro MOST"),
    (names, {"csrc/util/d.c": "static int hj_find(int a)\n{\n}\n"}, "hj_find is static"),
    (names, {"csrc/util/Big.c": ""}, "file names are lower case"),
    (names, {"csrc/util/d-e.c": ""}, "file names are lower case"),
    # Python
    (imports, {"python/hubjet/_names.py": "from ._config import x\n"}, "_names stands below _config"),
    (imports, {"python/hubjet/_names.py": "from . import _config\n"}, "_names stands below _config"),
    (imports, {"python/hubjet/_names.py": "def f():\n    from hubjet._cli.main import main\n"}, "_names stands below _cli.main"),
    (imports, {"python/hubjet/_cli/say.py": "from . import main\n"}, "_cli.say stands below _cli.main"),
    (imports, {"python/hubjet/_cli/say.py": "from .main import x\n"}, "_cli.say stands below _cli.main"),
    (imports, {"python/hubjet/_config.py": "from ._cli import say\n"}, "_config stands below _cli.say"),
    (imports, {"python/hubjet/_cli/new.py": ""}, "give it a place"),
    (imports, {"python/hubjet/_cli/__init__.py": "from . import say\n"}, "says what it is for, and nothing else"),
    (imports, {"python/hubjet/_names.py": "import hubjet._hub\n"}, "_names stands below _hub"),
    (imports, {"python/hubjet/_names.py": "import hubjet\n"}, "_names stands below __init__"),
    (imports, {"python/hubjet/_loader.py": "from ._compat import x\n"}, "_loader stands below _compat or beside it"),
    (imports, {"python/hubjet/_names.py": "from . import fetch\n"}, "imports fetch, which has no place"),
    (imports, {"python/hubjet/_new.py": ""}, "give it a place"),
    (imports, {"python/hubjet/_hub.py": "import os\nx = os.environ['HF_TOKEN']\n"}, "only _config.py and _surroundings.py read the environment (environ)"),
    (imports, {"python/hubjet/_hub.py": "from os import getenv\n"}, "only _config.py and _surroundings.py read the environment (getenv)"),
    (imports, {"python/hubjet/_hub.py": "import os as o\nx = o.getenv('HF_TOKEN')\n"}, "only _config.py and _surroundings.py read the environment (getenv)"),
    # places
    (places, {"docs/x.md": f"see {MACHINE}/main\n"}, "docs/x.md:1: names a folder of one machine"),
    (places, {"x.py": 'x = "' + "/" + 'root/.cache"\n'}, "x.py:1"),
    (places, {"x.py": "\n\n# /" + "home/anna/models\n"}, "x.py:3"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "files", "told"), PLANTED, ids=[f"{r.__name__.rpartition('.')[2]}-{t}" for r, _, t in PLANTED])
def test_a_planted_violation_is_found(rule: ModuleType, files: dict[str, str], told: str, tmp_path: Path) -> None:
    found = list(rule.check(plant(tmp_path, {**CLEAN, **files})))
    assert any(told in line for line in found), found


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule for rule, _, _ in PLANTED} | {stubs} == set(RULES)


def test_a_missing_tour_is_found(tmp_path: Path) -> None:
    assert list(tour.check(tmp_path)) == ["csrc/README.md is missing"]


def test_places_looks_at_what_git_would_take(tmp_path: Path) -> None:
    plant(tmp_path, {".gitignore": "ignored\n", "ignored": MACHINE + "/x", "new": MACHINE + "/x", "bytes": "\0"})
    (tmp_path / "bytes").write_bytes(b"\xff" + MACHINE.encode() + b"/x")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert [line.split(":")[0] for line in places.check(tmp_path)] == ["new"]


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Path]:
    if not stubs.is_built(ROOT):
        pytest.skip("the extension is not built in place; `make build` does it")
    shutil.copytree(ROOT / "python", tmp_path / "python", ignore=shutil.ignore_patterns("__pycache__"))
    yield tmp_path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("def shutdown(", "def shut_down("), "_native.pyi names shut_down, the extension has no such thing"),
        (("def shutdown(", "def shut_down("), "the extension has shutdown, _native.pyi does not name it"),
        (("    def cancel(", "    def stop("), "_native.pyi names Job.stop, the extension has no such thing"),
        (("    def cancel(", "    def _cancel("), "the extension has Job.cancel, _native.pyi does not name it"),
    ],
)
def test_stubs_that_differ_from_the_binary_are_found(built: Path, change: tuple[str, str], told: str) -> None:
    stub = built / "python" / "hubjet" / "_native.pyi"
    assert change[0] in stub.read_text()
    stub.write_text(stub.read_text().replace(*change))
    assert told in list(stubs.check(built))


def test_an_extension_that_cannot_be_imported_is_no_silent_success(built: Path) -> None:
    for binary in (built / "python" / "hubjet").glob("_native*.so"):
        binary.write_bytes(b"no library")
    with pytest.raises(RuntimeError, match="cannot be imported"):
        list(stubs.check(built))

"""Was the whole suite really run? A suite that collects nothing, or leaves out a folder, is green otherwise.

Asked at the end of a run that was to be whole: nothing chosen by name, `-k`, `-m`, `--deselect` or `--lf`. Then each file of tests must have been
heard of (a skip is heard, and says why), no folder of tests may lie outside `testpaths`, and so many tests must have passed.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

# Raised with each batch of tests. 5,263 there are on Linux (2026-11-24); without root and FUSE some two hundred say why they are skipped.
MINIMUM = {"linux": 5000}


def gaps(files: Collection[str], heard: Collection[str], passed: int, least: int) -> Iterator[str]:
    """What is wrong with a run, a line each. `files`: all files of tests; `heard`: those that a report came from."""
    for file in sorted(set(files) - set(heard)):
        yield f"{file}: nothing was heard of it"
    if passed < least:
        yield f"only {passed} passed, at least {least} must run"


def _is_chosen(config: pytest.Config) -> bool:
    option = config.option
    return config.args_source != pytest.Config.ArgsSource.TESTPATHS or bool(
        option.keyword or option.markexpr or option.deselect or option.collectonly or getattr(option, "lf", False)
    )


def _files(config: pytest.Config) -> tuple[list[str], bool]:
    """All files of tests below the folders in which the folders of `testpaths` lie, without those to be ignored; and whether there were such."""
    root = config.rootpath
    ignored = {(config.invocation_params.dir / name).resolve() for name in config.getoption("ignore") or ()}
    tops = {root / Path(path).parts[0] for path in config.getini("testpaths")}
    files = [file for top in sorted(tops) for file in sorted(top.rglob("test_*.py")) if file.resolve() not in ignored]
    return [file.relative_to(root).as_posix() for file in files], bool(ignored)


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED):
        return  # a worker of pytest-xdist; or a run that was broken off, which is red for that
    if _is_chosen(session.config) or session.shouldstop or session.shouldfail:
        return
    files, ignored = _files(session.config)
    reports = [one for kind in reporter.stats.values() for one in kind]
    heard = {one.nodeid.split("::")[0] for one in reports if hasattr(one, "nodeid") and one.nodeid}
    least = 0 if ignored else MINIMUM.get(sys.platform, 0)
    for gap in gaps(files, heard, len(reporter.stats.get("passed", ())), least):
        reporter.ensure_newline()
        reporter.write_line(gap, red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

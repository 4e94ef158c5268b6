"""The recipe of the wheel, as far as it can be judged without building one; and the wheel in dist/, where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.py.child import ROOT
from wheels import check, recipe
from wheels.sources import newest_first

WHEELS = sorted((ROOT / "dist").glob("hubjet-*.whl"))


@pytest.mark.parametrize("wheel", WHEELS or [None], ids=lambda w: w.name if w else "none")
def test_the_wheel_in_dist_holds_what_it_must(wheel: Path | None) -> None:
    if wheel is None:
        pytest.skip("no wheel in dist/; `make wheel` makes one (about two minutes, and Debian's sources from the network)")
    assert check.problems(wheel, (str(ROOT),)) == []


# --- the recipe ------------------------------------------------------------------------------------------------------------------


def test_tools_are_pinned_and_libraries_have_a_floor() -> None:
    lines = [line for line in (ROOT / "wheels" / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]
    pinned = {line.partition("==")[0] for line in lines if "==" in line}
    assert {"ziglang", "setuptools", "wheel", "auditwheel"} <= pinned
    for library in recipe.LIBRARIES.values():
        assert re.fullmatch(r"\d[\w.]*-[\w.+~]+", library.at_least), library


def test_every_library_brings_its_licence_and_the_wheel_names_it() -> None:
    for library in recipe.LIBRARIES.values():
        assert library.license in recipe.LICENSE.split(" AND ")
        assert f"licenses/{library.name}.txt" in check.LICENSES


def test_the_wheels_metadata_can_be_made_from_the_pyproject_of_today() -> None:
    text = recipe.with_licenses((ROOT / "pyproject.toml").read_text())
    assert f'license = "{recipe.LICENSE}"' in text and '"licenses/*"' in text
    with pytest.raises(ValueError, match="no longer says"):
        recipe.with_licenses(text)


def test_the_recipe_names_no_registry() -> None:
    for path in [*(ROOT / "wheels").iterdir(), ROOT / "docs" / "building.md"]:
        if path.is_file():
            assert not re.search(r"https?://(?!MIRROR|localhost|127\.)", path.read_text()), path


def test_the_newest_version_is_tried_first_as_debian_orders_them() -> None:
    if not shutil.which("dpkg"):
        pytest.skip("no dpkg: its order of versions is used")
    tried = newest_first(["3.5.7-1~deb13u2", "3.5.10-1", "3.5.7-1~deb13u10", "3.5.7-1"])
    assert tried == ["3.5.10-1", "3.5.7-1", "3.5.7-1~deb13u10", "3.5.7-1~deb13u2"]


SHOWSRC = "Package: curl\nVersion: 8.14.1-2+deb13u5\n\nPackage: curl\nVersion: 8.14.1-2+deb13u7\n\nPackage: curl\nVersion: 8.14.1-2+deb13u7\n"


def test_versions_on_offer_are_read_from_apts_answer() -> None:
    assert recipe.candidates(SHOWSRC) == {"curl": ["8.14.1-2+deb13u5", "8.14.1-2+deb13u7"]}
    assert recipe.candidates("") == {}


def test_sources_come_from_where_the_machines_packages_come_from() -> None:
    seen = "http://m.example/debian/ Debian\nhttp://m.example/debian/ Debian\nhttp://s.example/debian-security/ Debian-Security\nhttp://x.example/node x\n"
    assert recipe.mirrors(seen) == [("http://s.example/debian-security", f"{recipe.SUITE}-security"), ("http://m.example/debian", recipe.SUITE)]
    assert recipe.mirrors("http://u.example/ubuntu/ Ubuntu\n") == []
    assert recipe.mirrors("http://m.example/debian/ Debian\n") == [], "without the security archive the fixes are missing"
    given = recipe.mirrors("http://u.example/ubuntu/ Ubuntu\n", "http://a.example/debian http://a.example/debian-security/")
    assert [uri for uri, _ in given] == ["http://a.example/debian-security", "http://a.example/debian"]


@pytest.mark.parametrize(("debian", "plain"), [("8.14.1-2+deb13u5", "8.14.1"), ("1:3.5.7-1~deb13u2", "3.5.7"), ("1.64.0-1.1+deb13u1", "1.64.0")])
def test_the_upstream_version_is_what_pkg_config_says(debian: str, plain: str) -> None:
    assert recipe.upstream(debian) == plain


def test_a_library_is_built_anew_when_anything_that_went_into_it_changed() -> None:
    versions = {name: library.at_least for name, library in recipe.LIBRARIES.items()}
    curl, target = recipe.LIBRARIES["curl"], recipe.TARGETS["x86_64"]
    first = recipe.key(curl, target, versions, "zig 1")
    assert first == recipe.key(curl, target, {**versions, "xxhash": "9-9"}, "zig 1"), "xxHash is not in libcurl"
    others = [
        recipe.key(curl, target, {**versions, "openssl": "9.9-9"}, "zig 1"),
        recipe.key(curl, target, {**versions, "curl": "8.14.1-2+deb13u6"}, "zig 1"),
        recipe.key(curl, recipe.TARGETS["aarch64"], versions, "zig 1"),
        recipe.key(curl, target, versions, "zig 2"),
    ]
    assert len({first, *others}) == 5


@pytest.mark.parametrize(
    ("said", "good"), [("manylinux_2_28_x86_64", True), ("manylinux_2_5_x86_64", True), ("manylinux_2_34_x86_64", False),
                       ("manylinux_2_28_aarch64", False), ("linux_x86_64", False), ("musllinux_1_2_x86_64", False)]
)  # fmt: skip
def test_auditwheels_verdict_is_read(said: str, good: bool) -> None:
    text = f'x.whl\nis consistent with\nthe following platform tag:\n"{said}".\n\nThe wheel'
    assert recipe.travels(text, "manylinux_2_28_x86_64") is good
    assert recipe.travels(text, "musllinux_1_2_x86_64") is (said == "musllinux_1_2_x86_64")


# --- check.py notices ------------------------------------------------------------------------------------------------------------


def compiled(folder: Path, code: str, *flags: str) -> Path:
    (folder / "x.c").write_text(code)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(folder / "x.so"), str(folder / "x.c"), *flags], check=True)
    return folder / "x.so"


SAYS = 'const char *PyInit__native(void) { return "libcurl/8 OpenSSL 3.5 nghttp2/1"; }\n'


def test_an_extension_that_shows_one_symbol_and_needs_only_libc_is_good(tmp_path: Path) -> None:
    assert list(check.extension_problems(compiled(tmp_path, SAYS), ("/nowhere/at/all",))) == []


@pytest.mark.parametrize(
    ("code", "flags", "told"),
    [
        (SAYS + "void AES_encrypt(void) { }", [], "exports AES_encrypt"),
        (SAYS, ["-Wl,--no-as-needed", "-lcrypto"], "needs libcrypto.so"),
        (SAYS + "void EVP_x(void); static __attribute__((used)) void f(void) { EVP_x(); }", [], "expects EVP_x from somebody else"),
        (SAYS.replace("OpenSSL 3.5", ""), [], "does not say its OpenSSL"),
        (SAYS.replace("nghttp2/1", "nghttp2/1 /build/place/of/mine"), [], "names a folder of the machine"),
    ],
)
def test_an_extension_that_is_not_fit_to_travel_is_refused(tmp_path: Path, code: str, flags: list[str], told: str) -> None:
    found = list(check.extension_problems(compiled(tmp_path, code, *flags), ("/build/place",)))
    assert any(told in line for line in found), found


def test_an_extension_for_musl_must_not_need_glibc(tmp_path: Path) -> None:
    path = compiled(tmp_path, SAYS, "-Wl,--no-as-needed", "-lc")
    assert list(check.extension_problems(path)) == []
    assert any("needs libc.so.6" in line for line in check.extension_problems(path, libc="musllinux"))


def test_the_newest_glibc_is_found_by_number_not_by_letter() -> None:
    assert check.newest_glibc({"read@GLIBC_2.2.5", "x@GLIBC_2.34", "y@GLIBC_2.4", "z"}) == (2, 34)
    assert check.newest_glibc({"z"}) < recipe.MOST_GLIBC


def packed(folder: Path, *, leave_out: str = "", name: str = "hubjet-0.1.0-cp310-abi3-manylinux_2_28_x86_64.whl", more: str = "") -> Path:
    extension, path = compiled(folder, SAYS).read_bytes(), folder / name
    files = {
        "hubjet/__init__.py": b"",
        check.extension(name): extension,
        check.PTH: b"import os\n",
        "hubjet-0.1.0.data/data/share/man/man1/hubjet.1": b".TH",
        "hubjet-0.1.0.dist-info/METADATA": f"License-Expression: {recipe.LICENSE}\n".encode(),
        **{f"hubjet-0.1.0.dist-info/licenses/{n}": b"text" for n in check.LICENSES},
        **({more: b""} if more else {}),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files.items():
            if not (leave_out and file.endswith(leave_out)):
                archive.writestr(file, content)
    return path


def test_a_wheel_with_everything_in_it_is_good(tmp_path: Path) -> None:
    assert check.problems(packed(tmp_path)) == []


def test_a_wheel_of_a_free_threaded_python_has_an_extension_of_its_own(tmp_path: Path) -> None:
    name = "hubjet-0.1.0-cp313-cp313t-manylinux_2_28_x86_64.whl"
    assert check.extension(name) == "hubjet/_native.cpython-313t-x86_64-linux-gnu.so"
    assert check.problems(packed(tmp_path, name=name)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"leave_out": "licenses/curl.txt"}, "licenses/curl.txt is missing"),
        ({"leave_out": "METADATA"}, "the metadata does not say"),
        ({"leave_out": "_native.abi3.so"}, "extensions: none"),
        ({"leave_out": "hubjet-enable.pth"}, "hubjet-enable.pth is missing"),
        ({"leave_out": "man1/hubjet.1"}, "hubjet.1 is missing"),
        ({"name": "hubjet-0.1.0-cp311-cp311-linux_x86_64.whl"}, "is no name of a wheel of ours"),
        ({"name": "hubjet-0.1.0-cp313-cp314t-manylinux_2_28_x86_64.whl"}, "is no name of a wheel of ours"),
        ({"more": "hubjet/other.so"}, "extensions: hubjet/_native.abi3.so, hubjet/other.so"),
        ({"more": "csrc/util/err.h"}, "csrc/util/err.h does not belong into a wheel"),
    ],
)
def test_a_wheel_that_lacks_something_is_refused(tmp_path: Path, change: dict[str, str], told: str) -> None:
    found = check.problems(packed(tmp_path, **change))
    assert any(told in line for line in found), found


# --- the sdist -------------------------------------------------------------------------------------------------------------------


def test_a_missing_library_is_named_with_the_line_that_installs_it(tmp_path: Path) -> None:
    """setup.py asks pkg-config; here one that knows nothing."""
    import os
    import sys

    environment = {**os.environ, "PKG_CONFIG_LIBDIR": str(tmp_path), "PKG_CONFIG_PATH": ""}
    words = [sys.executable, "setup.py", "-q", "build_ext", "--build-temp", str(tmp_path / "t"), "--build-lib", str(tmp_path / "l")]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode and "cannot build hubjet's C core" in done.stderr and "libcurl" in done.stderr
    assert re.search(r"libcurl.*-dev|libcurl-devel|curl-dev|brew install", done.stderr)


def build_with(tmp_path: Path, **environment: str) -> str:
    """What setup.py says at the end, built in this environment."""
    import os
    import sys

    words = [sys.executable, "setup.py", "-q", "build_ext", "--build-temp", str(tmp_path / "t"), "--build-lib", str(tmp_path / "l")]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode and "Traceback" not in done.stderr, done.stderr
    return done.stderr[done.stderr.index("cannot build hubjet's C core"):]


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    for name, version in {"libcurl": "7.60.0", "openssl": "3.0"}.items():
        (tmp_path / f"{name}.pc").write_text(recipe.pkg_config(name, version, "/nowhere", []))
    said = build_with(tmp_path, PKG_CONFIG_LIBDIR=str(tmp_path), PKG_CONFIG_PATH="")
    assert "libcurl >= 7.68, libxxhash >= 0.8" in said.splitlines()[0] and "openssl" not in said.splitlines()[0]


def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    said = build_with(tmp_path, CC="no-such-compiler -O2")
    assert "no C compiler (no-such-compiler)" in said and ("apt-get install -y gcc" in said or "gcc" in said)


def test_a_missing_pkg_config_is_named(tmp_path: Path) -> None:
    import shutil as tools
    import sysconfig

    (tmp_path / "bin").mkdir()
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    (tmp_path / "bin" / compiler).symlink_to(str(tools.which(compiler)))
    said = build_with(tmp_path, PATH=str(tmp_path / "bin"), PKG_CONFIG="")
    assert "pkg-config was not found" in said
    for line in ("apt-get install", "dnf install", "apk add", "pacman -S", "brew install"):
        assert line in said, "where no package manager is known, each has its line"

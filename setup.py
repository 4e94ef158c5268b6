"""Builds the one extension, hubjet._native. Everything else is in pyproject.toml."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
FLOOR = (3, 10)
ABI3 = not sysconfig.get_config_var("Py_GIL_DISABLED")  # free-threaded builds load no abi3 modules
NEEDS = {"libcurl": "7.68", "openssl": "1.1.1", "libxxhash": "0.8"}
INSTALL = {  # Debian and Ubuntu, Fedora and RHEL, Alpine, Arch, macOS
    "apt-get": "apt-get install -y gcc python3-dev pkg-config libcurl4-openssl-dev libssl-dev libxxhash-dev",
    "dnf": "dnf install -y gcc python3-devel pkgconf libcurl-devel openssl-devel xxhash-devel",
    "apk": "apk add gcc musl-dev python3-dev pkgconf curl-dev openssl-dev xxhash-dev",
    "pacman": "pacman -S --needed gcc pkgconf curl openssl xxhash",
    "brew": "brew install pkg-config curl openssl@3 xxhash",
}
VERSION = re.search(r'^version = "(.+)"', (HERE / "pyproject.toml").read_text("utf-8"), re.M).group(1)


def stop(reason: str) -> None:
    """Ends the build with the reason and the one line that helps here, where pip shows the end of the output."""
    lines = [line for tool, line in INSTALL.items() if shutil.which(tool)] or list(INSTALL.values())
    sys.exit(f"\ncannot build hubjet's C core: {reason}\ninstall what is missing and try again:\n  " + "\n  ".join(lines))


def pkg_config(*args: str) -> subprocess.CompletedProcess:
    tool = os.environ.get("PKG_CONFIG") or shutil.which("pkg-config") or shutil.which("pkgconf")
    return subprocess.run([tool, *args], capture_output=True, text=True) if tool else stop("pkg-config was not found")


class Build(build_ext):
    """Asks for what it needs only when something is really built: metadata alone needs no compiler."""

    def build_extension(self, ext: Extension) -> None:
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
        if not self.compiler.compiler_type == "msvc" and not shutil.which(compiler):
            stop(f"no C compiler ({compiler}) was found")
        if not any((Path(place) / "Python.h").exists() for place in self.include_dirs):
            stop(f"Python.h of this Python ({sys.version.split()[0]}) was not found")
        missing = [f"{name} >= {version}" for name, version in NEEDS.items() if pkg_config(f"--atleast-version={version}", name).returncode]
        if missing:
            stop(f"pkg-config does not know {', '.join(missing)}")
        ext.extra_compile_args += pkg_config("--cflags", *NEEDS).stdout.split()
        ext.extra_link_args += pkg_config("--libs", *NEEDS).stdout.split()
        super().build_extension(ext)


class BuildPy(build_py):
    """The modules, and beside the package the line that lets HUBJET_ENABLE=1 take effect at a program's start."""

    PTH = "hubjet-enable.pth"

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_file(str(HERE / "python" / self.PTH), os.path.join(self.build_lib, self.PTH))

    def get_outputs(self, include_bytecode: bool = True) -> list:
        return [*super().get_outputs(include_bytecode), *([] if self.editable_mode else [os.path.join(self.build_lib, self.PTH)])]


native = Extension(
    "hubjet._native",
    sorted(str(p.relative_to(HERE)) for p in (HERE / "csrc").glob("*/*.c")),
    include_dirs=["csrc"],
    depends=sorted(str(p.relative_to(HERE)) for p in (HERE / "csrc").glob("*/*.h")) + ["pyproject.toml"],
    define_macros=[("HJ_VERSION", f'"{VERSION}"'), ("_GNU_SOURCE", None)]
    + ([("Py_LIMITED_API", f"0x{FLOOR[0]:02X}{FLOOR[1]:02X}0000")] if ABI3 else []),
    extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden", "-Wall", "-Wextra"],
    py_limited_api=ABI3,
)

setup(
    ext_modules=[native],
    cmdclass={"build_ext": Build, "build_py": BuildPy},
    options={"bdist_wheel": {"py_limited_api": f"cp{FLOOR[0]}{FLOOR[1]}"}} if ABI3 else {},
)

"""The recipe: what a wheel consists of, from where, built with which switches. Tables and pure functions; no effects.

Versions: libraries come from Debian's source packages, by name, so that its security patches are in them. The newest version that
the mirror really holds is taken; `at_least` is what these switches were tried with, and older ones are refused. Compiler and
packaging tools are pinned in requirements.txt.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SUITE = "trixie"  # Debian stable: OpenSSL 3.5 LTS
MOST_BYTES = 6 << 20  # of a wheel
MOST_GLIBC = (2, 28)  # manylinux_2_28: Debian 10, Ubuntu 20.04, RHEL 8 and what came after
EXPORTS = {"PyInit__native"}
NEEDED = {  # what an extension may ask of the system
    "manylinux": {"libc.so.6", "libpthread.so.0", "libm.so.6", "libdl.so.2", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"},
    "musllinux": {"libc.musl-x86_64.so.1"},
}
LAYOUT = 2  # of a library's folder: raised when its files get other names
EPOCH = "1767225600"  # SOURCE_DATE_EPOCH, any fixed moment: the same inputs give the same bytes
# The licence of the wheel as a whole; the sdist is Apache-2.0 alone.
LICENSE = "Apache-2.0 AND curl AND MIT AND BSD-2-Clause"


@dataclass(frozen=True)
class Target:
    """One kind of machine and C library. The suffix of `zig`'s triple is the oldest glibc that must do."""

    zig: str
    openssl: str
    platform: str
    host: str


TARGETS = {
    "x86_64": Target("x86_64-linux-gnu.2.28", "linux-x86_64", "manylinux_2_28_x86_64", "x86_64-linux-gnu"),
    "aarch64": Target("aarch64-linux-gnu.2.28", "linux-aarch64", "manylinux_2_28_aarch64", "aarch64-linux-gnu"),
    "x86_64-musl": Target("x86_64-linux-musl", "linux-x86_64", "musllinux_1_2_x86_64", "x86_64-linux-musl"),
}


@dataclass(frozen=True)
class Library:
    """A source package of Debian that ends up inside the extension."""

    name: str
    at_least: str
    license: str
    license_file: str
    switches: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


FLAGS = "-O2 -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -w"

LIBRARIES = {
    library.name: library
    for library in (
        # TLS 1.2 and 1.3 as a client, SHA-1, SHA-256. What nobody here calls is left out: less to patch, less to load.
        Library(
            "openssl", "3.5.7-1~deb13u2", "Apache-2.0", "LICENSE.txt",
            tuple(
                # no plug-ins and no configuration file of the machine: what was tested is what runs
                "no-shared no-module no-dso no-engine no-autoload-config no-legacy no-fips "
                "no-apps no-tests no-docs no-ui-console "
                "no-quic no-dtls no-ssl3 no-tls1 no-tls1_1 no-srtp no-sctp no-psk no-srp no-gost no-nextprotoneg no-ssl-trace no-comp "
                "no-cmp no-cms no-ts no-ct no-rfc3779 "
                "no-aria no-bf no-blake2 no-camellia no-cast no-des no-dsa no-ec2m no-idea no-md4 no-mdc2 no-ml-dsa no-rc2 no-rc4 "
                "no-rc5 no-rmd160 no-scrypt no-seed no-slh-dsa no-sm2 no-sm3 no-sm4 no-whirlpool no-argon2 no-filenames".split()
            ),
        ),
        Library("nghttp2", "1.64.0-1.1+deb13u1", "MIT", "COPYING"),
        # http and https. No certificates of its own: _config.py chooses them. No file, cookie, netrc or store that it would read by itself.
        Library(
            "curl", "8.14.1-2+deb13u5", "curl", "COPYING",
            tuple(
                "--disable-shared --enable-static --with-pic --enable-ipv6 --enable-threaded-resolver --enable-proxy "
                "--without-zlib --without-brotli --without-zstd --without-libpsl --without-libidn2 --without-librtmp --without-libssh2 "
                "--without-gssapi --without-ca-bundle --without-ca-path --without-ca-fallback --without-libgsasl --without-zsh-functions-dir "
                "--disable-dict --disable-file --disable-ftp --disable-gopher --disable-imap --disable-ipfs --disable-ldap --disable-ldaps "
                "--disable-mqtt --disable-pop3 --disable-rtsp --disable-smb --disable-smtp --disable-telnet --disable-tftp "
                "--disable-websockets --disable-unix-sockets "
                "--disable-alt-svc --disable-aws --disable-cookies --disable-doh --disable-hsts --disable-kerberos-auth "
                "--disable-negotiate-auth --disable-netrc --disable-ntlm --disable-tls-srp --disable-openssl-auto-load-config "
                "--disable-dateparse --disable-docs --disable-form-api --disable-get-easy-options --disable-headers-api "
                "--disable-libcurl-option --disable-manual --disable-mime --disable-progress-meter --disable-ares "
                "--disable-dependency-tracking --disable-debug --disable-curldebug --enable-optimize".split()
            ),
            needs=("openssl", "nghttp2"),
        ),
        # Headers only: digest/xxh*.c takes its code in whole.
        Library("xxhash", "0.8.3-2", "BSD-2-Clause", "LICENSE"),
    )
}  # fmt: skip


def candidates(showsrc: str) -> dict[str, list[str]]:
    """Versions of each package in the answer of `apt-cache showsrc`, each once, in the order of the answer."""
    found: dict[str, list[str]] = {}
    for paragraph in showsrc.split("\n\n"):
        name = re.search(r"^Package: (\S+)$", paragraph, re.M)
        version = re.search(r"^Version: (\S+)$", paragraph, re.M)
        if name and version and version[1] not in found.setdefault(name[1], []):
            found[name[1]].append(version[1])
    return found


def mirrors(indextargets: str, given: str = "") -> list[tuple[str, str]]:
    """(where, suite) to ask for sources: security first. From the lines "REPO_URI LABEL" of `apt-get indextargets`, so from where
    this machine's own packages come; or from `given`: "http://MIRROR/debian http://MIRROR/debian-security"."""
    where: dict[str, str] = {}
    for line in indextargets.splitlines():
        uri, _, label = line.partition(" ")
        if uri.rstrip("/").endswith(("/debian", "/debian-security")):
            where.setdefault(label.strip() or ("Debian-Security" if "security" in uri else "Debian"), uri.rstrip("/"))
    for uri in given.split():
        where["Debian-Security" if uri.rstrip("/").endswith("security") else "Debian"] = uri.rstrip("/")
    if not {"Debian", "Debian-Security"} <= where.keys():
        return []
    return [(where["Debian-Security"], f"{SUITE}-security"), (where["Debian"], SUITE)]


def upstream(version: str) -> str:
    """ "1:8.14.1-2+deb13u5" -> "8.14.1"."""
    return version.partition(":")[2].rpartition("-")[0] if ":" in version else version.rpartition("-")[0] or version


def key(library: Library, target: Target, versions: Mapping[str, str], compiler: str) -> str:
    """Changes with whatever changes the library that is built: its folder's name."""
    inside = [(name, versions[name], LIBRARIES[name].switches) for name in (*library.needs, library.name)]
    digest = hashlib.sha256(repr((inside, FLAGS, target, compiler, EPOCH, LAYOUT)).encode()).hexdigest()[:10]
    return f"{library.name}-{upstream(versions[library.name])}-{digest}"


def pkg_config(name: str, version: str, prefix: str, libs: Sequence[str]) -> str:
    """A .pc file, so that setup.py builds against static libraries as it does against a system's."""
    return f"Name: {name}\nDescription: static, for the wheel\nVersion: {version}\nCflags: -I{prefix}/include\nLibs: {' '.join(libs)}\n"


def sources_text(versions: Mapping[str, str], compiler: str) -> str:
    """What lies in the wheel as licenses/SOURCES.txt."""
    lines = [f"  {name} {versions[name]} ({library.license})" for name, library in LIBRARIES.items()]
    return (
        "The extension of this wheel contains these libraries, built from Debian's source packages with Debian's patches,\n"
        f"unchanged otherwise; `apt-get source NAME=VERSION` with a deb-src line of {SUITE} brings them.\n\n"
        + "\n".join(lines)
        + f"\n\nCompiler: {compiler}. Recipe: wheels/recipe.py of the sources.\n"
    )


def travels(auditwheel: str, platform_tag: str) -> bool:
    """Does `auditwheel show` say that the wheel runs wherever the tag promises? An older glibc or musl than promised is fine."""
    pattern = r"(manylinux|musllinux)_(\d+)_(\d+)_(\w+)"
    said = re.search(rf'consistent with the following platform tag: "{pattern}"', " ".join(auditwheel.split()))  # it breaks lines at will
    promised = re.fullmatch(pattern, platform_tag)
    if not (said and promised and (said[1], said[4]) == (promised[1], promised[4])):
        return False
    return (int(said[2]), int(said[3])) <= (int(promised[2]), int(promised[3]))


VERSION_SCRIPT = "{ global: " + "".join(f"{name}; " for name in sorted(EXPORTS)) + "local: *; };\n"
# zig's linker has no --exclude-libs; without a version script OpenSSL's assembly symbols would be seen by, and taken from, others.
LINK = ("-Wl,-Bsymbolic", "-Wl,--gc-sections", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-s")

# zig calls musl's library libc.so, Alpine and auditwheel libc.musl-ARCH.so.1; musl's loader takes either for itself.
LINKER = '#!/bin/sh\nzcc -shared "$@" || exit\nwhile [ "$1" != -o ]; do shift; done\n{rename}'
MUSL_RENAME = 'exec patchelf --replace-needed libc.so libc.musl-{}.so.1 "$2"\n'


def with_licenses(pyproject: str) -> str:
    """pyproject.toml of the wheel: it carries the licences of what is inside."""
    for old, new in (
        ('license = "Apache-2.0"', f'license = "{LICENSE}"'),
        ('license-files = ["LICENSE"]', 'license-files = ["LICENSE", "licenses/*"]'),
    ):
        if pyproject.count(old) != 1:
            raise ValueError(f"pyproject.toml no longer says {old}")
        pyproject = pyproject.replace(old, new)
    return pyproject

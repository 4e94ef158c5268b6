"""Names: what may be called what. The witness is huggingface_hub's validators."""

from __future__ import annotations

from typing import Any

import pytest
from hubjet import BadName, _names, hf_hub_url

REPO_IDS = (
    """
    foo foo/bar 123 Foo-BAR_foo.bar123 a/b _x/y_ datasets/foo/bar .repo foo. -foo foo- a--b a..b foo.git org/x.git café 文件夹/x
    a/b/c / a/ /b a//b a b org/na:me -a/b a-/b a/-b a/b- .a/b a/.b _ - . a/_ café/x a/é
""".split()
    + ["", "a b", "a\n", "a/b\n", "x" * 96, "x" * 97, f"{'o' * 96}/{'n' * 96}", f"{'o' * 97}/n"]
)

FILENAMES = (
    """
    a.txt dir/a.txt a..b ../a a/../b a/.. /etc/passwd C:/x c:x a/c:x \\\\host\\share a\\..\\b .. ünï/cødé.bin .hidden a/.b
    nul .cache/x
""".split()
    + ["a b/c d.txt"]
)


@pytest.mark.parametrize("repo_id", REPO_IDS)
def test_a_repo_id_is_accepted_exactly_when_the_stock_client_accepts_it(repo_id: str) -> None:
    utils = pytest.importorskip("huggingface_hub.utils")
    try:
        utils.validate_repo_id(repo_id)
    except ValueError:
        with pytest.raises(BadName):
            _names.check_repo_id(repo_id)
    else:
        assert _names.check_repo_id(repo_id) == repo_id


@pytest.mark.parametrize("repo_id", [None, 5, b"a/b"])
def test_a_repo_id_is_a_string(repo_id: object) -> None:
    with pytest.raises(BadName, match="string"):
        _names.check_repo_id(repo_id)


@pytest.mark.parametrize("name", [5, b"a.txt", ["a.txt"], "bad\udcff.txt"])
def test_names_are_strings_that_can_be_sent(name: Any) -> None:
    with pytest.raises(BadName):
        _names.check_filename(name)
    with pytest.raises(BadName):
        _names.check_filename("a.txt", name)
    with pytest.raises(BadName):
        _names.check_revision(name)
    with pytest.raises(BadName):
        _names.check_repo_type(name)


def test_no_file_name_is_no_file_name() -> None:
    with pytest.raises(BadName, match="string"):
        _names.check_filename(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("filename", FILENAMES)
def test_a_filename_is_accepted_exactly_when_the_stock_client_accepts_it(filename: str) -> None:
    stock = pytest.importorskip("huggingface_hub._local_folder")
    try:
        stock._validate_relative_filename(filename)
    except ValueError:
        with pytest.raises(BadName):
            _names.check_filename(filename)
    else:
        assert _names.check_filename(filename) == filename


@pytest.mark.parametrize("filename", ["", "a//b", "./a", "a/./b", "a/", "nul\0byte"])
def test_filenames_no_git_tree_can_hold_are_refused_too(filename: str) -> None:
    with pytest.raises(BadName):
        _names.check_filename(filename)


def test_a_subfolder_goes_in_front() -> None:
    assert _names.check_filename("a.txt", "sub/dir") == "sub/dir/a.txt"
    assert _names.check_filename("a.txt", "sub/") == "sub/a.txt"
    assert _names.check_filename("a.txt", "") == "a.txt"
    with pytest.raises(BadName):
        _names.check_filename("a.txt", "..")


@pytest.mark.parametrize("revision", ["", "../x", "a/../b", "/x", "a//b", "c:x", "a\\..\\b"])
def test_a_revision_cannot_lead_out_of_the_refs_folder(revision: str) -> None:
    with pytest.raises(BadName):
        _names.check_revision(revision)


def test_revisions_that_can_be() -> None:
    assert [_names.check_revision(name) for name in (None, "main", "refs/pr/1", "v1.0", "0" * 40)] == [
        "main",
        "main",
        "refs/pr/1",
        "v1.0",
        "0" * 40,
    ]


def test_a_resolved_revision_stands_for_its_commit() -> None:
    class Resolved(str):
        resolved = "a" * 40

    assert _names.check_revision(Resolved("main")) == "a" * 40


def test_an_unknown_repo_type_is_refused() -> None:
    with pytest.raises(ValueError, match="modle"):
        _names.check_repo_type("modle")


@pytest.mark.parametrize("repo_type", [None, "model", "dataset", "space", "kernel"])
@pytest.mark.parametrize("revision", [None, "refs/pr/1", "v 1", "é"])
@pytest.mark.parametrize("filename", ["config.json", "sub dir/a#b?c.txt", "ünï.bin", "100%.txt", "a+b&c=d.json"])
def test_urls_are_the_stock_clients(repo_type: str | None, revision: str | None, filename: str) -> None:
    stock = pytest.importorskip("huggingface_hub")
    arguments = {"repo_type": repo_type, "revision": revision, "endpoint": "https://hub.example"}
    assert hf_hub_url("org/name", filename, **arguments) == stock.hf_hub_url("org/name", filename, **arguments)


@pytest.mark.parametrize("repo_id", ["name", "org/name", "a-b/c_d.e"])
@pytest.mark.parametrize("repo_type", ["model", "dataset", "space", "kernel"])
def test_folders_are_the_stock_clients(repo_id: str, repo_type: str) -> None:
    stock = pytest.importorskip("huggingface_hub.file_download")
    assert _names.repo(repo_id, repo_type).folder == stock.repo_folder_name(repo_id=repo_id, repo_type=repo_type)


@pytest.mark.parametrize("text", ["0" * 39, "0" * 41, "A" * 40, "g" * 40, "0" * 40 + "\n", "main"])
def test_only_forty_lower_case_digits_are_a_commit(text: str) -> None:
    assert not _names.is_commit(text)


@pytest.mark.parametrize("etag", [None, "", "../" + "a" * 37, "a" * 63, "A" * 64, "a" * 40 + "\n", "W/abc"])
def test_an_etag_that_could_lead_elsewhere_is_no_blob_name(etag: str | None) -> None:
    assert not _names.is_etag(etag)
    assert _names.digest_of(etag) is None


def test_digests_are_named_by_length() -> None:
    assert _names.digest_of("a" * 40) == "git-sha1:" + "a" * 40
    assert _names.digest_of("b" * 64) == "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://h/a", "HTTPS://H:443/b?c", True),
        ("http://h/a", "https://h/a", False),
        ("http://h/a", "http://h:8080/a", False),
        ("http://h:80/a", "http://h/", True),
        ("https://h.evil/a", "https://h/a", False),
        ("https://user:pw@h/a", "https://h/a", True),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, same: bool) -> None:
    assert (_names.origin_of(one) == _names.origin_of(other)) is same


def test_a_shown_url_has_no_secrets() -> None:
    assert _names.shown("https://me:pw@h:1/p?X-Signature=s#f") == "https://h:1/p"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/a/b.bin?x=1", "b.bin"),
        ("https://h/a%20b.bin", "a b.bin"),
        ("https://h/dir/", "dir"),
        ("https://h/", ""),
        ("https://h", ""),
        ("https://h/%2e%2e", ""),
        ("https://h/..%2fx", ""),
    ],
)
def test_a_file_is_named_after_the_url_or_not_at_all(url: str, name: str) -> None:
    assert _names.name_in_url(url) == name

"""Our failures as huggingface_hub's own, for callers that never heard of us. Imports _errors, _edge.

A failure with an HTTP status goes through `hf_raise_for_status` on a response that says what the server's said, so class, message and
attributes are made by their code. The rest are the HTTP library's exceptions, or OSError. Never a ValueError: transformers takes one
for a wrong model name. The cause is always our error, with everything it knows.
"""

from __future__ import annotations

from .. import _errors as errors
from .._edge import http_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from .._native import Result

# What describes the bytes that came on the wire, which are not those of the response that is made here.
_OF_THE_WIRE = ("content-encoding", "content-length", "transfer-encoding", "content-range")

# In order: the first row that fits. The name is the HTTP library's.
_TWINS = (
    (errors.ProxyError, "ProxyError"),
    (errors.TimedOut, "ReadTimeout"),
    (errors.ProtocolError, "RemoteProtocolError"),
    (errors.NetworkError, "ConnectError"),
)


def theirs(error: BaseException, result: Result | None, url: str, file_download: ModuleType) -> BaseException:
    """The exception to raise in place of `error`, which is its cause. `url`: what was asked for; only what may be shown of it is
    used."""
    if not isinstance(error, errors.HubjetError):
        return error
    twin = _twin(error, result, url, file_download)
    twin.__cause__ = error
    return twin


def _twin(error: errors.HubjetError, result: Result | None, url: str, file_download: ModuleType) -> BaseException:
    if isinstance(error, errors.StorageError):
        # OSError makes PermissionError and the like of a number by itself.
        return OSError(error.errno, error.message, error.path) if error.errno else OSError(error.message)
    if isinstance(error, errors.IntegrityError):
        return OSError(f"Consistency check failed: {error.message}")
    if isinstance(error, errors.Offline):
        offline: BaseException = file_download.OfflineModeIsEnabled(error.message)
        return offline
    if error.status is not None and error.status >= 400 and error.portal is None:
        refusal = _refusal(error, result, url, file_download)
        if refusal is not None:
            return refusal
    for kind, name in _TWINS:
        if isinstance(error, kind):
            http = _http(file_download)
            if error.code == "RESET":  # it was there, and broke off: what h11 says of a body that ends too soon
                name = "RemoteProtocolError"
            failure: BaseException = getattr(http, name)(error.message, request=http.Request("GET", _url(error, url)))
            return failure
    return OSError(error.message)


def _refusal(
    error: errors.HubjetError, result: Result | None, url: str, file_download: ModuleType
) -> BaseException | None:
    try:
        file_download.hf_raise_for_status(_response(error, result, url, file_download))
    except Exception as refusal:
        return refusal
    return None


def _response(error: errors.HubjetError, result: Result | None, url: str, file_download: ModuleType) -> Any:
    http = _http(file_download)
    said = error.headers or {}
    headers = {name: value for name, value in said.items() if name not in _OF_THE_WIRE}
    body = (result["excerpt"] if result is not None else None) or ""
    request = http.Request("GET", _url(error, url))
    return http.Response(error.status, headers=headers, content=body.encode(), request=request)


def missing_response(url: str, commit: str, file_download: ModuleType) -> Any:
    """The hub's answer for a file that a commit does not have, without asking it."""
    http = _http(file_download)
    headers = {"x-error-code": "EntryNotFound", "x-error-message": "Entry not found", "x-repo-commit": commit}
    return http.Response(404, headers=headers, request=http.Request("HEAD", url))


def _url(error: errors.HubjetError, url: str) -> str:
    from .._names import shown

    return error.url or shown(url)


def _http(file_download: ModuleType) -> Any:
    import sys

    return http_library(sys.modules[file_download.HfHubHTTPError.__module__])

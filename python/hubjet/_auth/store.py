"""Where this user's tokens are kept, as huggingface_hub 2.4 keeps them, so that each finds the other's. Imports _errors, _config.

    <HF_HOME>/token            the token in use, and nothing else
    <HF_HOME>/stored_tokens    all of them, by name: [name] hf_token = …        (beside HF_TOKEN_PATH, if that is set)

Both are 0600 from their first byte, and replaced by a rename. An existing folder keeps its mode (the stock client closes HF_HOME for everybody
else, which may be a cache that a group shares). Neither is ever below the cache: what lies there is copied, mounted and shared.
"""

from __future__ import annotations

import os

from .. import _native, _trace
from .._errors import ConfigError, StorageError, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from configparser import ConfigParser

    from .._config import Config


def stored_path(config: Config) -> str:
    """The file of all tokens."""
    return os.path.join(os.path.dirname(config.token_path), "stored_tokens")


def store(config: Config, token: str, name: str) -> str:
    """Keeps the token under this name and makes it the one in use; answers the name it has now. ConfigError if the place is below the
    cache, StorageError."""
    _check_place(config)
    stored = _read(stored_path(config))
    name = _section(name)
    if stored.has_section(name):
        stored.remove_section(name)  # what else it says belongs to the old token
    stored.add_section(name)
    stored.set(name, "hf_token", token)
    _write_stored(stored_path(config), stored)
    _write(config.token_path, token)
    return name


def names(config: Config) -> list[str]:
    """Of the tokens that are kept."""
    return _read(stored_path(config)).sections()


def remove(config: Config, name: str | None) -> list[str]:
    """Removes the token of this name, or all; answers the files that were changed. KeyError for a name that is not there."""
    paths = [config.token_path, stored_path(config)]
    if name is None:
        return [path for path in paths if _unlink(path)]
    stored = _read(paths[1])
    if not stored.has_section(name):
        raise KeyError(name)
    was_in_use = stored.get(name, "hf_token", fallback=None) == _in_use(config)
    stored.remove_section(name)
    _write_stored(paths[1], stored)
    return [*([paths[0]] if was_in_use and _unlink(paths[0]) else []), paths[1]]


def _in_use(config: Config) -> str | None:
    try:
        with open(config.token_path, encoding="utf-8") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError):
        return None


def _section(name: str) -> str:
    """A name as the file can hold it."""
    clean = " ".join(name.split())
    return clean if clean and clean != "DEFAULT" else f"token {clean}".strip()


def _check_place(config: Config) -> None:
    cache = os.path.realpath(config.cache_dir)
    for path in (config.token_path, stored_path(config)):
        if os.path.commonpath([cache, os.path.realpath(path)]) == cache:
            raise ConfigError(
                explain(
                    f"the token was not stored: {path} is in the cache",
                    because=f"a cache is copied, mounted and shared ({cache}, {config.origins['cache_dir']})",
                    do="name another file in HF_TOKEN_PATH, or set HF_TOKEN",
                )
            )


def _read(path: str) -> ConfigParser:
    """The file of all tokens; StorageError if it cannot be understood: it is not overwritten then."""
    from configparser import ConfigParser, Error

    stored = ConfigParser(interpolation=None)
    try:
        with open(path, encoding="utf-8") as file:
            stored.read_file(file)
    except FileNotFoundError:
        pass
    except (Error, UnicodeDecodeError):  # whose texts would show a line of it
        raise StorageError(
            explain(f"{path} cannot be understood, so nothing was changed", do="move it away, then log in again"), path=path
        ) from None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}", path=path, errno=error.errno) from error
    return stored


def _write_stored(path: str, stored: ConfigParser) -> None:
    from configparser import ConfigParser
    from io import StringIO

    ordered, text = ConfigParser(interpolation=None), StringIO()
    for name in sorted(stored.sections()):
        ordered.add_section(name)
        for key, value in stored.items(name):
            ordered.set(name, key, value)
    ordered.write(text)
    _write(path, text.getvalue())


def _write(path: str, text: str) -> None:
    """Whole and closed to others. Through a link, which somebody put there so that the file lies elsewhere."""
    place = os.path.realpath(path)
    try:
        os.makedirs(os.path.dirname(place), 0o700, exist_ok=True)
        _native.write_small(place, text.encode(), 0o600)
        if os.stat(place).st_mode & 0o077:  # the same content, open to others, is left as it was by write_small
            _shut(path, place)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}", path=path, errno=error.errno) from error


def _shut(path: str, place: str) -> None:
    try:
        os.chmod(place, 0o600)
    except OSError as error:  # FAT and some FUSE file systems have no modes: said, since others may read it
        _trace.warn(f"{path} cannot be closed to others on its disk ({error.strerror}): HF_TOKEN_PATH names another place", once=f"mode {place}")


def _unlink(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"{path} cannot be removed: {error.strerror}", path=path, errno=error.errno) from error
    return True

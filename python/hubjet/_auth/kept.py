"""The token on the vault, for those who ask for it: `hubjet.login(vault=True)`, and the setting vault_token. Imports _auth.credentials, _errors,
_vault.writer and below.

One file, <vault>/hubjet-token. It is made with mode 0600; a Drive has no modes, and shows the file to everybody the folder is shared with.
"""

from __future__ import annotations

import os

from .._errors import ConfigError, StorageError, explain
from .._vault import layout, trouble, writer
from .credentials import token_on_vault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._config import Config


def store(config: Config, token: str) -> str:
    """Writes it; answers who can read it, in words. ConfigError where no vault is set, StorageError."""
    path = token_on_vault(config)
    if config.vault is None or path is None:
        raise ConfigError(
            explain("the token was not stored on the vault: none is set", do="set HUBJET_VAULT, or hubjet.settings(vault=…), to a folder that outlives this computer")
        )
    temp = os.path.join(config.vault, f".hubjet-token.{os.getpid():x}{os.urandom(3).hex()}{layout.TEMP_END}")
    try:
        writer.open_vault(config.vault, None, make=True)
        writer.put_small(temp, token.encode(), 0o600)  # from its first byte: there is no chmod on a Drive
        os.replace(temp, path)
        mode = os.stat(path).st_mode & 0o777
    except StorageError:
        raise
    except OSError as error:
        raise trouble.in_words(error, config.vault, "the token could not be stored there") from error
    finally:
        try:
            os.unlink(temp)
        except OSError:
            pass  # benign: it has its name
    here = "" if mode & 0o077 == 0 else f"; on this computer others may read it, too (mode {mode:04o}, which that mount decides)"
    return (
        f"the token lies in {path} now: whoever may read that folder has it, people a Drive is shared with and apps that may see it included{here}. "
        "A token of its own that may only read is wise; hubjet.logout() removes the file, the account's settings end the token"
    )


def remove(config: Config) -> str | None:
    """Removes it; answers where it was. StorageError."""
    path = token_on_vault(config)
    if path is None:
        return None
    try:
        os.unlink(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise trouble.in_words(error, os.path.dirname(path), f"the token in {path} could not be removed") from error
    return path

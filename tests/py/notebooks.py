"""Stand-ins for what Colab and Kaggle put into a notebook's kernel, behaving as theirs do.

    colab = Colab(monkeypatch)          google.colab.userdata: get(key), its three exceptions, its lock, its 10 s without a browser
    kaggle = Kaggle(monkeypatch)        kaggle_secrets.UserSecretsClient: get_secret(label), its exceptions
"""

from __future__ import annotations

import sys
import threading
import types
from typing import Any

import pytest


class Colab:
    """`secrets`: what the user has there; `granted`: whether this notebook may read it; `browser`: set = one is there and answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.secrets: dict[str, str] = {}
        self.granted = True
        self.browser = threading.Event()
        self.browser.set()
        self.asked: list[str] = []
        self.threads: list[str] = []
        self._lock = threading.Lock()
        self.shell: Any = type("Shell", (), {"__module__": "google.colab._shell"})()

        class Error(Exception):
            pass

        class NotebookAccessError(Exception):
            def __init__(self, key: str) -> None:
                super().__init__(f"Notebook does not have access to secret {key}")

        class SecretNotFoundError(Error):
            def __init__(self, key: str) -> None:
                super().__init__(f"Secret {key} does not exist.")

        class TimeoutException(Error):
            def __init__(self, key: str) -> None:
                super().__init__(f"Requesting secret {key} timed out. Secrets can only be fetched when running from the Colab UI.")

        def get(key: str) -> str:
            self.asked.append(key)
            self.threads.append(threading.current_thread().name)
            with self._lock:
                if not self.browser.wait(10):
                    raise TimeoutException(key)
            if key not in self.secrets:
                raise SecretNotFoundError(key)
            if not self.granted:
                raise NotebookAccessError(key)
            return self.secrets[key]

        google, colab = types.ModuleType("google"), types.ModuleType("google.colab")
        errors, userdata = types.ModuleType("google.colab.errors"), types.ModuleType("google.colab.userdata")
        vars(errors).update(Error=Error)
        vars(userdata).update(get=get, NotebookAccessError=NotebookAccessError, SecretNotFoundError=SecretNotFoundError, TimeoutException=TimeoutException)
        vars(colab).update(userdata=userdata, errors=errors)
        vars(google).update(colab=colab)
        for module in (google, colab, errors, userdata):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: self.shell))


class Kaggle:
    """`secrets`: what is attached to this notebook."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.secrets: dict[str, str] = {}
        self.asked: list[str] = []
        self.internet = True
        monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
        monkeypatch.setenv("KAGGLE_USER_SECRETS_TOKEN", "jwt")

        class CredentialError(Exception):
            pass

        class BackendError(Exception):
            pass

        class ValidationError(Exception):
            pass

        class UserSecretsClient:
            def get_secret(_self, label: str) -> str:
                self.asked.append(label)
                if not label:
                    raise ValidationError("Label must be non-empty.")
                if not self.internet:
                    raise ConnectionError("Connection error trying to communicate with service.")
                if label not in self.secrets:
                    raise BackendError("Unexpected response from the service. Response: {'errors': ['No user secrets exist for kernel id 1 and label HF_TOKEN.']}.")
                return self.secrets[label]

        module = types.ModuleType("kaggle_secrets")
        vars(module).update(UserSecretsClient=UserSecretsClient, CredentialError=CredentialError, BackendError=BackendError, ValidationError=ValidationError)
        monkeypatch.setitem(sys.modules, "kaggle_secrets", module)



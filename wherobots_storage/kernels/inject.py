"""Puts variables where kernels and terminals find them, restarted kernels included."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Protocol


class KernelManager(Protocol):
    """What is used of Jupyter's manager of several kernels (jupyter_client >= 8.5)."""

    def list_kernel_ids(self) -> Iterable[str]:
        """The kernels that run."""
        ...

    def update_env(self, *, kernel_id: str, env: dict[str, str]) -> None:
        """Change what the kernel is given when it is next restarted."""
        ...


class EnvironmentInjector:
    """Sets variables in the server's own environment, of which children start with a copy.

    A session's kernel keeps the copy it was started with, over every restart, so kernels that
    live already are told by ``refresh``. ``withdraw`` puts back what was there before.
    """

    def __init__(self, environ: MutableMapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._before: dict[str, str | None] = {}
        self._current: dict[str, str] = {}

    def inject(self, variables: Mapping[str, str]) -> None:
        """Set ``variables``; kernels and terminals that start from now on have them."""
        for name, value in variables.items():
            self._before.setdefault(name, self._environ.get(name))
            self._environ[name] = value
        self._current.update(variables)

    def refresh(self, kernels: KernelManager) -> None:
        """Give what was injected to kernels that run, for when they are restarted."""
        if not self._current or not hasattr(kernels, "update_env"):
            return  # a gateway's kernels are started elsewhere, with an environment of their own
        for kernel_id in kernels.list_kernel_ids():
            kernels.update_env(kernel_id=kernel_id, env=dict(self._current))

    def withdraw(self) -> None:
        """Put the environment back as it was."""
        for name, value in self._before.items():
            if value is None:
                self._environ.pop(name, None)
            else:
                self._environ[name] = value
        self._before.clear()
        self._current.clear()

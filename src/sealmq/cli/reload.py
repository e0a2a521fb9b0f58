"""`sealmq reload`: have the running broker read sealmq.toml again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from sealmq.cli.options import HomeOption
from sealmq.errors import ConfigError, HomeError, TrustError

if TYPE_CHECKING:
    from pathlib import Path

    from sealmq.presence import Said

PATIENCE = 15.0
"""Seconds in which a broker answers that is not stuck; it looks four times a second."""

_PAUSE = 0.05


def reload(home: HomeOption = None) -> None:
    """Let the running broker read sealmq.toml again: rules, listeners, limits, TLS, certificate names, log level.

    A file with a mistake changes nothing. No connection is cut that the new file still allows.
    """
    from sealmq.cli.target import home_path
    from sealmq.home import Home
    from sealmq.presence import tell_to_reload

    path = Home(home_path(home)).path
    _check(path / "sealmq.toml")
    said = _wait_for_answer(path, tell_to_reload(path))
    if said.refused:
        why, _, remedy = said.refused.partition("; next: ")
        raise ConfigError("the broker goes on as before", why=why, remedy=f"{remedy or 'mend it'}; then: sealmq reload")
    typer.echo(f"The broker (process {said.pid}) goes on with what {path / 'sealmq.toml'} says.")


def _check(file: Path) -> None:
    """What is wrong with the file can be told better here than in the broker's log."""
    from sealmq import config
    from sealmq.pki import vault

    config.load(file)
    try:
        vault.check_unchanged(file)
    except TrustError as error:  # with the exit code of every other mistake in this file
        raise ConfigError(error.what, why=error.why, remedy=f"{error.remedy}; sealmq reload") from None


def _wait_for_answer(home: Path, before: Said) -> Said:
    from sealmq.presence import maybe_running

    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        said = maybe_running(home)
        if said is None or said.pid != before.pid:
            raise HomeError(f"the broker (process {before.pid}) ended meanwhile", remedy="its log says why")
        if said.reloads > before.begun:  # it began after our file was there
            return said
        time.sleep(_PAUSE)
    raise HomeError(f"the broker (process {before.pid}) did not answer", remedy="its log says why")

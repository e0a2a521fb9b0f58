"""The command line: one command = one file, and one way to tell an error.

Rule 1: `--help` and `--version` are fast: what a command needs is imported when the command runs.
Rule 2: an error says what happened, why, and what to type next; nobody sees a traceback for a mistake of theirs.
Rule 3: exit codes: 0 done; 1 it failed; 2 it was asked for wrongly (options, sealmq.toml); 27 `sub -W` ran out;
        130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from sealmq import __version__
from sealmq.cli import access, account, device
from sealmq.cli.backup import backup
from sealmq.cli.program import as_typed
from sealmq.cli.properties import PropertyCommand
from sealmq.cli.pub import pub
from sealmq.cli.reload import reload
from sealmq.cli.restore import restore
from sealmq.cli.sub import sub
from sealmq.cli.up import up
from sealmq.errors import ConfigError, Error

FAILED = 1
ASKED_WRONGLY = 2
INTERRUPTED = 130

# Typer has its own copy of click or the real one, by its version; both derive BadParameter from UsageError.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="sealmq",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"sealmq {__version__}")
        raise typer.Exit()


@app.callback()
def _sealmq(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """MQTT, sealed: a broker that speaks only TLS, with its own private certificate authority."""


app.command()(up)
app.command()(reload)
app.add_typer(device.app, name="device")
app.add_typer(account.app, name="account")
app.add_typer(access.app, name="access")
app.command(cls=PropertyCommand)(pub)
app.command(cls=PropertyCommand)(sub)
app.command()(backup)
app.command()(restore)


def main() -> None:
    """What the `sealmq` program runs."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line, print its error if it has one, and return the exit code."""
    try:
        code = app(args=list(arguments), prog_name="sealmq", standalone_mode=False)
        sys.stdout.flush()
    except Error as error:
        _print_error(error.what, error.why, error.remedy)
        return ASKED_WRONGLY if isinstance(error, ConfigError) else FAILED
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # Who read us has gone, as `| head` does; Python's own flush at exit must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except _UsageError as error:
        return _print_usage_error(error)
    return code if isinstance(code, int) else 0


def _print_usage_error(error: Exception) -> int:
    message = getattr(error, "format_message", error.__str__)()
    context = getattr(error, "ctx", None)
    command = "sealmq" if context is None else context.command_path
    if type(error).__name__ == "NoArgsIsHelpError":  # typer has printed the help
        return ASKED_WRONGLY
    _print_error(message.rstrip("."), "", f"{command} --help")
    return ASKED_WRONGLY


def _print_error(what: str, why: str, remedy: str) -> None:
    lines = [f"sealmq: {what}"]
    if why:
        lines.append(f"  why:  {why}")
    if remedy:
        lines.append(f"  next: {as_typed(remedy)}")
    print("\n".join(lines), file=sys.stderr)  # noqa: T201 - the one place that tells errors

"""The command line: one command = one file, and one way to tell an error.

Rule 1: `--help` and `--version` are fast: what a command needs is imported when the command runs.
Rule 2: an error says what happened, why, and what to type next; nobody sees a traceback for a mistake of theirs.
Rule 3: exit codes: 0 done; 1 it failed, or can't be done as asked; 2 the command line or sealmq.toml is wrong;
        27 `sub -W` ran out; 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from sealmq import __version__
from sealmq.cli import access, account, ca, device, enroll, log, middleware
from sealmq.cli.backup import backup
from sealmq.cli.bench import bench
from sealmq.cli.eavesdrop import eavesdrop
from sealmq.cli.explain import SETTINGS as EXPLAIN_SETTINGS
from sealmq.cli.explain import explain
from sealmq.cli.handshake import handshake
from sealmq.cli.program import as_typed, remember_home
from sealmq.cli.properties import PropertyCommand
from sealmq.cli.pub import pub
from sealmq.cli.reload import reload
from sealmq.cli.renew import renew
from sealmq.cli.restore import restore
from sealmq.cli.sub import sub
from sealmq.cli.up import up
from sealmq.errors import ConfigError, Error, PortTakenError

FAILED = 1
ASKED_WRONGLY = 2
INTERRUPTED = 130

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

# Typer has its own copy of click or the real one, by its version; both derive BadParameter from UsageError.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="sealmq",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"sealmq {__version__}")
        raise typer.Exit()


def _put_behind(home: str | None) -> None:
    if home is not None:
        remedy = f"sealmq COMMAND --home {shlex.quote(home)}"
        raise ConfigError("--home stands in front of the command", why="each command has its own", remedy=remedy)


@app.callback()
def _sealmq(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
    home: Annotated[str | None, typer.Option("--home", hidden=True, callback=_put_behind)] = None,
) -> None:
    """MQTT, sealed: a broker that speaks only TLS, with its own private certificate authority."""


app.command()(up)
app.command()(reload)
app.add_typer(device.app, name="device")
app.add_typer(enroll.app, name="enroll")
app.add_typer(account.app, name="account")
app.add_typer(ca.app, name="ca")
app.add_typer(access.app, name="access")
app.add_typer(log.app, name="log")
app.add_typer(middleware.app, name="middleware")
app.command(cls=PropertyCommand)(pub)
app.command(cls=PropertyCommand)(sub)
app.command()(renew)
app.command()(bench)
app.command()(handshake)
app.command()(eavesdrop)
app.command(context_settings=EXPLAIN_SETTINGS)(explain)
app.command()(backup)
app.command()(restore)


def main() -> None:
    """What the `sealmq` program runs."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line, print its error if it has one, and return the exit code."""
    remember_home(None)
    _fill_closed_streams()
    try:
        code = app(args=list(arguments), prog_name="sealmq", standalone_mode=False)
        sys.stdout.flush()
    except Error as error:
        _print_error(error.what, error.why, error.remedy)
        asked_wrongly = isinstance(error, ConfigError) and not isinstance(error, PortTakenError)
        return ASKED_WRONGLY if asked_wrongly else FAILED
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()  # who read us has gone, as `| head` does
        return FAILED
    except OSError as error:
        if error.errno not in _UNWRITABLE or error.filename is not None:
            raise
        _drop_output()
        _print_error("the output cannot be written", error.strerror or str(error), "make room, or write elsewhere")
        return FAILED
    except _UsageError as error:
        return _print_usage_error(error)
    return code if isinstance(code, int) else 0


def _fill_closed_streams() -> None:
    """Give a program that was started with `<&-` or `>&-` its three streams back, or a socket might become one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - for good


def _drop_output() -> None:
    """Python's own flush at exit must not complain about what we have told already."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_usage_error(error: Exception) -> int:
    message = getattr(error, "format_message", error.__str__)()
    context = getattr(error, "ctx", None)
    command = "sealmq" if context is None else context.command_path
    if type(error).__name__ == "NoArgsIsHelpError":  # typer has printed the help
        return ASKED_WRONGLY
    _print_error(message.rstrip("."), "", f"{command} --help")
    return ASKED_WRONGLY


def _printable(text: str) -> str:
    """What was quoted may be a stranger's: nothing that a terminal would obey, but for lines of our own."""
    from sealmq.cli.log_lines import one_line

    return "\n".join(map(one_line, text.split("\n")))


def _print_error(what: str, why: str, remedy: str) -> None:
    lines = [f"sealmq: {_printable(what)}"]
    if why:
        lines.append(f"  why:  {_printable(why)}")
    if remedy:
        lines.append(f"  next: {_printable(as_typed(remedy))}")
    print("\n".join(lines), file=sys.stderr)  # noqa: T201 - the one place that tells errors

"""`sealmq middleware`: which TLS libraries are here, and what each can do. Below it: compare, build."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sealmq.cli.middleware_build import build
from sealmq.cli.middleware_compare import compare
from sealmq.cli.program import as_typed

if TYPE_CHECKING:
    from sealmq.errors import MiddlewareError
    from sealmq.tls.middleware import Abilities, Version

app = typer.Typer(invoke_without_command=True)

SHOWN = ("openssl", "pyopenssl", "mbedtls-3.6", "mbedtls-2.28", "wolfssl")
"""By their exact names: "mbedtls" is the first of the two that is here."""

_WIDTH = 14
"""Of the words before what they are about."""


@app.callback()
def middleware(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """TLS libraries: which are here, what each can do, and how to get the others.

    `middleware = "NAME"` in sealmq.toml, or --middleware NAME, chooses one.
    """
    if context.invoked_subcommand is not None:
        return
    found = {name: _look(name) for name in SHOWN}
    if as_json:
        typer.echo(json.dumps([_as_json(name, each) for name, each in found.items()], indent=2))
        return
    blocks = ("\n".join(_folded(line) for line in _in_words(name, each)) for name, each in found.items())
    typer.echo("\n\n".join(blocks))


def _look(name: str) -> Abilities | MiddlewareError:
    """What it can do, or why it is not here."""
    from sealmq.errors import MiddlewareError
    from sealmq.tls.middlewares import find

    try:
        return find(name).abilities
    except MiddlewareError as error:
        return error


def _in_words(name: str, found: Abilities | MiddlewareError) -> Iterator[str]:
    from sealmq.errors import MiddlewareError
    from sealmq.tls.middlewares import DEFAULT

    if isinstance(found, MiddlewareError):
        yield f"{name}: not here"
        yield _line("why", f"{found.what}{f' ({found.why})' if found.why else ''}")
        yield _line("next", as_typed(found.remedy))
        return
    yield f"{name}: {found.title}{' (the default)' if name == DEFAULT else ''}"
    yield _line("licence", found.licence)
    yield _line("TLS", _versions(found.versions))
    yield _line("post-quantum", ", ".join(found.hybrid_groups) or "no hybrid group")
    yield _line("PSK", _sides(found.psk_client, found.psk_server))
    yield _line("resumption", _sides(found.resumes_client, found.resumes_server))
    yield _line("addresses", "compared with the certificate's" if found.addresses else "not compared: dial names only")
    revoked = "refused in the handshake" if found.revocation else "refused behind the handshake, by the registry"
    yield _line("the revoked", revoked)
    yield _line("group", "told" if found.names_group else "not told")
    yield _line("key log", "yes: a capture can be opened" if found.keeps_keys_log else "no")
    for each in found.cannot:
        yield _line("cannot", each)


def _as_json(name: str, found: Abilities | MiddlewareError) -> dict[str, Any]:
    from sealmq.errors import MiddlewareError
    from sealmq.tls.middlewares import DEFAULT

    about: dict[str, Any] = {"name": name, "default": name == DEFAULT}
    if isinstance(found, MiddlewareError):
        return about | {"here": False, "what": found.what, "why": found.why, "remedy": found.remedy}
    return about | {
        "here": True,
        "title": found.title,
        "licence": found.licence,
        "versions": sorted(found.versions),
        "hybrid_groups": list(found.hybrid_groups),
        "psk": {"device": sorted(found.psk_client), "broker": sorted(found.psk_server)},
        "resumption": {"device": sorted(found.resumes_client), "broker": sorted(found.resumes_server)},
        "addresses": found.addresses,
        "revocation": found.revocation,
        "names_group": found.names_group,
        "key_log": found.keeps_keys_log,
        "cannot": list(found.cannot),
    }


def _line(about: str, words: str) -> str:
    return f"  {about:<{_WIDTH}}{words}"


def _folded(line: str) -> str:
    """In a terminal, what is longer than a line goes on below where it began; whoever reads lines gets whole ones."""
    if not sys.stdout.isatty():
        return line
    margin = " " * len(_line("", ""))
    width = max(shutil.get_terminal_size().columns, 2 * len(margin))
    return textwrap.fill(line, width, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False)


def _versions(versions: Collection[Version]) -> str:
    return ", ".join(each.removeprefix("TLSv") for each in sorted(versions)) or "none"


def _sides(device: Collection[Version], broker: Collection[Version]) -> str:
    if not device and not broker:
        return "none"
    if set(device) == set(broker):
        return f"{_versions(device)}, as device and as broker"
    return f"as device {_versions(device)}, as broker {_versions(broker)}"


app.command()(compare)
app.command()(build)

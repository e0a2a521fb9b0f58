"""`sealmq ca renew-broker`: another certificate for the broker, now. It renews itself in time; this is for one who
cannot wait: its key may have been seen, or something is to be tried."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from sealmq.cli.ca_passphrase import with_ca_passphrase
from sealmq.cli.options import HomeOption
from sealmq.cli.times import moment


@with_ca_passphrase
def renew_broker(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    home: HomeOption = None,
) -> None:
    """Give the broker a new key and certificate now. A running one takes it within a second, and cuts nobody."""
    from sealmq import config
    from sealmq.cli.target import home_path
    from sealmq.home import Home, broker_names
    from sealmq.pki.authority import certificates_of
    from sealmq.pki.peer import day, identify_certificate

    with Home.open(home_path(home)) as opened:
        file = opened.configuration
        settings = (config.load(file) if file.exists() else config.Configuration()).certificate
        opened.ensure_broker_certificate(broker_names(settings), time.time(), at_once=True)
        made = identify_certificate(certificates_of(opened.broker_chain.read_bytes())[0])
    if as_json:
        typer.echo(json.dumps({"serial": made.serial, "not_after": moment(made.not_after)}, indent=2))
    else:
        typer.echo(f"The broker has a new certificate: serial {made.serial}, until {day(made.not_after)}.")
        typer.echo("A broker that runs shows it to whoever connects within a second; links that stand go on.")

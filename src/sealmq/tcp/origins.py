"""Where a web page comes from: the origins that browsers send, compared (RFC 6454).

A browser uses the client certificate of its owner for every page that asks, also for a page of a stranger: whoever
lures the owner to a page of theirs would speak MQTT as the owner. The Origin header, which a page cannot forge, tells
the broker which page it is (RFC 6455 section 10.2). Programs other than browsers may leave it out.
"""

from __future__ import annotations

import re
from collections.abc import Container

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^\s/?#@:\[\]]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_USUAL_PORTS = {"https": 443, "http": 80}


def normal_origin(text: str) -> str | None:
    """An origin as browsers write it: lower case, without the scheme's usual port [RFC 6454 section 6.2].

    None when it is no origin, as "null" and whatever has a path.
    """
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        return None
    scheme, host, port = match.groups()
    if port is None or int(port) == _USUAL_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{int(port)}"


def may_connect(origin: str, host: str, origins: Container[str]) -> bool:
    """May a page of `origin` open a WebSocket here? Its own server may (`host`, the Host header), and those named.

    Host is what the browser looked up: a name that a stranger points to this machine also needs our certificate for it.
    """
    normal = normal_origin(origin)
    return normal is not None and (normal in origins or normal == normal_origin(f"https://{host}"))

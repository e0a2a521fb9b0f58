"""HTML that is put together, not pasted: what is no Markup becomes text, whatever is in it.

Rule: only `element` makes Markup out of a stranger's text, and it escapes it; `Markup(...)` is for what stands in this
      program, or was escaped already.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from sealmq.kit.handshake.draw.words import one_line

_EMPTY: Final = frozenset({"meta", "br"})
"""Elements that hold nothing and are not closed."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Iterable[str]
"""A text, Markup, or several of them."""


def element(name: str, /, *content: Content, **attributes: str | int | None) -> Markup:
    """An element with its content.

    attributes: `class_` is class, other underscores are hyphens; None leaves the attribute out, "" gives its bare name.
    """
    said = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None)
    inner = "".join(text(each) for each in content)
    return Markup(f"<{name}{said}>" if name in _EMPTY else f"<{name}{said}>{inner}</{name}>")


def text(content: Content) -> Markup:
    """Content as HTML: Markup as it is, all else escaped, and without what can't be seen."""
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(escape(one_line(content)))
    return Markup("".join(text(each) for each in content))


def _attribute(key: str, value: str | int) -> str:
    name = key.rstrip("_").replace("_", "-")
    quoted = escape(one_line(str(value)), quote=False).replace('"', "&quot;")
    return f' {name}="{quoted}"' if value != "" else f" {name}"

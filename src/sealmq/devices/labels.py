"""Labels: profiles of enrolment, by the name that stands in an EST path (RFC 7030 section 3.2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Label:
    """What one label asks beside the token or claim that a device proves. It narrows what that allows, and widens
    nothing: whoever knows the label has no more for it.
    """

    name: str = ""
    """How it is called in /.well-known/est/NAME/simpleenroll."""

    prefix: str = ""
    """Names that are enrolled by it begin with this."""

    days: int | None = None
    """The longest life of certificates that come of it; None: as long as elsewhere."""

    approval: bool = False
    """Somebody has to approve each new device."""

    def admits(self, name: str) -> bool:
        """May a device of this name be enrolled by it?"""
        return name.startswith(self.prefix)

    def shorten(self, days: int) -> int:
        """The life of a certificate that would have so many days elsewhere."""
        return days if self.days is None else min(days, self.days)


NO_LABEL: Final = Label()
"""Of a path without one, and of every other way in: it narrows nothing."""

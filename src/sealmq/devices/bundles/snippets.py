"""The C files of bundles that are the same for every device, kept as C in the folder snippets/."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from sealmq.devices.bundles.target import File, content_of, expect


def snippet(target: str, name: str) -> File:
    """The file `name` of the folder snippets/`target`."""
    folder = resources.files("sealmq.devices.bundles") / "snippets" / target
    return File(name, folder.joinpath(name).read_bytes())


def expect_snippets(files: Sequence[File], target: str, *names: str) -> None:
    """Raise BundleError unless each of these files is there as it was written."""
    for name in names:
        expect(name, content_of(files, name), snippet(target, name).content)

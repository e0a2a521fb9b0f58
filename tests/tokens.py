"""A PKCS#11 token for the tests: SoftHSM, with its files in a folder of their own."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from running import program
from sealmq.pki import token

PIN = "20-26-pin"

_PLACES = (
    "/usr/lib/softhsm",
    "/usr/lib64/softhsm",
    "/usr/lib64",
    "/usr/local/lib/softhsm",
    "/opt/homebrew/lib/softhsm",
)


@dataclass(frozen=True)
class SoftHSM:
    """A token that is ready. module: its library; label: its name; pin_file: a file that its owner alone can read."""

    module: Path
    label: str
    pin_file: Path

    @property
    def options(self) -> list[str]:
        """What `sealmq ca to-token` is told."""
        return ["--module", str(self.module), "--token", self.label, "--pin-file", str(self.pin_file)]

    def restart(self) -> None:
        """As if this process had just started: nobody is logged in."""
        import pkcs11

        pkcs11.lib(str(self.module)).reinitialize()
        token._sessions.clear()
        token._refused.clear()


def softhsm(folder: Path) -> SoftHSM:
    """Make a token called 'plant', and one called 'other' beside it. From here on this process and those that it
    starts know these two alone: SoftHSM reads where they are once in a process."""
    tool = program("softhsm2-util", "softhsm2")
    module = next(
        (Path(place) / "libsofthsm2.so" for place in _PLACES if (Path(place) / "libsofthsm2.so").exists()), None
    )
    if module is None:
        pytest.fail(f"softhsm2-util is here, but libsofthsm2.so in none of {', '.join(_PLACES)}")
    (folder / "tokens").mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    for label in ("plant", "other"):
        command = [tool, "--init-token", "--free", "--label", label, "--so-pin", "security officer", "--pin", PIN]
        subprocess.run(command, check=True, capture_output=True)
    pin_file = folder / "pin"
    pin_file.touch(0o600)
    pin_file.write_text(f"{PIN}\n")
    return SoftHSM(module, "plant", pin_file)

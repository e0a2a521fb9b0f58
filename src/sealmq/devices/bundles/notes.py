"""Sentences that the READMEs of several targets share, each with this device's own values."""

from __future__ import annotations

from sealmq.addresses import is_address
from sealmq.bundle import KEY_FILE
from sealmq.devices.bundles.credentials import Credentials
from sealmq.pki.peer import day


def title(credentials: Credentials, what: str) -> str:
    """The first lines of a README: whose bundle it is, for which broker, until when."""
    return (
        f"# {credentials.name}: {what}\n\n"
        f"For the broker `{credentials.host}:{credentials.port}` (TLS {credentials.min_tls} or newer). "
        f"The certificate holds until {day(credentials.leaf.not_after)};\n`manifest.json` has the sum of every file.\n"
    )


def secret(credentials: Credentials, file: str, instead: str) -> str:
    """What holds the private key, or where it goes when the device keeps its own."""
    if credentials.key is not None:
        return f"- `{file}` holds the private key: whoever has it is the device. It stays out of git (`.gitignore`)."
    return f"- The private key is not here: the device made it and keeps it. {instead}"


def missing_key_file(credentials: Credentials) -> str:
    """Where the key goes that is not here, for programs that read PEM files; nothing where it is."""
    if credentials.key is not None:
        return ""
    return f"The device keeps its private key: put it beside these files as `{KEY_FILE}` (PEM, mode 0600).\n\n"


def name_check(credentials: Credentials) -> str:
    """That the broker's name is verified, and what that means for the host of this bundle."""
    line = (
        f"- The name that is dialled is compared with the broker's certificate. Dial `{credentials.host}`, "
        "and never switch that off."
    )
    if is_address(credentials.host):
        line += (
            "\n- Mbed TLS before 3.5 (ESP-IDF 4, old NXP SDKs) knows no address in a certificate: use a name, or put "
            "`addresses_as_dns_names = true`\n  under `[certificate]` in the broker's sealmq.toml."
        )
    return line


def clock(credentials: Credentials, how: str) -> str:
    """That dates are checked only with a clock, and how it is done here."""
    return (
        f"- Dates need a clock: {how}\n  Before it is set, start it at {day(credentials.leaf.not_before)} "
        "or at the build time."
    )


def sizes(credentials: Credentials) -> str:
    """How many bytes the handshake takes, so that buffers can be chosen."""
    roots = " and ".join(f"{len(each)}" for each in credentials.root_ders)
    return (
        f"- As DER: root {roots} bytes, certificate {len(credentials.leaf_der)}"
        + (f", key {len(credentials.key_sec1_der)}" if credentials.key_sec1_der is not None else "")
        + ".\n  The device sends its certificate alone; the broker sends two, about 1,000 bytes, and never its root."
    )


def small_records() -> str:
    """What small buffers mean."""
    return (
        "- Receive buffers below 16 KiB need the max_fragment_length extension (RFC 6066): the broker honours it.\n"
        "  Its certificates are one message, longer with many names: 2 KiB are enough for it, 512 are not."
    )

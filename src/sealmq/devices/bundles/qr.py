"""qr: a label to print (SVG): who the device is, where its broker is, whom it trusts. Never the private key.

What is in the code is a URI, so that any reader shows something that a person understands:

    sealmq:sensor-1?broker=broker.example:8883&root=BASE64URL&key=BASE64URL[&token=TOKEN]

Rule 1: `root` is the SHA-256 of a root certificate, once for each root: who fetches the root by a way that he doubts
        compares it with this.
Rule 2: `key` is the SHA-256 of the device's public key (SubjectPublicKeyInfo): whether the thing that connects is the
        one with this label.
Rule 3: `token` is there only when one was made for this device. Then the label is a secret until it has been used.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs, quote, urlencode
from xml.etree import ElementTree

from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import EVERY_KEY, File, Limits, Target, content_of, expect
from sealmq.errors import BundleError

LABEL: Final = "label.svg"
TEXT: Final = "label.txt"

_QUIET = 4  # modules of white around the code (ISO/IEC 18004): with less, some readers do not see it
_LINE = 4  # modules for each line of text below
_RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1h-\3z")


def label_uri(device: str, host: str, port: int, *, roots: Sequence[str], key: str = "", token: str = "") -> str:
    """What the code says. roots, key: SHA-256, hex; the key's is "" for a device that has none yet."""
    said: list[tuple[str, str]] = [("broker", f"{host}:{port}")]
    said += [("root", _base64url(root)) for root in roots]
    if key:
        said.append(("key", _base64url(key)))
    if token:
        said.append(("token", token))
    return f"sealmq:{quote(device)}?{urlencode(said, safe=':')}"


def draw_label(uri: str, lines: Sequence[str]) -> str:
    """The code as SVG, dark on white, with lines of text below it."""
    rows = _modules(uri)
    width, height = len(rows) + 2 * _QUIET, len(rows) + (2 + len(lines)) * _LINE
    runs = "".join(
        f"M{match.start() + _QUIET} {y + _QUIET}h{len(match[0])}v1h-{len(match[0])}z"
        for y, row in enumerate(rows)
        for match in re.finditer("1+", row)
    )
    texts = "\n".join(
        f'<text x="{_QUIET}" y="{len(rows) + 2 * _QUIET + at * _LINE + 1}">{html.escape(line)}</text>'
        for at, line in enumerate(lines)
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" font-family="monospace" font-size="3"
     width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}">
<rect width="{width}" height="{height}" fill="#fff"/>
<path fill="#000" d="{runs}"/>
{texts}
</svg>
"""


class QR(Target):
    """The label, and what it says as text."""

    name = "qr"
    title = "a label to print: QR code (SVG) with device, broker and the root's SHA-256"
    limits = Limits(keys=EVERY_KEY)

    def files(self, credentials: Credentials) -> list[File]:
        """Both are secrets while a token is in them; there is no private key in either."""
        uri, secret = _uri(credentials), bool(credentials.enrollment_token)
        label = draw_label(uri, [credentials.name, f"{credentials.host}:{credentials.port}"])
        return [File(LABEL, label.encode(), private=secret), File(TEXT, f"{uri}\n".encode(), private=secret)]

    def readme(self, credentials: Credentials) -> str:
        """What is in the code, and what may be done with it."""
        token = (
            "\n**It holds a one-time token: who scans it first may enrol in place of the device.** Print it once, and\n"
            "remove these files.\n"
            if credentials.enrollment_token
            else ""
        )
        roots = "\n".join(f"    {fingerprint}" for fingerprint in credentials.root_fingerprints)
        return f"""# {credentials.name}: a label

`{LABEL}` is the code, one millimetre a module; scale it as you like, to 0.4 mm a module and not below.
`{TEXT}` is what it says:

    sealmq:DEVICE?broker=HOST:PORT&root=SHA256&key=SHA256

| part | what it is |
| --- | --- |
| DEVICE | the name in the device's certificate: `{credentials.name}` |
| broker | where it connects: `{credentials.host}:{credentials.port}` |
| root | SHA-256 of the root certificate, base64url; twice while a root is being replaced |
| key | SHA-256 of the device's public key (SubjectPublicKeyInfo), base64url |
| token | a one-time token for enrolment, where one was made |
{token}
The private key is not in it, and never will be. To compare by hand, the root's SHA-256 in hex:

{roots}

    openssl x509 -in root.pem -outform DER | sha256sum
    openssl x509 -in device.pem -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum

- The label outlives certificates (a renewal may keep the key), but not a new key: then print a new one.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """The modules are read back from the drawing, and the text from the URI."""
        uri = content_of(files, TEXT).decode().removesuffix("\n")
        expect(TEXT, uri.encode(), _uri(credentials).encode())
        said = parse_qs(uri.partition("?")[2], strict_parsing=True)
        roots = [base64.urlsafe_b64decode(root + "=").hex() for root in said["root"]]
        if tuple(roots) != credentials.root_fingerprints:
            raise BundleError(f"{TEXT} names other roots")
        if _read_label(content_of(files, LABEL)) != _modules(uri):
            raise BundleError(f"{LABEL} does not show what {TEXT} says")


def _uri(credentials: Credentials) -> str:
    return label_uri(
        credentials.name,
        credentials.host,
        credentials.port,
        roots=credentials.root_fingerprints,
        key=credentials.leaf.spki_sha256,
        token=credentials.enrollment_token,
    )


def _modules(uri: str) -> list[str]:
    """The code, row by row, "1" for dark. Level M: it may lose 15 percent to scratches."""
    import segno  # here: it loads urllib and http, 30 ms that the other targets need not wait for

    code = segno.make_qr(uri, error="m", boost_error=False)
    return ["".join("1" if dark else "0" for dark in row) for row in code.matrix]


def _read_label(content: bytes) -> list[str]:
    """The modules of a drawing of ours. Raises BundleError."""
    try:
        path = ElementTree.fromstring(content).find("{http://www.w3.org/2000/svg}path")  # noqa: S314 - our own drawing
    except ElementTree.ParseError as error:
        raise BundleError(f"{LABEL} cannot be read", why=str(error)) from error
    drawn = path.get("d", "") if path is not None else ""
    runs = [(int(x) - _QUIET, int(y) - _QUIET, int(n)) for x, y, n in _RUN.findall(drawn)]
    size = 1 + max((x + n - 1 for x, _, n in runs), default=0)
    rows = [["0"] * size for _ in range(size)]
    for x, y, length in runs:
        if not 0 <= x < x + length <= size or not 0 <= y < size:
            raise BundleError(f"{LABEL} is drawn beyond its edge")
        rows[y][x : x + length] = "1" * length
    return ["".join(row) for row in rows]


def _base64url(sha256: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")


TARGET = QR()

"""DER files: a third shorter than PEM, for parsers without base64."""

from __future__ import annotations

from collections.abc import Sequence

from sealmq.devices.bundles import notes
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import EVERY_KEY, File, Limits, Target, content_of, expect

LEAF = "device.der"
ISSUING = "device-ca.der"
KEY = "device.key.der"
PKCS8 = "device.pkcs8.der"


class DER(Target):
    """Certificates one by one, the key in its two forms."""

    name = "der"
    title = "DER files: for parsers without base64"
    limits = Limits(keys=EVERY_KEY)

    def files(self, credentials: Credentials) -> list[File]:
        """The roots, the certificate, that of its CA, and the key without a byte behind it."""
        roots = [File(_root(at), der) for at, der in enumerate(credentials.root_ders, 1)]
        files = [*roots, File(LEAF, credentials.leaf_der), File(ISSUING, credentials.issuing_der)]
        if credentials.key_sec1_der is not None and credentials.key_pkcs8_der is not None:
            files.append(File(KEY, credentials.key_sec1_der, private=True))
            files.append(File(PKCS8, credentials.key_pkcs8_der, private=True))
        return files

    def readme(self, credentials: Credentials) -> str:
        """What each file is, and the one trap."""
        return f"""{notes.title(credentials, "DER files")}
| file | what it is |
| --- | --- |
| `root.der` (`root-2.der`: while a root is being replaced) | whom to trust |
| `{LEAF}` | the device's certificate: all that it sends to a SealMQ broker |
| `{ISSUING}` | that of the Device CA, for brokers that want the chain |
| `{KEY}` | the private key as SEC1 (RFC 5915): the shortest, read by all Mbed TLS and wolfSSL |
| `{PKCS8}` | the same key as PKCS#8, for Java, Go and newer parsers |

{notes.sizes(credentials)}
- Pass the exact length: many parsers refuse a key or certificate with one byte behind it.
{notes.secret(credentials, KEY, "Give its own DER to the parser where KEY is asked for.")}
{notes.name_check(credentials)}
- To look at one: `openssl x509 -inform DER -in {LEAF} -noout -text`
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """DER is parsed for every target; what remains is that each file is the one that its name says."""
        for at, der in enumerate(credentials.root_ders, 1):
            expect(_root(at), content_of(files, _root(at)), der)
        expect(LEAF, content_of(files, LEAF), credentials.leaf_der)
        expect(ISSUING, content_of(files, ISSUING), credentials.issuing_der)
        if credentials.key is not None:
            expect(KEY, content_of(files, KEY), credentials.key_sec1_der)
            expect(PKCS8, content_of(files, PKCS8), credentials.key_pkcs8_der)


def _root(number: int) -> str:
    return "root.der" if number == 1 else f"root-{number}.der"


TARGET = DER()

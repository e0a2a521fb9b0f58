"""PEM files: what OpenSSL, GnuTLS, mosquitto, Go, Node.js and most programs read."""

from __future__ import annotations

from collections.abc import Sequence

from sealmq.bundle import CHAIN_FILE, KEY_FILE, LEAF_FILE, ROOT_FILE
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.pem_files import certificate_files, expect_pem_files, key_files
from sealmq.devices.bundles.target import EVERY_KEY, File, Limits, Target, content_of, expect
from sealmq.pki.peer import day

SEC1_FILE = "device.ec.key"


class PEM(Target):
    """Five files, each for what one program or the other asks for."""

    name = "pem"
    title = "PEM files: OpenSSL, mosquitto, Go, Node.js and most programs"
    limits = Limits(keys=EVERY_KEY)

    def files(self, credentials: Credentials) -> list[File]:
        """root.pem, the certificate with and without its CA, the key in its two forms."""
        files = [
            *certificate_files(credentials),
            File(CHAIN_FILE, credentials.chain_pem),
            *key_files(credentials),
        ]
        if credentials.key_sec1_pem is not None:
            files.append(File(SEC1_FILE, credentials.key_sec1_pem, private=True))
        return files

    def readme(self, credentials: Credentials) -> str:
        """What each file is for, and one command that proves them."""
        key = KEY_FILE if credentials.key is not None else "YOUR-OWN.key"
        return f"""# {credentials.name}: PEM files

| file | what it is |
| --- | --- |
| `{ROOT_FILE}` | whom to trust: the CA file of every program |
| `{LEAF_FILE}` | the device's certificate alone: all that a SealMQ broker needs |
| `{CHAIN_FILE}` | the same with its CA's behind it, for brokers that want the chain |
{_key_rows(credentials)}
Try it:

    mosquitto_pub -h {credentials.host} -p {credentials.port} --cafile {ROOT_FILE} --cert {LEAF_FILE} --key {key} \\
      -t devices/{credentials.name}/temp -m 21.5

- The host name is compared with the broker's certificate: dial `{credentials.host}`, and never switch the check off.
- `openssl verify -x509_strict -purpose sslclient -CAfile {ROOT_FILE} -untrusted {CHAIN_FILE} {LEAF_FILE}` says OK.
- Both sides' clocks must be right to the hour: the certificate holds until {day(credentials.leaf.not_after)}.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """PEM is parsed for every target; what remains is that each file is the one that its name says."""
        expect_pem_files(files, credentials)
        expect(CHAIN_FILE, content_of(files, CHAIN_FILE), credentials.chain_pem)
        if credentials.key is not None:
            expect(SEC1_FILE, content_of(files, SEC1_FILE), credentials.key_sec1_pem)


def _key_rows(credentials: Credentials) -> str:
    if credentials.key is None:
        return (
            "\nThe private key is where the certificate request was made, and stays there: name that file where a "
            "program asks for the key.\n"
        )
    return (
        f"| `{KEY_FILE}` | the private key, PKCS#8: what proves it is this device. SECRET |\n"
        f"| `{SEC1_FILE}` | the same key in the older form (SEC1), for Mbed TLS 2 and small parsers. SECRET |\n"
    )


TARGET = PEM()

"""PKCS#12: key and certificates in one locked file, for Java, .NET and Windows."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sealmq.bundle import ROOT_FILE
from sealmq.devices.bundles import notes
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, Limits, Target, content_of, expect
from sealmq.errors import BundleError
from sealmq.pki.containers import read_pkcs12, write_pkcs12

STORE = "device.p12"
_PASSWORD_BYTES = 16  # 128 bits: nothing that a dictionary has, and the file may lie about


class PKCS12(Target):
    """device.p12, whose password is shown once, and root.pem."""

    name = "pkcs12"
    title = "PKCS#12 (.p12): Java, .NET, Windows"
    limits = Limits(needs_key=True)
    has_password = True

    def files(self, credentials: Credentials) -> list[File]:
        """The store with a password of its own each time."""
        assert credentials.key is not None  # needs_key
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        others = [credentials.issuing_der, *credentials.root_ders]
        store = write_pkcs12(credentials.name, credentials.key, credentials.leaf_der, others, password)
        return [File(STORE, store, private=True, password=password), File(ROOT_FILE, credentials.root_pem)]

    def readme(self, credentials: Credentials) -> str:
        """How it is opened, and which old programs can't."""
        return f"""{notes.title(credentials, "PKCS#12")}
| file | what it is |
| --- | --- |
| `{STORE}` | private key, certificate, Device CA and root, under the friendly name `{credentials.name}` |
| `{ROOT_FILE}` | whom to trust, for programs that want it apart (Java: a truststore) |

- The password was shown once when this bundle was made, and stands nowhere. Lost: make the bundle again with `--force`.
- Locked with PBES2 (AES-256-CBC, PBKDF2) and a MAC with SHA-256. The Keychain of macOS, some Android and Java before
  8u301 do not know that, and call it a wrong password or "MAC verification failed". Give them PEM (`--target pem`), or
  on their own machine the older, weaker form: `openssl pkcs12 -in {STORE} -nodes | openssl pkcs12 -export -legacy`.
{notes.secret(credentials, STORE, "")}
{notes.name_check(credentials)}

    openssl pkcs12 -in {STORE} -info -noout
    keytool -importkeystore -srckeystore {STORE} -srcstoretype PKCS12 -destkeystore client.jks
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """Open the store with its password and compare everything in it."""
        expect(ROOT_FILE, content_of(files, ROOT_FILE), credentials.root_pem)
        file = next((file for file in files if file.name == STORE), None)
        if file is None:
            raise BundleError(f"{STORE} is missing from the bundle")
        store = read_pkcs12(file.content, file.password)
        expect(STORE, store.leaf, credentials.leaf_der)
        if credentials.key is None or store.key.public != credentials.key.public or store.name != credentials.name:
            raise BundleError(f"{STORE} does not hold this device's key")
        if set(store.others) != {credentials.issuing_der, *credentials.root_ders}:
            raise BundleError(f"{STORE} does not hold this device's authorities")


TARGET = PKCS12()

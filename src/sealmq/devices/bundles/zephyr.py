"""Zephyr: DER for its build or for its credential shell, and the calls that set TLS up."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from sealmq.devices.bundles import notes
from sealmq.devices.bundles.c_header import broker_macros, broker_values
from sealmq.devices.bundles.c_literals import expect_literals, guarded, heading, number_macro
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.snippets import expect_snippets, snippet
from sealmq.devices.bundles.target import File, Limits, Target, content_of, expect
from sealmq.errors import BundleError

CREDENTIALS = "mqtt_credentials.h"
CMAKE = "credentials.cmake"
SHELL = "cred_install.txt"
KEY = "certs/device.key.der"
SNIPPETS = ("prj_tls.conf", "tls_setup.c", "tls_setup.h")
SEC_TAG = 42
_PIECE = 120  # letters of base64 in a line: Zephyr's shell takes 256, its serial ports lose what comes too fast


class Zephyr(Target):
    """Files for both ways: compiled in, or typed into the shell of a board that is running."""

    name = "zephyr"
    title = "Zephyr: DER for the build or the credential shell, and tls_setup.c"
    limits = Limits(keys=("P-256", "RSA-2048"), newest_tls="1.2")

    def files(self, credentials: Credentials) -> list[File]:
        """The DER files, what makes .inc files of them, the shell's commands, the snippet."""
        certificates = {name: der for name, (_, _, der) in _stored(credentials).items() if name != KEY}
        files = [File(name, der) for name, der in certificates.items()]
        parts = [
            heading(credentials, "MQTT over TLS: where the broker is and who we are.", private=False),
            broker_macros(credentials),
            _tags(credentials),
        ]
        files += [
            File(CREDENTIALS, guarded("MQTT_CREDENTIALS_H", parts).encode()),
            File(CMAKE, _cmake(credentials)),
            *(snippet("zephyr", name) for name in SNIPPETS),
            File(SHELL, _shell_commands(credentials), private=credentials.key is not None),
        ]
        if credentials.key_sec1_der is not None:
            files.append(File(KEY, credentials.key_sec1_der, private=True))
        return files

    def readme(self, credentials: Credentials) -> str:
        """Both ways, the Kconfig, the traps."""
        return f"""{notes.title(credentials, "Zephyr")}
Compiled in: copy this folder into the application, then

    include(${{CMAKE_CURRENT_SOURCE_DIR}}/sealmq/{CMAKE})      # CMakeLists.txt, after project(...)
    west build -b BOARD -- -DEXTRA_CONF_FILE=sealmq/prj_tls.conf

    tls_credentials_install();      /* once, at start */
    mqtt_client_init(&client);
    tls_setup(&client);             /* before mqtt_connect */

Typed in: build with `CONFIG_TLS_CREDENTIALS_SHELL=y` and `-DMQTT_CREDENTIALS_IN_SHELL`, and send `{SHELL}` line by
line. `cred list` then shows what is there. It lasts over a restart with
`CONFIG_TLS_CREDENTIALS_BACKEND_PROTECTED_STORAGE` (which needs TF-M).

- The files are DER: passed with `sizeof`, typed with `BIN`. (PEM would need its NUL: `BINT`.)
- Root, certificate and key share the tag {SEC_TAG}; a second root has one of its own.
  `CONFIG_TLS_MAX_CREDENTIALS_NUMBER` counts each of them.
- `tls->hostname` and `TLS_PEER_VERIFY_REQUIRED` are both needed, and both set by `tls_setup`.
{notes.name_check(credentials)}
{notes.clock(credentials, "`CONFIG_MBEDTLS_HAVE_TIME_DATE` with a time from SNTP, or no date is checked.")}
{notes.secret(credentials, KEY, f"Give it to `tls_credential_add({SEC_TAG}, TLS_CREDENTIAL_PRIVATE_KEY, ...)`.")}
{notes.sizes(credentials)}
- `CONFIG_MBEDTLS_HEAP_SIZE` of 40 kB is enough with `CONFIG_MBEDTLS_SSL_MAX_CONTENT_LEN` of 4,096 (not below 2,048):
  `CONFIG_NET_SOCKETS_TLS_SET_MAX_FRAGMENT_LENGTH`, on by default, asks for small records, and the broker honours it.
- Zephyr's MQTT client opens sockets of TLS 1.2: a broker with `profile = "modern"` can't be its broker.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """DER is parsed for every target; the header and the shell's commands are read back and compared."""
        stored = _stored(credentials)
        for name, (_, _, der) in stored.items():
            expect(name, content_of(files, name), der)
        tags = {"MQTT_SEC_TAG": str(SEC_TAG).encode()}
        if len(credentials.root_ders) > 1:
            tags["MQTT_SEC_TAG_2"] = str(SEC_TAG + 1).encode()
        expect_literals(files, CREDENTIALS, broker_values(credentials) | tags)
        expect(CMAKE, content_of(files, CMAKE), _cmake(credentials))
        expect_snippets(files, "zephyr", *SNIPPETS)
        typed = read_shell_commands(content_of(files, SHELL))
        if typed != {(tag, kind): der for tag, kind, der in stored.values()}:
            raise BundleError(f"{SHELL} does not type what it must")


def read_shell_commands(text: bytes) -> dict[tuple[int, str], bytes]:
    """What Zephyr's shell would have stored after these lines: by tag and type. Raises BundleError."""
    stored: dict[tuple[int, str], bytes] = {}
    buffer = ""
    for line in text.decode("ascii", "replace").splitlines():
        if line == "cred buf clear":
            buffer = ""
        elif piece := re.fullmatch(r"cred buf ([A-Za-z0-9+/=]+)", line):
            buffer += piece[1]
        elif added := re.fullmatch(r"cred add (\d+) (CA|CLIENT|PK) DEFAULT BIN", line):
            try:
                stored[int(added[1]), added[2]] = base64.b64decode(buffer, validate=True)
            except ValueError as error:
                raise BundleError(f"{SHELL} types what is no base64") from error
        elif not re.fullmatch(r"cred del (\d+) (CA|CLIENT|PK)", line):
            raise BundleError(f"{SHELL} has a line that Zephyr's shell does not know")
    return stored


def _stored(credentials: Credentials) -> dict[str, tuple[int, str, bytes]]:
    """Each file's tag, its type in the words of the shell, and its bytes."""
    first, *more = credentials.root_ders
    stored = {"certs/root.der": (SEC_TAG, "CA", first)}
    stored |= {f"certs/root-{at}.der": (SEC_TAG + at - 1, "CA", der) for at, der in enumerate(more, 2)}
    stored["certs/device.der"] = (SEC_TAG, "CLIENT", credentials.leaf_der)
    if credentials.key_sec1_der is not None:
        stored[KEY] = (SEC_TAG, "PK", credentials.key_sec1_der)
    return stored


def _tags(credentials: Credentials) -> str:
    text = number_macro("MQTT_SEC_TAG", SEC_TAG)
    if len(credentials.root_ders) > 1:
        text += "#define MQTT_HAS_ROOT_CERT_2\n" + number_macro("MQTT_SEC_TAG_2", SEC_TAG + 1)
    if credentials.key is not None:
        text += "#define MQTT_HAS_PRIVATE_KEY\n"
    return text


def _cmake(credentials: Credentials) -> bytes:
    lines = [
        "# Makes an .inc file of each .der file, and compiles tls_setup.c.",
        "set(gen_dir ${ZEPHYR_BINARY_DIR}/include/generated)",
    ]
    for name in _stored(credentials):
        file = name.removeprefix("certs/")
        lines.append(f"generate_inc_file_for_target(app ${{CMAKE_CURRENT_LIST_DIR}}/{name} ${{gen_dir}}/{file}.inc)")
    lines += ["target_sources(app PRIVATE ${CMAKE_CURRENT_LIST_DIR}/tls_setup.c)"]
    lines += ["target_include_directories(app PRIVATE ${CMAKE_CURRENT_LIST_DIR})"]
    return ("\n".join(lines) + "\n").encode()


def _shell_commands(credentials: Credentials) -> bytes:
    lines = []
    for tag, kind, der in _stored(credentials).values():
        letters = base64.b64encode(der).decode()
        lines += [f"cred del {tag} {kind}", "cred buf clear"]
        lines += [f"cred buf {letters[at : at + _PIECE]}" for at in range(0, len(letters), _PIECE)]
        lines.append(f"cred add {tag} {kind} DEFAULT BIN")
    return ("\n".join(lines) + "\n").encode()


TARGET = Zephyr()

"""The tables of error codes against the real headers: no number is missing, none is another than the library's.

Headers are Debian's: libmbedtls-dev, libwolfssl-dev, liblwip-dev, libbearssl-dev, libssl-dev, libmosquitto-dev,
libnewlib-dev.
"""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import leave_out, program
from sealmq.kit.codes import bearssl, lwip, mbedtls, mqtt_clients, openssl, system, wolfssl
from sealmq.kit.codes.catalog import normal
from sealmq.kit.codes.code import Code
from sealmq.kit.codes.finding import find
from sealmq.kit.codes.openssl_reasons import ALERTS_FROM, REASONS
from sealmq.tls.alerts import ALERTS

pytestmark = pytest.mark.interop

INCLUDE = Path("/usr/include")
PRIMITIVES = {
    "aria",
    "arc4",
    "blowfish",
    "camellia",
    "cmac",
    "des",
    "md2",
    "md4",
    "md5",
    "padlock",
    "ripemd160",
    "xtea",
}
"""Headers of Mbed TLS whose errors no TLS connection of today gives."""
MARKS = {"MAX_CODE_E", "MIN_CODE_E", "WC_LAST_E"}
"""Names of wolfSSL for the ends of a range."""


def header(path: str, package: str) -> str:
    """The text of a header. Without it the test is left out; with SEALMQ_CI=1 it fails."""
    found = INCLUDE / path
    if not found.exists():
        leave_out(f"{found} is not there: apt install {package}")
    return found.read_text(encoding="utf-8", errors="replace")


def defined(text: str, pattern: str) -> dict[str, int]:
    """Name -> number of all `#define`s whose name fits."""
    found = re.findall(rf"^\s*#\s*define\s+({pattern})\s+\(?(-?(?:0[xX][0-9A-Fa-f]+|\d+))\b", text, re.MULTILINE)
    return {name: int(number, 0) for name, number in found}


def enumerated(text: str, pattern: str = r"\w+") -> dict[str, int]:
    """Name -> number of all `NAME = NUMBER` in enums."""
    without_comments = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return {name: int(number) for name, number in re.findall(rf"\b({pattern})\s*=\s*(-?\d+)", without_comments)}


def ours(codes: tuple[Code, ...]) -> dict[str, int]:
    return {code.name: code.number for code in codes if code.number is not None}


def test_mbed_tls() -> None:
    header("mbedtls/ssl.h", "libmbedtls-dev")
    theirs: dict[str, int] = {}
    for path in sorted((INCLUDE / "mbedtls").glob("*.h")):
        if path.stem not in PRIMITIVES:
            theirs |= defined(path.read_text(encoding="utf-8"), r"MBEDTLS_ERR_\w+")
    major = defined(header("mbedtls/version.h", "libmbedtls-dev"), "MBEDTLS_VERSION_MAJOR") or defined(
        header("mbedtls/build_info.h", "libmbedtls-dev"), "MBEDTLS_VERSION_MAJOR"
    )
    other = "Mbed TLS 3 and 4" if major["MBEDTLS_VERSION_MAJOR"] == 2 else "Mbed TLS 2"
    assert len(theirs) > 200
    assert theirs == ours(tuple(code for code in mbedtls.ERRORS if code.version != other))


def test_flags_of_mbed_tls() -> None:
    theirs = defined(header("mbedtls/x509.h", "libmbedtls-dev"), r"MBEDTLS_X509_BAD(?:CERT|CRL)_\w+")
    assert len(theirs) == 20
    assert theirs == ours(mbedtls.FLAGS)


def test_psa() -> None:
    text = header("psa/crypto_values.h", "libmbedtls-dev")
    theirs = {
        name: int(number)
        for name, number in re.findall(r"#define\s+(PSA_ERROR_\w+)\s+\(\(psa_status_t\)\s*(-\d+)\)", text)
    }
    assert len(theirs) >= 20
    assert theirs == ours(mbedtls.PSA)


def test_wolfssl() -> None:
    theirs = enumerated(header("wolfssl/error-ssl.h", "libwolfssl-dev"), r"[A-Z]\w+")
    theirs |= enumerated(header("wolfssl/wolfcrypt/error-crypt.h", "libwolfssl-dev"), r"[A-Z]\w+")
    theirs = {name: number for name, number in theirs.items() if name not in MARKS}
    table = ours(wolfssl.CODES)
    table.pop("WOLFSSL_FATAL_ERROR")  # a return value, in ssl.h
    assert len(theirs) > 300
    assert theirs == table
    assert enumerated(header("wolfssl/ssl.h", "libwolfssl-dev"), "WOLFSSL_FATAL_ERROR") == {"WOLFSSL_FATAL_ERROR": -1}


def test_bearssl() -> None:
    theirs = defined(
        header("bearssl/bearssl_ssl.h", "libbearssl-dev") + header("bearssl/bearssl_x509.h", "libbearssl-dev"),
        r"BR_ERR_\w+",
    )
    assert theirs.pop("BR_ERR_RECV_FATAL_ALERT") == bearssl.ALERT_HEARD
    assert theirs.pop("BR_ERR_SEND_FATAL_ALERT") == bearssl.ALERT_SENT
    assert theirs == ours(bearssl.CODES)


def test_lwip() -> None:
    theirs = enumerated(header("lwip/lwip/err.h", "liblwip-dev"), r"ERR_\w+")
    theirs |= enumerated(header("lwip/lwip/apps/mqtt.h", "liblwip-dev"), r"MQTT_CONNECT_\w+")
    assert theirs == ours(lwip.CODES)


SINCE_3_2 = {"SSL_R_RECORD_LAYER_FAILURE"}
"""Not in the headers of OpenSSL 3.0."""


def test_the_reasons_of_openssl() -> None:
    text = header("openssl/sslerr.h", "libssl-dev").replace("\\\n", " ")
    theirs = defined(text, r"SSL_R_\w+")
    alerts = {name: theirs.pop(name) for name in list(theirs) if theirs[name] >= ALERTS_FROM}
    table = {code.name: code.number for (part, _), code in REASONS.items() if part == "SSL"}
    newer = {name: number for name, number in table.items() if name in SINCE_3_2}
    assert newer | theirs == table
    assert {number - ALERTS_FROM for number in alerts.values()} <= set(ALERTS)


@pytest.mark.parametrize(("part", "file"), [("PEM", "pemerr.h"), ("X509", "x509err.h"), ("EVP", "evperr.h")])
def test_the_reasons_of_openssls_other_parts(part: str, file: str) -> None:
    theirs = defined(header(f"openssl/{file}", "libssl-dev").replace("\\\n", " "), rf"{part}_R_\w+")
    table = {code.name: code.number for (one, _), code in REASONS.items() if one == part}
    assert table.items() <= theirs.items()


def test_the_parts_of_openssl() -> None:
    theirs = defined(header("openssl/err.h", "libssl-dev"), r"ERR_LIB_\w+")
    assert {f"ERR_LIB_{name}": number for number, name in openssl.LIBRARIES.items()}.items() <= theirs.items()


def test_the_check_of_a_certificate_in_openssl(tmp_path: Path) -> None:
    theirs = defined(header("openssl/x509_vfy.h", "libssl-dev"), r"X509_V_(?:OK|ERR_\w+)")
    assert theirs == ours(openssl.VERIFY)
    source = tmp_path / "words.c"
    source.write_text(
        "#include <openssl/x509_vfy.h>\n#include <stdio.h>\n"
        "int main(void) { for (int i = 1; i < 95; i++) puts(X509_verify_cert_error_string(i)); return 0; }\n"
    )
    built = tmp_path / "words"
    subprocess.run([program("gcc", "gcc"), "-o", built, source, "-lcrypto"], check=True, timeout=60)
    said = subprocess.run([built], check=True, capture_output=True, text=True, timeout=10).stdout.splitlines()
    for code in openssl.VERIFY[1:]:
        assert code.number is not None
        words = normal(said[code.number - 1])
        if code.number != 17:  # "out of memory" is everybody's
            assert words in map(normal, code.texts), code.name


def test_what_mbed_tls_prints_leads_to_the_code(tmp_path: Path) -> None:
    """The library's own words, as its strerror gives them, are found; so a log without numbers is, too."""
    header("mbedtls/error.h", "libmbedtls-dev")
    names = [code for code in mbedtls.ERRORS if code.texts and code.version != "Mbed TLS 3 and 4"]
    source = tmp_path / "words.c"
    calls = "\n".join(f"mbedtls_strerror({code.number}, b, sizeof b); puts(b);" for code in names)
    source.write_text(
        f"#include <mbedtls/error.h>\n#include <stdio.h>\nint main(void) {{ char b[300];\n{calls}\nreturn 0; }}\n"
    )
    built = tmp_path / "words"
    subprocess.run([program("gcc", "gcc"), "-o", built, source, "-lmbedtls", "-lmbedcrypto", "-lmbedx509"], check=True)
    said = subprocess.run([built], check=True, capture_output=True, text=True, timeout=10).stdout.splitlines()
    missed = {
        code.name: words
        for code, words in zip(names, said, strict=True)
        if code.name not in {reading.code.name for reading in find(words)}
    }
    assert missed == {}


def test_libmosquitto() -> None:
    theirs = enumerated(header("mosquitto.h", "libmosquitto-dev"), r"MOSQ_ERR_\w+")
    table = {code.name: code.number for code in mqtt_clients.CODES if code.name.startswith("MOSQ_ERR_")}
    assert table.items() <= theirs.items()


def test_newlib() -> None:
    theirs = defined(header("newlib/sys/errno.h", "libnewlib-dev"), r"E[A-Z0-9]+")
    assert system.NEWLIB.items() <= theirs.items()


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """Key and certificate for one name."""
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    options = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    options += ["-keyout", str(key), "-out", str(certificate), "-subj", f"/CN={name}"]
    options += ["-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([program("openssl", "openssl"), *options], check=True, capture_output=True, timeout=30)
    return key, certificate


@pytest.fixture
def foreign_server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """openssl's server with a certificate for the name x: its port, and the certificate."""
    key, certificate = self_signed(tmp_path, "x")
    serve = [program("openssl", "openssl"), "s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key]
    # It ends a connection when its stdin ends: so it has one that stays.
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(serve, text=True, **pipes) as server:  # type: ignore[call-overload]
        line = next(line for line in server.stdout if line.startswith("ACCEPT"))
        yield int(line.strip().rpartition(":")[2]), certificate
        server.terminate()


def first(said: str) -> str:
    return find(said)[0].code.name


def test_what_mosquittos_client_prints(foreign_server: tuple[int, Path], tmp_path: Path) -> None:
    port, certificate = foreign_server
    _, stranger = self_signed(tmp_path, "y")
    options = f"-d -h 127.0.0.1 -p {port} -t a -m b --cafile".split()

    def said(cafile: Path) -> str:
        command = [program("mosquitto_pub", "mosquitto-clients"), *options, str(cafile)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode != 0
        return done.stdout + done.stderr

    assert first(said(stranger)) in ("SSL_R_CERTIFICATE_VERIFY_FAILED", "MOSQ_ERR_TLS")
    assert first(said(certificate)) == "HOST_NAME_VERIFICATION"


def test_what_python_prints(foreign_server: tuple[int, Path]) -> None:
    port, certificate = foreign_server
    for name, cafile, expected in (
        ("x", None, "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT"),
        ("y", certificate, "X509_V_ERR_HOSTNAME_MISMATCH"),
    ):
        context = ssl.create_default_context(cafile=cafile)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, pytest.raises(ssl.SSLError) as raised:
            context.wrap_socket(plain, server_hostname=name)
        assert first(str(raised.value)) == expected

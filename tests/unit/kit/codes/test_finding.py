"""What people paste, and what it is: every example is a line of a real log or the README of a library."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealmq.kit.codes.catalog import catalog
from sealmq.kit.codes.code import Side
from sealmq.kit.codes.finding import LONGEST, MOST, find

UNKNOWN_CA = "tls unknown_ca"
CHECK = "mbedtls MBEDTLS_ERR_X509_CERT_VERIFY_FAILED"
HEARD = "mbedtls MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE"
FAILED = "pubsubclient MQTT_CONNECT_FAILED"
DENIED = "mqtt CONNACK NOT_AUTHORIZED"

PASTED = {
    "-0x2700": CHECK,
    "0x2700": CHECK,
    "-9984": CHECK,
    "9984": CHECK,
    "0xFFFFD900": CHECK,
    "4294957312": CHECK,
    "OSError: -9984": CHECK,
    "X509 - Certificate verification failed": CHECK,
    "E (12345) esp-tls-mbedtls: mbedtls_ssl_handshake returned -0x2700": CHECK,
    "(-9984) X509 - Certificate verification failed, e.g. CRL, CA or signature check failed": CHECK,
    "MBEDTLS_ERR_X509_CERT_VERIFY_FAILED": CHECK,
    "(-29312, 'MBEDTLS_ERR_SSL_CONN_EOF')": "mbedtls MBEDTLS_ERR_SSL_CONN_EOF",
    "mbedtls_ssl_handshake returned -0x7780": HEARD,
    "-0x7F00": "mbedtls MBEDTLS_ERR_SSL_ALLOC_FAILED",
    "SSL - Memory allocation failed": "mbedtls MBEDTLS_ERR_SSL_ALLOC_FAILED",
    "-0x5D80": "mbedtls MBEDTLS_ERR_SSL_CERTIFICATE_VERIFICATION_WITHOUT_HOSTNAME",
    "mbedtls: ssl_msg.c:4799 is a fatal alert message (msg 70)": "tls protocol_version",
    "..\\src\\ssl_tls.c:4095: is a fatal alert message (msg 40)": "tls handshake_failure",
    "flags 0x08": "mbedtls-flags MBEDTLS_X509_BADCERT_NOT_TRUSTED",
    "esp_tls_cert_verify_flags: 0x4": "mbedtls-flags MBEDTLS_X509_BADCERT_CN_MISMATCH",
    "The certificate Common Name (CN) does not match with the expected CN": "mbedtls-flags "
    "MBEDTLS_X509_BADCERT_CN_MISMATCH",
    "tlsv1 alert unknown ca": UNKNOWN_CA,
    "sslv3 alert bad certificate": "tls bad_certificate",
    "error:0A000418": UNKNOWN_CA,
    "error:14094418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:ssl/record/rec_layer_s3.c:1543:"
    "SSL alert number 48": UNKNOWN_CA,
    "1642010550: OpenSSL Error[0]: error:14094412:SSL routines:ssl3_read_bytes:sslv3 alert bad certificate": "tls "
    "bad_certificate",
    "alert 48": UNKNOWN_CA,
    "SSL alert number 116": "tls certificate_required",
    "unknown_ca": UNKNOWN_CA,
    "remote error: tls: bad certificate": "tls bad_certificate",
    "remote error: tls: unknown certificate authority": UNKNOWN_CA,
    "received fatal alert: UnknownCA": UNKNOWN_CA,
    "javax.net.ssl.SSLHandshakeException: Received fatal alert: handshake_failure": "tls handshake_failure",
    "SSL routines::certificate verify failed": "openssl SSL_R_CERTIFICATE_VERIFY_FAILED",
    "error:0A000086": "openssl SSL_R_CERTIFICATE_VERIFY_FAILED",
    "error:0480006C:PEM routines::no start line": "openssl PEM_R_NO_START_LINE",
    "x509 certificate routines::key values mismatch": "openssl X509_R_KEY_VALUES_MISMATCH",
    "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)": "openssl SSL_R_WRONG_VERSION_NUMBER",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate "
    "(_ssl.c:1006)": "openssl-verify X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)": (
        "openssl-verify X509_V_ERR_CERT_HAS_EXPIRED"
    ),
    "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid for "
    "'10.0.0.1'. (_ssl.c:1006)": "openssl-verify X509_V_ERR_HOSTNAME_MISMATCH",
    "Verify return code: 20 (unable to get local issuer certificate)": "openssl-verify "
    "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "verify error:num=18:self-signed certificate": "openssl-verify X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT",
    "-188": "wolfssl ASN_NO_SIGNER_E",
    "-322": "wolfssl DOMAIN_NAME_MISMATCH",
    "-313": "wolfssl FATAL_ERROR",
    "wolfSSL_connect failed -308": "wolfssl SOCKET_ERROR_E",
    "ERR_MEM -1": "lwip ERR_MEM",
    "ERR_CLSD": "lwip ERR_CLSD",
    "ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED": "esp-idf ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED",
    "0x801A": "esp-idf ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED",
    "Last error reported from esp-tls: 0x8001": "esp-idf ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME",
    "rc=-2": FAILED,
    "state -2": FAILED,
    "Attempting MQTT connection...failed, rc=-2 try again in 5 seconds": FAILED,
    "MQTT_CONNECTION_REFUSED_NOT_AUTHORIZED": DENIED,
    "MQTT_CONNECTION_REFUSED_BAD_USERNAME": "mqtt CONNACK BAD_USER_NAME_OR_PASSWORD",
    "Error: A TLS error occurred.": "mosquitto MOSQ_ERR_TLS",
    "Error: host name verification failed.": "mosquitto HOST_NAME_VERIFICATION",
    "Connection refused: not authorised": DENIED,
    "Connection Refused: not authorised.": DENIED,
    "rc 5": DENIED,
    "paho rc 5": DENIED,
    "0x87": "mqtt NOT_AUTHORIZED",
    "reason code 135": "mqtt NOT_AUTHORIZED",
    "MQTTException: 5": "micropython MQTT_EXCEPTION_5",
    "DEPTH_ZERO_SELF_SIGNED_CERT": "node DEPTH_ZERO_SELF_SIGNED_CERT",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE": "node UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_TLS_CERT_ALTNAME_INVALID": "node ERR_TLS_CERT_ALTNAME_INVALID",
    "sun.security.validator.ValidatorException: PKIX path building failed: "
    "sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to "
    "requested target": "java PKIX_PATH_BUILDING_FAILED",
    "x509: certificate signed by unknown authority": "go UNKNOWN_AUTHORITY",
    "BR_ERR_X509_NOT_TRUSTED 62": "bearssl BR_ERR_X509_NOT_TRUSTED",
    "TLS connection error: 62": "bearssl BR_ERR_X509_NOT_TRUSTED",
    "TLS connection error: 296": "tls handshake_failure",
    'errno: 104, "Connection reset by peer"': "errno ECONNRESET",
    "E (7290) esp-tls: [sock=54] delayed connect error: Connection reset by peer": "errno ECONNRESET",
    "OSError: [Errno 113] EHOSTUNREACH": "errno EHOSTUNREACH",
    "Error: connect ECONNREFUSED 127.0.0.1:8883": "errno ECONNREFUSED",
    "curl: (60) SSL certificate problem: unable to get local issuer certificate": "openssl-verify "
    "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
}


@pytest.mark.parametrize(("pasted", "first"), PASTED.items(), ids=[text[:60] for text in PASTED])
def test_what_people_paste(pasted: str, first: str) -> None:
    found = find(pasted)
    assert found, "nothing was found"
    assert f"{found[0].code.library} {found[0].code.name}" == first


@pytest.mark.parametrize(
    ("pasted", "side"),
    [
        ("error:0A000418", Side.THERE),
        ("tlsv1 alert unknown ca", Side.THERE),
        ("remote error: tls: bad certificate", Side.THERE),
        ("ssl_tls.c:4095: is a fatal alert message (msg 40)", Side.THERE),
        ("TLS connection error: 296", Side.THERE),
        ("TLS connection error: 554", Side.HERE),
        ("alert 48", Side.PRINTED_BY),
        ("-0x2700", Side.HERE),
        ("mbedtls_ssl_handshake returned -0x7780", Side.THERE),
        ("alert 0", Side.NOBODY),
    ],
)
def test_which_side_said_it(pasted: str, side: Side) -> None:
    assert find(pasted)[0].said_by is side


def test_a_number_in_two_parts() -> None:
    (reading,) = find("-0x262E")
    assert [code.name for code in reading.codes] == [
        "MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG",
        "MBEDTLS_ERR_OID_NOT_FOUND",
    ]


def test_flags_together() -> None:
    reading = find("verify flags 0x0c")[0]
    assert [code.number for code in reading.codes] == [4, 8]


def test_a_number_that_many_know_has_all_readings() -> None:
    libraries = [reading.code.library for reading in find("-1")]
    assert {"lwip", "pubsubclient", "esp-idf", "mosquitto", "paho", "wolfssl", "mbedtls"} <= set(libraries)
    assert find("5")[0].code.name == "CONNACK NOT_AUTHORIZED"
    assert len(find("5")) > 5


def test_from_narrows() -> None:
    assert [reading.code.name for reading in find("-1", library="lwip")] == ["ERR_MEM"]
    assert find("8", library="paho")[0].code.library == "paho"
    assert find("-0x2700", library="go") == []
    assert find("-0x2700", library="esp-idf")[0].code.library == "mbedtls"
    with pytest.raises(ValueError):
        find("-1", library="nobody")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello world",
        "2026-01-02 10:11:12 192.168.1.4:8883 started",
        "version 3.11.7",
        "temperature is 21.5 degrees",
    ],
)
def test_what_is_no_error_has_no_reading(text: str) -> None:
    assert find(text) == []


def test_the_sentence_within_a_longer_one_is_not_told_again() -> None:
    names = [reading.code.name for reading in find("self-signed certificate in certificate chain")]
    assert names == ["X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN"]


def test_every_code_with_a_name_is_found_by_it() -> None:
    for code in catalog().codes:
        if " " not in code.name and "_" in code.name:
            assert any(code.name == reading.code.name for reading in find(code.name)), code.name


def test_every_number_of_a_library_is_found_in_it() -> None:
    for code in catalog().codes:
        if code.number is not None and code.library not in ("openssl", "esp-idf"):
            found = find(str(code.number), library=code.library)
            assert any(code.number == one.code.number for one in found), code.name


def test_every_sentence_is_found() -> None:
    for text, codes in catalog().texts.items():
        names = {reading.code.name for reading in find(text)}
        assert names & {code.name for code in codes}, text


@given(st.text(max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    assert len(find(text)) <= MOST


@given(st.lists(st.sampled_from(["-0x2700", "rc", "=", "5", "alert", "error:0A000418", "0x", "(", "-", "\n", "é"])))
def test_pieces_of_logs_have_an_answer(pieces: list[str]) -> None:
    readings = find(" ".join(pieces))
    assert [one.score for one in readings] == sorted((one.score for one in readings), reverse=True)


@pytest.mark.parametrize("text", ["-1 " * LONGEST, "alert " * LONGEST, "a_" * LONGEST, "0x" * LONGEST, "x" * 9**6,
                                  "1." * LONGEST, " \n" * LONGEST])  # fmt: skip
def test_a_long_text_takes_no_long_time(text: str) -> None:
    find("")  # the catalog is made once
    began = time.process_time()
    find(text)
    assert time.process_time() - began < 3.0


def test_what_openssl_prints_around_the_reason_is_not_read_as_one() -> None:
    """The first lines of `openssl s_client -verify_return_error`, and curl's own number."""
    text = "\n".join(
        [
            "depth=0 CN = broker",
            "verify error:num=20:unable to get local issuer certificate",
            "40F734DA637F0000:error:0A000086:SSL routines:tls_post_process_server_certificate:"
            "certificate verify failed:",
            "CONNECTED(00000003)",
            "---",
            "Certificate chain",
            " 0 s:CN = broker",
        ]
    )
    assert find(text)[0].code.name == "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
    assert not {"X509_V_OK", "X509_V_ERR_UNABLE_TO_GET_CRL"} & {reading.code.name for reading in find(text)}
    name = "curl: (60) SSL: no alternative certificate subject name matches target host name 'localhost'"
    assert "tls" not in {reading.code.library for reading in find(name)}

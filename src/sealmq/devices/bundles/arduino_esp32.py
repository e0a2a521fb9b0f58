"""arduino-esp32: a sketch with its two headers, for WiFiClientSecure of the Arduino core for the ESP32.

Rule 1: PEM as `static const char[]`: setCACert and its sisters keep the pointer, so it must live as long as the sketch.
Rule 2: the key has a header of its own, which can be left out of what is shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sealmq.devices.bundles.c_literals import (
    expect_literals,
    guarded,
    heading,
    number_macro,
    quoted,
    read_literals,
    string_macro,
    text_array,
)
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, Target, content_of, expect
from sealmq.errors import BundleError

SKETCH: Final = "mqtt_over_tls"
"""The folder and the sketch must have the same name, or the Arduino IDE does not open it."""

CERTIFICATES: Final = f"{SKETCH}/sealmq_certificates.h"
KEY: Final = f"{SKETCH}/sealmq_key.h"
INO: Final = f"{SKETCH}/{SKETCH}.ino"

_INO_TEXT = """/* Publishes once a minute over TLS, with the identity in sealmq_certificates.h and sealmq_key.h.
 * Needs the library PubSubClient. Put the name and password of your network into the next two lines. */
#define WIFI_SSID "your-network"
#define WIFI_PASSWORD "its-password"

#include <PubSubClient.h>
#include <WiFi.h>
#include <WiFiClientSecure.h>
#include <time.h>

#include "sealmq_certificates.h"
#include "sealmq_key.h"

WiFiClientSecure net;
PubSubClient mqtt(net);
unsigned long sent = 0;

void setup() {
  Serial.begin(115200);
  WiFi.begin(WIFI_SSID, WIFI_PASSWORD);
  while (WiFi.status() != WL_CONNECTED) {
    delay(200);
  }
  configTime(0, 0, "pool.ntp.org");
  while (time(nullptr) < SEALMQ_MADE) {  // certificates have dates: without a clock they hold, or not, by chance
    delay(200);
  }
  net.setCACert(SEALMQ_ROOT);
  net.setCertificate(SEALMQ_CERTIFICATE);
  net.setPrivateKey(SEALMQ_KEY);
  mqtt.setServer(SEALMQ_HOST, SEALMQ_PORT);
}

void loop() {
  if (!mqtt.connected()) {
    if (!mqtt.connect(SEALMQ_CLIENT_ID)) {
      char words[100];
      net.lastError(words, sizeof(words));
      Serial.printf("not connected: MQTT %d, TLS: %s\\n", mqtt.state(), words);
      delay(5000);
      return;
    }
    Serial.println("connected");
    sent = 0;
  }
  mqtt.loop();
  if (sent == 0 || millis() - sent > 60000) {
    mqtt.publish("devices/" SEALMQ_CLIENT_ID "/uptime", String(millis() / 1000).c_str());
    sent = millis();
  }
}
"""


class ArduinoESP32(Target):
    """A folder that the Arduino IDE opens."""

    name = "arduino-esp32"
    title = "Arduino core for the ESP32: a sketch with WiFiClientSecure"

    def files(self, credentials: Credentials) -> list[File]:
        """The sketch and its headers; without a key it does not compile until sealmq_key.h is written."""
        return sketch_files(credentials, _INO_TEXT)

    def readme(self, credentials: Credentials) -> str:
        """Open, type in the network, upload; and what goes wrong."""
        return f"""# {credentials.name}: Arduino on the ESP32

{missing_key(credentials)}1. Copy `{SKETCH}/` into your sketchbook and open it in the Arduino IDE (core `esp32` 2 or 3).
2. Library Manager: install PubSubClient.
3. Put the name and password of your network into the first lines of the sketch, and upload it.

It says `connected` on the serial monitor (115200), and publishes to `devices/{credentials.name}/uptime`.
In a sketch of your own:

    net.setCACert(SEALMQ_ROOT);
    net.setCertificate(SEALMQ_CERTIFICATE);
    net.setPrivateKey(SEALMQ_KEY);
    mqtt.setServer(SEALMQ_HOST, SEALMQ_PORT);

The broker is `{credentials.host}`, port {credentials.port}.

## Traps

- **Never `setInsecure()`**: it connects to anybody, and shows no error.
- All three functions keep the pointer: no `String(...).c_str()`, nothing on the stack.
- The host name is compared with the broker's certificate when you dial a name. Only cores from 3.1 on (Mbed TLS 3.6)
  find an address in it: dial `{credentials.host}`.
- PubSubClient sends messages up to 256 bytes, topic included: `mqtt.setBufferSize(1024)` for more; at QoS 0 alone.
- A handshake takes about 40 kB of heap.
- The private key is part of the firmware: whoever reads the flash has it, unless flash encryption is on.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """The headers are read back as C; the sketch uses every name that they give."""
        check_headers(files, credentials)
        check_sketch(content_of(files, INO), _INO_TEXT, credentials)


def sketch_files(credentials: Credentials, sketch: str, place: str = "") -> list[File]:
    """The sketch and its headers. place: as of `certificates_header`."""
    files = [File(INO, sketch.encode()), File(CERTIFICATES, certificates_header(credentials, place))]
    if credentials.key_sec1_pem is not None:
        files.append(File(KEY, key_header(credentials, place), private=True))
    return files


def certificates_header(credentials: Credentials, place: str = "") -> bytes:
    """Where the broker is, whom to trust, and the certificate. place: "PROGMEM " where flash needs to be asked for."""
    parts = (
        string_macro("SEALMQ_HOST", credentials.host)
        + number_macro("SEALMQ_PORT", credentials.port)
        + string_macro("SEALMQ_CLIENT_ID", credentials.name)
        + "/* When this was written, Unix seconds: no clock may be behind it. */\n"
        + number_macro("SEALMQ_MADE", int(credentials.now)),
        text_array(f"{place}SEALMQ_ROOT", credentials.root_pem),
        text_array(f"{place}SEALMQ_CERTIFICATE", credentials.leaf_pem),
    )
    what = heading(credentials, "Who this device is, and whom it trusts.", private=False)
    return (what + guarded("SEALMQ_CERTIFICATES_H", parts)).encode()


def key_header(credentials: Credentials, place: str = "") -> bytes:
    """The private key: a secret."""
    key = text_array(f"{place}SEALMQ_KEY", credentials.key_sec1_pem or b"")
    return (
        heading(credentials, "What proves that the device is who it says.", private=True)
        + guarded("SEALMQ_KEY_H", [key])
    ).encode()


def missing_key(credentials: Credentials) -> str:
    """What to do where the key is not here; nothing where it is."""
    if credentials.key is not None:
        return ""
    return f"""The device keeps its private key: write `{KEY}` where the key lies, PEM line by line:

    static const char SEALMQ_KEY[] =
        {quoted("-----BEGIN EC PRIVATE KEY-----")[:-1]}\\n"
        ...

"""


def check_headers(files: Sequence[File], credentials: Credentials) -> None:
    """Read both headers back as C, and compare. Raises BundleError."""
    wanted = {
        "SEALMQ_HOST": credentials.host.encode(),
        "SEALMQ_PORT": b"%d" % credentials.port,
        "SEALMQ_CLIENT_ID": credentials.name.encode(),
        "SEALMQ_MADE": b"%d" % int(credentials.now),
        "SEALMQ_ROOT": credentials.root_pem,
        "SEALMQ_CERTIFICATE": credentials.leaf_pem,
    }
    expect_literals(files, CERTIFICATES, wanted)
    if credentials.key is not None:
        expect_literals(files, KEY, {"SEALMQ_KEY": credentials.key_sec1_pem or b""})


def check_sketch(found: bytes, wanted: str, credentials: Credentials) -> None:
    """The sketch is ours to the letter, and uses whatever the headers define. Raises BundleError."""
    expect(INO, found, wanted.encode())
    names = [*read_literals(certificates_header(credentials)), "SEALMQ_KEY"]
    if unused := [name for name in names if name not in wanted]:
        raise BundleError(f"{INO} does not use {unused[0]}")


TARGET = ArduinoESP32()

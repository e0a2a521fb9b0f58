"""arduino-esp8266: a sketch with its two headers, for BearSSL in the Arduino core for the ESP8266.

Rule 1: PEM lies in flash (PROGMEM): 1.6 kB of it would be a twentieth of the RAM.
Rule 2: BearSSL checks dates and refuses without a clock, so the clock is set first.
Rule 3: the broker is asked for short records (maximum fragment length, RFC 6066 section 4): two buffers of 1 kB in
        place of one of 16 kB.
"""

from __future__ import annotations

from collections.abc import Sequence

from sealmq.devices.bundles.arduino_esp32 import (
    INO,
    SKETCH,
    check_headers,
    check_sketch,
    missing_key,
    sketch_files,
)
from sealmq.devices.bundles.credentials import Credentials
from sealmq.devices.bundles.target import File, Limits, Target, content_of

_PLACE = "PROGMEM "

_INO_TEXT = """/* Publishes once a minute over TLS, with the identity in sealmq_certificates.h and sealmq_key.h.
 * Needs the library PubSubClient. Put the name and password of your network into the next two lines. */
#define WIFI_SSID "your-network"
#define WIFI_PASSWORD "its-password"

#include <ESP8266WiFi.h>
#include <PubSubClient.h>
#include <WiFiClientSecure.h>
#include <time.h>

#include "sealmq_certificates.h"
#include "sealmq_key.h"

BearSSL::X509List roots(SEALMQ_ROOT);
BearSSL::X509List certificate(SEALMQ_CERTIFICATE);
BearSSL::PrivateKey key(SEALMQ_KEY);
BearSSL::WiFiClientSecure net;
PubSubClient mqtt(net);
unsigned long sent = 0;

void setup() {
  Serial.begin(115200);
  WiFi.begin(WIFI_SSID, WIFI_PASSWORD);
  while (WiFi.status() != WL_CONNECTED) {
    delay(200);
  }
  configTime(0, 0, "pool.ntp.org");
  while (time(nullptr) < SEALMQ_MADE) {  // BearSSL refuses every certificate while it believes that it is 1970
    delay(200);
  }
  net.setTrustAnchors(&roots);
  net.setClientECCert(&certificate, &key, BR_KEYTYPE_SIGN, BR_KEYTYPE_EC);
  net.setBufferSizes(1024, 1024);
  mqtt.setServer(SEALMQ_HOST, SEALMQ_PORT);
}

void loop() {
  if (!mqtt.connected()) {
    if (!mqtt.connect(SEALMQ_CLIENT_ID)) {
      char words[100] = "";
      net.getLastSSLError(words, sizeof(words));
      Serial.printf("not connected: MQTT %d, TLS: %s\\n", mqtt.state(), words);
      delay(5000);
      return;
    }
    Serial.printf("connected; short records: %s\\n", net.getMFLNStatus() ? "yes" : "no");
    sent = 0;
  }
  mqtt.loop();
  if (sent == 0 || millis() - sent > 60000) {
    mqtt.publish("devices/" SEALMQ_CLIENT_ID "/uptime", String(millis() / 1000).c_str());
    sent = millis();
  }
}
"""


class ArduinoESP8266(Target):
    """A folder that the Arduino IDE opens."""

    name = "arduino-esp8266"
    title = "Arduino core for the ESP8266: a sketch with BearSSL"
    limits = Limits(newest_tls="1.2")  # BearSSL

    def files(self, credentials: Credentials) -> list[File]:
        """The sketch and its headers; without a key it does not compile until sealmq_key.h is written."""
        return sketch_files(credentials, _INO_TEXT, _PLACE)

    def readme(self, credentials: Credentials) -> str:
        """Open, type in the network, upload; and what goes wrong."""
        return f"""# {credentials.name}: Arduino on the ESP8266

{missing_key(credentials)}1. Copy `{SKETCH}/` into your sketchbook and open it in the Arduino IDE (core `esp8266` 3).
2. Library Manager: install PubSubClient.
3. Put the name and password of your network into the first lines of the sketch, and upload it.

It says `connected; short records: yes` on the serial monitor (115200), and publishes to
`devices/{credentials.name}/uptime`. The broker is `{credentials.host}`, port {credentials.port}.
In a sketch of your own:

    net.setTrustAnchors(&roots);
    net.setClientECCert(&certificate, &key, BR_KEYTYPE_SIGN, BR_KEYTYPE_EC);
    net.setBufferSizes(1024, 1024);

## Traps

- **Never `setInsecure()`**, `setFingerprint` or `allowSelfSignedCerts`: the root is here, and it is checked.
- The clock comes first, or every connection ends with "Certificate is expired or not yet valid".
- `X509List` and `PrivateKey` must live as long as the connection: globals, as in the sketch.
- `setClientECCert`, not `setClientRSACert`: the key is on P-256.
- SealMQ grants short records. Behind another TLS server ask first: `probeMaxFragmentLength(host, port, 1024)`; without
  them a record of more than 1 kB ends the connection.
- BearSSL speaks TLS 1.2: the broker must not have `profile = "modern"`.
- BearSSL finds host names in a certificate, and no addresses: dial a name, or let the broker write its addresses as
  names too (`addresses_as_dns_names = true` in `sealmq.toml`).
- About 20 kB of heap must be free before `connect`; the handshake takes some seconds at 80 MHz, half at 160.
"""

    def check(self, files: Sequence[File], credentials: Credentials) -> None:
        """The headers are read back as C; the sketch uses every name that they give."""
        check_headers(files, credentials)
        check_sketch(content_of(files, INO), _INO_TEXT, credentials)


TARGET = ArduinoESP8266()

"""What mends what a handshake failed of: at the device, with SealMQ and with mosquitto, one line for each.

Most faults are those of kit/codes/faults.py; here are those that only who watches both ends can tell.
"""

from __future__ import annotations

from sealmq.kit.codes.code import Fault, Side
from sealmq.kit.codes.table import FAULTS

_WATCHED = (
    Fault(
        name="device_expired",
        side=Side.THERE,
        causes=("the client's certificate is past its last day, or the broker's clock is ahead",),
        device="renew the certificate in time (sealmq renew --watch), or load a new one",
        sealmq="sealmq device add NAME makes a new one",
        mosquitto="sign the device a new certificate; check the broker's clock: date -u",
    ),
    Fault(
        name="broker_certificate",
        side=Side.HERE,
        causes=("the broker's certificate is past its last day or revoked, or the client's clock is ahead",),
        device="check the clock (date -u); the rest is to be done at the broker",
        sealmq="sealmq ca renew-broker",
        mosquitto="make the certificate in certfile anew, then send mosquitto a SIGHUP",
    ),
    Fault(
        name="broker_key",
        side=Side.HERE,
        causes=("the broker's key is not that of its certificate",),
        device="load the root that the broker has today: an authority of the same name may have a new key",
        sealmq="give the device today's root: sealmq ca export-root",
        mosquitto="keyfile must be the key of the first certificate in certfile",
    ),
    Fault(
        name="broker_setup",
        side=Side.THERE,
        causes=("the broker is set up wrongly, or something in front of it answers",),
        device="nothing is to be done on the device; dial the broker itself if a proxy stands before it",
        sealmq="its log says what it met; sealmq ca status shows its certificate",
        mosquitto="certfile and keyfile must stand below the listener, and be readable for the user mosquitto",
    ),
    Fault(
        name="client_closed",
        side=Side.HERE,
        causes=("the client gave up",),
        device="look into the client's own log: mosquitto_pub -d, or the TLS library's debug log",
    ),
    Fault(
        name="client_without_tls",
        side=Side.HERE,
        causes=("the client was set up without TLS",),
        device="turn TLS on (mqtts:// in place of mqtt://, the secure client class), and load root, certificate, key",
        sealmq="its bundles have TLS on: sealmq device add NAME --target TARGET",
        mosquitto="mosquitto_pub uses TLS with --cafile root.pem, not with -p 8883 alone",
    ),
    Fault(
        name="refused_silently",
        side=Side.THERE,
        causes=("the broker refused the client's certificate and closed without an alert",),
        device="show the certificate that this broker's authority gave out, with its intermediates",
        sealmq="its log names the reason; sealmq device show NAME",
        mosquitto="its log has a line OpenSSL Error[0] at that moment; cafile must hold the devices' authority",
    ),
    Fault(
        name="refused_connect",
        side=Side.THERE,
        causes=("the broker let TLS in and closed after CONNECT: its access rules",),
        device="set a client identifier, and user name and password if the broker wants them; try MQTT 3.1.1",
        sealmq="sealmq device show NAME; its log says why",
        mosquitto="allow_anonymous, password_file, use_identity_as_username, clientid_prefixes; log_type all",
    ),
    Fault(
        name="no_keys",
        side=Side.NOBODY,
        causes=("what was seen is encrypted, and nobody gave the keys",),
        device="let the client write a key log (SSLKEYLOGFILE), and give it with the capture",
    ),
    Fault(
        name="seen_in_part",
        side=Side.HERE,
        causes=("the capture was stopped or cut off too early, or packets are missing in it",),
        device="capture whole packets, from before the device connects: tcpdump -s 0 -w FILE tcp port 8883",
    ),
    Fault(
        name="too_much_seen",
        side=Side.HERE,
        causes=("more came than is looked at here",),
        device="look at one connection alone, from its first byte",
    ),
)

ALL: dict[str, Fault] = FAULTS | {fault.name: fault for fault in _WATCHED}
"""Every fault that diagnosis.py may name."""


def remedy_of(fault: str) -> str:
    """What to do, a line for each place where something is to be done."""
    known = ALL[fault]
    places = (("on the device", known.device), ("SealMQ", known.sealmq), ("mosquitto", known.mosquitto))
    return "\n".join(f"{place}: {words}" for place, words in places if words)

"""HTTPS, for devices that fetch and renew their certificate by EST (RFC 7030, RFC 8951). No MQTT.

    http.py        one request in, bounded; one answer out, byte for byte as the pickiest client wants it
    est.py         what each path asks for: an answer at once, or an application for the registrar; pure
    exchange.py    one connection, assembled: TCP <-> TLS <-> HTTP <-> EST
    service.py     what EST serves, from the home and the configuration

An exchange is admitted, timed and refused like a link of MQTT (link.py): the same places among the handshakes, the
same shares of a turn, the same words. It carries one request, and ends with the answer.
"""

"""The kit: rooms that work on any broker, ours or another, and need none of ours to do it.

handshake/  what happens in a TLS handshake with MQTT inside, message by message, and what it costs; draw/ shows it
eavesdrop/  what anybody between a device and its broker sees and can change; front.py explains a real device there
middleware/  TLS libraries held against each other: every pair, what each costs, and which suits whom
codes/      what TLS and MQTT libraries print when something fails, and what mends it
dissect/    TLS taken apart: bytes to records to messages to fields; pure
capture/    capture files in and out
bench/      how much a broker carries, how fast, and what that costs it
"""

"""`sealmq eavesdrop`: what anybody between a device and its broker sees, and can change.

    relay.py       TCP on both sides; bytes go through untouched, and a copy of each piece goes to who watches
    watch.py       one connection: plaintext MQTT or TLS, by its first byte
    plaintext.py   MQTT without encryption, read by a stranger: everything
    sealed.py      TLS, read by a stranger without keys: sizes, times, the hellos
    tamper.py      one bit changed, or one packet sent twice, and what became of it
    summary.py     what the listener saw of all connections, plaintext beside TLS

Rule 1: the relay comes first. Whatever an observer meets, or however it fails, the bytes go on.
Rule 2: an observer keeps a bounded part of what it sees, and works in time linear in the bytes.
Rule 3: a password or authentication data is told by its length; only whoever asks for secrets is told more.
"""

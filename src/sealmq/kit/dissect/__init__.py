"""TLS taken apart: bytes -> records -> messages -> fields. It reads, and never speaks; it needs no socket and no clock.

conversation.py        what was seen of one connection
reading.py             bytes of both ends in, a Conversation out; it stacks the next five
records.py             one direction's bytes -> its records
opening.py             a protected record -> what is in it; schedule.py has its keys, keylog.py the secrets
agreement.py           what the hellos agreed on, and which keys count from when
handshake_messages.py  records' contents -> whole messages
finished.py            was the whole handshake the same for both? Worked out anew from the secrets
message.py             any message's bytes -> its fields, by hello.py, extensions.py, bodies.py, key_exchange.py
registry.py, suites.py IANA's numbers and their names

Rule 1: whatever bytes come in, an answer or TLSError comes out, in time linear in the bytes, and with bounded memory.
Rule 2: cryptography is the library's (`cryptography`, in opening.py and schedule.py): here are only the labels and the
        order of RFC 8446 section 7 and RFC 5246 section 6.3.
"""

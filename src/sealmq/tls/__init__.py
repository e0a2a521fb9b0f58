"""TLS: plaintext <-> ciphertext, one interface, several middlewares. Read middleware.py first, then openssl.py."""

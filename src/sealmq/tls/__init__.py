"""TLS: plaintext <-> ciphertext, one interface, several middlewares."""

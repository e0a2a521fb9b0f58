"""The middleware over pyOpenSSL: the OpenSSL that `cryptography` carries. It has post-quantum groups on any Python."""

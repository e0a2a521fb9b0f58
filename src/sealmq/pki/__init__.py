"""The private CA: profiles, issuing, revocation, keys at rest. The only room that imports cryptography."""

"""wolfSSL, as the system has it, behind the interface of middleware.py."""

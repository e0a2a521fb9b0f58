"""MQTT, sealed: a broker that speaks only TLS with certificates from its own private CA, and the kit around it."""

__version__ = "0.1.0"

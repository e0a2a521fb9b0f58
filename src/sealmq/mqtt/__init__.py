"""MQTT: bytes <-> packets, both protocol levels (3.1.1 and 5), pure."""

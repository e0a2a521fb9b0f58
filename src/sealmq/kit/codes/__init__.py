"""`sealmq explain`: what the numbers and sentences of TLS and MQTT libraries mean, and what mends what they tell of."""

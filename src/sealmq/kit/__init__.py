"""The kit: rooms that work on any broker, ours or another, and need none of ours to do it.

dissect/  TLS taken apart: bytes to records to messages to fields; pure
capture/  capture files in and out
bench/    how much a broker carries, how fast, and what that costs it
"""

"""The kit: rooms that work on any broker, ours or another, and need none of ours to do it.

bench/    how much a broker carries, how fast, and what that costs it
"""

"""TLS libraries held against each other: does every pair understand each other, do all refuse what they must, what does
each cost, and which of them suits whom.

matrix.py runs every case with a pair: cases.py has those that must pass, refusing.py those that must be refused,
strangers.py what comes to one side alone. comparing.py measures (handshakes.py, throughput.py, memory.py);
recommend.py reads what was measured, and draw/ shows it. meeting.py is the wire between two sides, in memory.
"""

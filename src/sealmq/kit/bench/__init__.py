"""`sealmq bench`: how much does a broker carry, how long does a message take, and what does that cost the broker?

Theory of operation. The load comes from processes of its own (crew.py): one publishes (givers.py), one subscribes
(takers.py; absent.py while it is away), one connects (callers.py, crowd.py), or one gives the broker much to remember
(ballast.py). They must cost less than the broker that they load, hence:

Rule 1: packets are prepared once. What changes from message to message (time, number, packet identifier) is written
        into them by columns, some bytes of sixty-four packets in one step (stamps.py).
Rule 2: what comes is counted, not parsed: all messages of a connection have one size, so the bytes at one place of each
        are a slice, and one comparison says of sixty-four messages that none is missing or came twice (tally.py).
Rule 3: nothing is taken on trust. Each message carries when it was sent, who sent it and which it is, and what does not
        arrive, or arrives twice, is counted as such.
Rule 4: everything ends: each workload is bounded in seconds and in messages, each wait has a deadline.
Rule 5: who measures says when it measured itself: result.py says whether the broker, the load, the machine or the pace
        was what did not allow more.

workloads.py is the table of what can be measured; run.py runs one row of it.
"""

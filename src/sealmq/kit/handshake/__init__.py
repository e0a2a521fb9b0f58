"""`sealmq handshake`: what happens in a TLS handshake with MQTT inside, with anybody's broker, message by message.

Theory of operation. A connection is seen in one of three ways: our own (dial.py, through tap.py), out of a capture
(captured.py), or as it passes by (kit/eavesdrop/front.py). Each gives a Conversation (kit/dissect). facts.py finds in
it what was agreed, situations.py how it ended, diagnosis.py why, and what mends it. reporting.py puts all of it into
one Report (report.py): words (words.py), the classic steps (steps.py), the judgement on certificates (chain.py,
rules.py, proof.py), what it costs (flights.py, cost.py, fragments.py), what others see (exposures.py), and what the
client looks like (fingerprint.py). draw/ makes every form of output of the Report, and works nothing out.
"""

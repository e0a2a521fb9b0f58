"""Captures: files of packets that somebody recorded, in and out. Needs no privilege: it records nothing itself.

pcap_files.py   a file's bytes in, its packets and secrets out: pcap and pcapng
frames.py       a packet in, the TCP segment in it out
tcp_streams.py  segments in, the bytes that each end sent out, in order and once
first_look.py   what a connection is, from its first bytes
choosing.py     which connection of a file is to be explained; read_capture is the way in
pcapng_file.py  the bytes of one connection in, a file out that Wireshark opens, with its secrets

Rule 1: whatever a file holds, ConfigError comes out or an answer, in time linear in the bytes. What is odd in it is a
        finding, one sentence for all of its kind.
Rule 2: nothing that is kept grows with the file: each store has its bound, beside its reason.
"""

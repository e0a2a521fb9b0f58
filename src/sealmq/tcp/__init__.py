"""TCP: the only room that waits: sockets, one look at all of them, and their limits."""

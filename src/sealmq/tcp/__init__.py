"""TCP: the only room that waits: asyncio transports and their limits."""

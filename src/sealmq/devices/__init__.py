"""Which devices exist, and how they come and go."""

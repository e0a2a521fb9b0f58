"""A device's credentials that stay fresh: when to renew, by which way, and how the files change."""

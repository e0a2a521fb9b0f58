"""The comparison of TLS libraries as a table, as JSON and as a picture. Nothing is worked out here but words."""

"""The application: who may say what to whom. No sockets, no bytes, no clock."""

"""What must survive: sessions, their messages and retained messages, in SQLite."""

"""The configuration: `send_nsca.cfg`, found and read."""

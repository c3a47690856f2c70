"""The NSCA protocol: packets, encryption, and one conversation with a daemon."""

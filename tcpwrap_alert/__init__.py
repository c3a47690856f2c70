"""Denied connections as passive checks at the monitor, by NSCA, with nothing lost on the way."""

__version__ = "0.1.0"

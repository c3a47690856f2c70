"""A configuration made in memory, as a file with the same keys would make it."""

from __future__ import annotations

from tcpwrap_alert.config.read import Config


def config_of(**values: object) -> Config:
    """Return the default configuration of a host named firestorm, with these attributes."""
    config = Config("")
    config.host_name = "firestorm"
    for key, value in values.items():
        setattr(config, key, value)
    return config

"""Files that are taken for ours: which one an unknown key belongs to, and what to do about it."""

from __future__ import annotations

OTHER_FILES = {
    "this is the server's nsca.cfg; here the key is encryption_method": ("decryption_method",),
    "this is the server's nsca.cfg, and here goes what C send_nsca reads": (
        "aggregate_writes",
        "alternate_dump_file",
        "append_to_file",
        "check_result_path",
        "command_file",
        "debug",
        "max_packet_age",
        "nsca_chroot",
        "nsca_group",
        "nsca_user",
        "pid_file",
        "server_address",
        "server_port",
    ),
    "this is a file of NSCA-ng": ("authorize", "delay", "identity", "listen", "psk", "temp_directory", "tls_ciphers"),
}


def file_of(key: str) -> str:
    """Return which file a key belongs to, and what to do; nothing, if no file has it that we know."""
    return next((hint for hint, keys in OTHER_FILES.items() if key in keys), "")

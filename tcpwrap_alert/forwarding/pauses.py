"""How long a forwarder waits between two attempts while the monitor is out of reach."""

PAUSES_S = (5, 10, 20, 40, 60, 60, 60, 45)  # five minutes in all

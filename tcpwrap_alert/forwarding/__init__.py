"""Forwarding: who takes what waits in the spool to the monitor, in which order, what is folded, and when to stop."""

"""Forwarding: who takes what waits in the spool to the monitor, in which order, what is folded, and when to stop.

    lead.py       the forwarder that a drop starts; with several monitors it delivers by sharing.py
    replay.py     cron's run
    submit.py     what people and scripts call, and wait for

All of them make an attempt (attempt.py): each monitor has a box (boxes.py), and draining a box (drain.py) folds what
waits there (fold.py) and hands it to the transport.
"""

"""Sweeps: one client that was denied by many hosts, as the logs of a monitor show it.

texts.py      what a line of a log says: which host denied whom, and how often
logs.py       logs block by block, compressed ones too
rotation.py   how far a log was read, and where the rest of it is after a rotation
table.py      clients, with the hosts that denied them
memory.py     what runs that come after each other have to remember
telling.py    when a sweep is told, and how
"""

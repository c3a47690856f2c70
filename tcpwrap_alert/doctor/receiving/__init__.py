"""What `tcpwrap-alert check server` looks at, on a monitor: the files of what receives results and answers NRPE.

One module per kind of file, each with

    examine(file)       yield the findings about a file of this kind

`kinds.py` finds out which kind a file is, by its content, and where such files are. docs/security.md, "Harden the
monitor", is the guide: what it advises is looked for here.
"""

"""What `tcpwrap-alert check` looks at: one file per subject, and each yields findings.

Nothing here changes anything, and nothing here knows a transport's scheme or prints.
"""

"""What `tcpwrap-alert setup` makes of a host: user, spool, configuration, schedule and rules, each as steps."""

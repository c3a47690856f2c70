"""The spool: queue files, what they hold, their states, who leads, and the promises about them."""

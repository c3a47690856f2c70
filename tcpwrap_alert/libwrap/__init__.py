"""TCP wrappers: what hosts.allow and hosts.deny say, which daemons ask them, and what is wrong with them."""

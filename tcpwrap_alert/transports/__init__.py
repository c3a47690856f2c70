"""The ways to a monitor, by the scheme of its URL; each module has `deliver` and `max_batch`.

`deliver(config, results)` returns when the monitor has taken the results and raises a DeliveryError otherwise.
`max_batch(config, results)` is how many of them one call may take, MAX_BATCH at most.
"""

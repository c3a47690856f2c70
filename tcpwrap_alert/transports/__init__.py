"""The ways to a monitor, by the scheme of its URL; each module has `deliver` and `max_batch`.

`deliver(config, results)` returns when the monitor has taken the results and raises a DeliveryError otherwise.
`max_batch(config)` is the number of results that one call may take.
"""

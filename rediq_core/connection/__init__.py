"""Everything that talks to Redis: parse a URL, open a link, run a call. Alone imports redis-py.

`aio.AsyncLink` and `sync.SyncLink` are the two doors, `topology.parse_url` their key. Nothing is
re-exported, so that floors which only name a `RawCall` do not load redis-py.
"""

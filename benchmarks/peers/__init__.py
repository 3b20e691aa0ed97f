"""Rediq and other task queues side by side: the same cases, one machine, interleaved rounds.

`python -m benchmarks.peers setup` makes one environment per peer, `run` measures. README.md says
what each case measures and with which settings. Not part of the package, of its tests or of CI.
"""

"""Chaos: real workers and producers under seeded faults, and a judge that believes a ledger.

python -m tests.chaos --topology standalone --seconds 60 --seed 1
"""

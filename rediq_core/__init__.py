"""Rediq_core package."""

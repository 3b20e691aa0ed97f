"""Handlers package."""

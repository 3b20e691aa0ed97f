"""Verbs package."""

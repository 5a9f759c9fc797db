"""Limits: how often something may be tried, for all processes of the broker together."""

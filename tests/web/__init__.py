"""Tests of what every page has in common, and of every page with sample data."""

"""Tests of the room ``claims``: tables of hand-picked cases, and properties against independent oracles."""

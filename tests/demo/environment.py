"""Tells its environment: run with ``python -m``."""

import os

print("\n".join(f"{name}={value}" for name, value in os.environ.items()), flush=True)  # noqa: T201 - that is its task

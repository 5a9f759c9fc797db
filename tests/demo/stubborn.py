"""A process that does not want to end: run with ``python -m``."""

import signal
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("here", flush=True)  # noqa: T201 - the log is what the test waits for
while True:
    time.sleep(1)

"""Tests of the stand-ins: that they speak the real wire format, to the clients the broker uses."""

"""How long people have to say no. Fixed, not configured: shorter ones are how accounts were taken over."""

from datetime import timedelta

HOLD = timedelta(hours=72)
"""Between the proofs and the effect, where packages are widely used."""
UNDO = timedelta(days=14)
"""After any effect."""
OBJECTION = timedelta(days=7)
"""Between the start of a conversion and its effect."""
GATHERING = timedelta(days=14)
"""By when two admins of a conversion have accepted, or it lapses."""
RECOVERY = timedelta(days=7)
"""Between the second operator's approval of a recovery and its effect."""
ASKING = timedelta(days=30)
"""By when operators have decided on a recovery, or it lapses."""
EXCEPTION = timedelta(days=90)
"""How long closing may pass an account by, at most."""

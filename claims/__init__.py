"""What a provider said about a sign-in, and what it is worth.

Pure functions over frozen dataclasses, standard library only; no I/O, and the time is passed in. Enter by
``rules.read`` (raw claims -> evidence), ``decision.decide`` (evidence -> verdict) and ``release`` (verdict ->
the claims of our own tokens).

What always holds:

- Anything missing, null, unknown, duplicated or of the wrong type is no evidence: never an exception and
  never a pass.
- Only what came back counts, never what was asked for.
- No claim we release says more than the evidence that counted when it was released.
- Every moment is an aware UTC ``datetime``; a naive one raises ``ValueError`` before anything is judged.
"""

"""Clients that register themselves: RFC 7591 and 7592, OpenID Connect Dynamic Client Registration 1.0.

Enter at ``service.Registration``; ``endpoint`` has the views. ``metadata`` is the language of the wire, ``rules`` is
what somebody outside may not have, ``initial`` are the tokens that let somebody register at all.

What always holds: nobody registers without an initial access token that an operator made; whoever registers becomes
neither first-party nor anything else that is the operator's to give; a client is managed with its own token alone; of
tokens and secrets only hashes are kept; nothing of ours is called that only this network can reach.
"""

"""What each scope means to the person who is asked."""

WORDS = {
    "openid": "Recognise you when you come back",
    "profile": "Know your name",
    "email": "Know your email address",
    "offline_access": "Stay signed in after you leave, until you end it on your account page",
}


def words_for(scope: str) -> str:
    """Return what a scope means, or a resource (RFC 8707), which is a URI."""
    return WORDS.get(scope) or f"Act for you at {scope}"

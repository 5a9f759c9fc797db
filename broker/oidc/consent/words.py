"""What each scope means to the person who is asked."""

WORDS = {
    "openid": "Recognise you when you come back",
    "profile": "Know your name",
    "email": "Know your email address",
    "organizations": "Know which organisations you belong to, and your role in each",
    "registry_accounts": "Know which of the registry's earlier accounts are yours",
    "organizations.read": "See everything in the organisations that you are an admin of",
    "organizations.manage": "Change the organisations that you are an admin of, as you can yourself",
    "operator": "Decide on requests of organisations, as you can yourself as an operator",
    "offline_access": "Stay signed in after you leave, until you end it on your account page",
}


def words_for(scope: str) -> str:
    """Return what a scope means, or a resource (RFC 8707), which is a URI."""
    return WORDS.get(scope) or f"Act for you at {scope}"

"""What the broker says to people about a provider: plain tables, and nothing of the provider's own words.

Enter by :func:`explain_fault` for a sign-in that came to no identity, :func:`explain_verdict` for one that
proved too little, and :func:`proof_sentence` for what a sign-in did prove. :data:`ADMINS` is what the administrators of
a tenant are told, by the provider's code.

What always holds: every fault, and every reason for every kind of provider, has a text that says what is
missing and what to do next; none blames the person, and none claims more than the provider said.
"""

from broker.web.texts.admins import ADMIN_CENTER, ADMINS, AdminText
from broker.web.texts.explanation import Explanation, Link, Named
from broker.web.texts.faults import REMEDIES, explain_fault
from broker.web.texts.proof import proof_sentence, what_it_proves
from broker.web.texts.reasons import explain_verdict

__all__ = [
    "ADMINS",
    "ADMIN_CENTER",
    "REMEDIES",
    "AdminText",
    "Explanation",
    "Link",
    "Named",
    "explain_fault",
    "explain_verdict",
    "proof_sentence",
    "what_it_proves",
]

"""When proofs are missing: mailbox gone, password forgotten. Two operators weigh what speaks for who asks.

Enter at ``views`` (whoever asks, and the operators' two verbs) and ``shown`` (what operators see of it). ``service``
has the verbs, ``tickets`` the addresses of requests, ``marker`` and ``repositories`` the one piece of evidence that we
look for ourselves.

What always holds: nothing takes effect without two operators who have no part in it, and seven days in which the old
address can stop it; what whoever asks sees, and how fast, is the same whether there is such an account or not; a marker
is shown to the operators and decides nothing; a request keeps nobody from claiming the account with its proofs.
"""

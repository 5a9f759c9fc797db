"""Microsoft: personal accounts and the work accounts of Entra tenants, two registrations on MSAL.

Enter at ``account.MicrosoftAccount`` and ``entra.Entra``. Underneath: ``app`` (MSAL: the request and the code),
``channel`` (its way out), ``tokens`` (the validation that MSAL leaves out) and ``aadsts`` (error codes). For admins who
map a tenant: ``domains``, ``consent`` and ``roles``.

What always holds: a token counts only after its signature, the key's own issuer, its tenant and its times are
checked here; personal accounts and tenants are told apart by ``tid``; no tenant that the directory does not admit at
that moment, and no guest that a tenant does not take, gets in; of MFA only what came back is reported: a personal
account's ``acr``, the ``amr`` of an access token for our own API, and the ``acrs`` a tenant's admin attested; no token
is kept, cached or logged.
"""

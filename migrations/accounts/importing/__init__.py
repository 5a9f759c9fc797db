"""What a registry exported, row by row: accounts of its old world become legacy accounts.

Enter by ``importer.Importer``: ``source`` reads the file, ``rows`` judges what one row says, ``identities`` makes
subjects of what is linked, ``aliases`` proposes which accounts are shared, ``keeping`` decides what to write and writes
it, ``seen`` remembers a file without holding it, ``report`` tells of each row that was not taken.

What always holds: memory does not grow with the file; a batch of rows and the place in the file are one transaction,
so that an import that was killed goes on where it was; the same row twice changes nothing; an account that somebody
has come for is not changed by a file; a name, an identity and an id belong to one account each, the first one's;
neither the report nor the record holds a name, an address or a hash.
"""

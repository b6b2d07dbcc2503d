"""One protocol per aggregate. All of them may be backed by one database; each call is one transaction."""

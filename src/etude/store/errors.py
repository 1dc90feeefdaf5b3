"""What can go wrong with a store that the user named rightly."""


class StoreError(RuntimeError):
    """A store could not be read or written now: disk full, locked, server gone.

    Whatever was saved before is kept whole; the message says how to go on.
    """

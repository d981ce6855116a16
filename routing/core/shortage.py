"""Errors of the operating system that pass by themselves or by an administrator: no image is to blame."""

import errno

SHORTAGES = frozenset(
    (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        # The spool is not where it was.
        errno.ESTALE,
    )
)
"""Whatever met one is tried again."""

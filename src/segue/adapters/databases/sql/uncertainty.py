"""Commits of which nobody knows whether they happened."""

UNCERTAIN = "the connection broke during the commit: whether it was written is not known"


def mark_uncertain(error: BaseException) -> None:
    """Note on an error of a commit that nobody may simply try it again."""
    error.add_note(UNCERTAIN)


def is_uncertain(error: BaseException) -> bool:
    """Whether ``mark_uncertain`` was called for it."""
    return UNCERTAIN in getattr(error, "__notes__", ())

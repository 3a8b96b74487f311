"""Exceptions that callers may want to tell apart. Bad input is a plain ValueError with one sentence."""


class Interrupted(RuntimeError):
    """`should_stop` answered true: the work was given up at the caller's wish, nothing is wrong."""

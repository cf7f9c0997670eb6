"""What goes wrong with a stack, in words for the person at the terminal."""


class StackError(Exception):
    """The stack, or a run in it, can't go on; the message says why and shows the log that tells more."""

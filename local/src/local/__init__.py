"""Airflow and the emulator on one machine: the `perennial` command."""


class StackError(Exception):
    """A stack, or a run in it, can't go on; the message says why and shows the log that tells more."""

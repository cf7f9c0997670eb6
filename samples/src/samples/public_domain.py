"""The licence of data that a program made up."""

from __future__ import annotations


def dedication(what: str) -> str:
    """The text of a LICENSE that gives the output of a program away; `what` it is, in the plural."""
    return (
        f"These {what} are the output of a program and hold no third party's work.\n"
        "They are dedicated to the public domain: CC0 1.0, https://creativecommons.org/publicdomain/zero/1.0/\n"
    )

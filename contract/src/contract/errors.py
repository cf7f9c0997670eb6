"""The one error of a contract: which field, what was expected, what was received."""


class ContractError(ValueError):
    """A field of a contract has a value that it can't have."""

    def __init__(self, field: str, *, expected: str, received: object) -> None:
        """Say which field is wrong, what it takes and what it got."""
        super().__init__(f"{field}: expected {expected}, received {received!r}")
        self.field = field
        self.expected = expected
        self.received = received

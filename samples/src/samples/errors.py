"""The one error of sample data: which field, what was expected, what was received."""


class SampleError(ValueError):
    """Sample data can't be made as asked."""

    def __init__(self, field: str, *, expected: str, received: object) -> None:
        """Say which field is wrong, what it takes and what it got."""
        super().__init__(f"{field}: expected {expected}, received {received!r}")

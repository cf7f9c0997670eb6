import pytest

from retraining.ui.pictures import media_type


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xd8\xff\xe0...", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"<svg onload='alert(1)'>", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_media_type_is_of_the_bytes_and_never_of_what_may_hold_scripts(
    content: bytes, kind: str | None
) -> None:
    assert media_type(content) == kind

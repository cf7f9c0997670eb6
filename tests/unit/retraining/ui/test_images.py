import base64

import pytest

from retraining.ui.images import data_uri, grayscale_data_uri, media_type

JPEG = b"\xff\xd8\xff\xe0" + bytes(60)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (JPEG, "image/jpeg"),
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


def test_data_uri_holds_the_bytes_of_an_image_only() -> None:
    assert data_uri(JPEG) == f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"
    assert data_uri(b"<script>alert(1)</script>") is None


def test_grayscale_data_uri_is_a_png() -> None:
    uri = grayscale_data_uri([[[0.0], [1.0]], [[0.5], [2.0]]])
    head, _, encoded = uri.partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(encoded).startswith(b"\x89PNG")

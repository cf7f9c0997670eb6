"""One rendered picture."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from samples.flowers import KINDS, render


@pytest.mark.parametrize("kind", KINDS)
def test_render_of_every_kind_is_a_jpeg_that_says_it_is_rendered(kind):
    image = Image.open(io.BytesIO(render(kind, seed=0, index=3, size=80)))

    assert image.format == "JPEG"
    assert image.mode == "RGB"
    assert max(image.size) == 80
    assert b"not a photograph" in image.info["comment"]


def test_render_twice_gives_the_same_bytes():
    assert render("roses", seed=1, index=7, size=64) == render("roses", seed=1, index=7, size=64)


def test_render_with_another_seed_gives_another_picture():
    assert render("roses", seed=1, index=7, size=64) != render("roses", seed=2, index=7, size=64)

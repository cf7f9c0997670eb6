"""The folder of rendered images, and one image of it."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from samples.flowers import KINDS, RenderedFlowers, render
from samples.sample import SampleError

SMALL = RenderedFlowers(images=10, seed=4, size=48)


def test_write_into_a_new_folder_makes_one_folder_per_kind_and_says_rendered(tmp_path):
    assert SMALL.write(tmp_path / "flowers") == 10

    folder = tmp_path / "flowers"
    assert {path.name for path in folder.iterdir() if path.is_dir()} == set(KINDS)
    assert len(list(folder.glob("*/*.jpg"))) == 10
    assert "RENDERED" in (folder / "README.txt").read_text()
    assert (folder / "LICENSE").is_file()


def test_write_twice_renders_nothing_the_second_time(tmp_path):
    SMALL.write(tmp_path)

    assert SMALL.write(tmp_path) == 0


def test_write_where_an_image_is_missing_renders_the_set_again(tmp_path):
    SMALL.write(tmp_path)
    (tmp_path / SMALL.files()[3][1]).unlink()

    assert SMALL.write(tmp_path) == 10
    assert SMALL.is_in(tmp_path)


def test_write_of_another_set_replaces_the_images_and_keeps_foreign_files(tmp_path):
    SMALL.write(tmp_path)
    own_photo = tmp_path / "daisy" / "mine.jpg"
    own_photo.write_bytes(b"photo")

    RenderedFlowers(images=5, seed=5, size=48).write(tmp_path)

    assert own_photo.read_bytes() == b"photo"
    assert len(list(tmp_path.glob("*/rendered_*.jpg"))) == 5


def test_write_of_a_larger_set_begins_with_the_smaller_one(tmp_path):
    SMALL.write(tmp_path / "small")
    RenderedFlowers(images=12, seed=4, size=48).write(tmp_path / "large")

    for _, name in SMALL.files():
        assert (tmp_path / "small" / name).read_bytes() == (tmp_path / "large" / name).read_bytes()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"images": 4}, "images: expected at least 5, received 4"),
        ({"seed": -1}, "seed: expected 0 or more, received -1"),
        ({"size": 8}, "size: expected 32 to 1024 pixels, received 8"),
    ],
)
def test_rendered_flowers_with_a_wrong_parameter_names_it(parameters, message):
    with pytest.raises(SampleError, match=message):
        RenderedFlowers(**parameters)


@pytest.mark.parametrize("kind", KINDS)
def test_render_of_every_kind_is_a_jpeg_that_says_it_is_rendered(kind):
    image = Image.open(io.BytesIO(render(kind, seed=0, index=3, size=80)))

    assert image.format == "JPEG"
    assert image.mode == "RGB"
    assert max(image.size) == 80
    assert b"not a photograph" in image.info["comment"]


def test_render_twice_gives_the_same_bytes():
    assert render("roses", seed=1, index=7, size=64) == render("roses", seed=1, index=7, size=64)


def test_render_with_another_seed_gives_another_image():
    assert render("roses", seed=1, index=7, size=64) != render("roses", seed=2, index=7, size=64)

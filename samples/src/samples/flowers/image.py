"""Rendering of one image: one to three flowers of a kind, a background, light and camera noise."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from samples.flowers.canvas import Canvas, Pose, ground_color, leaf_color, petal_color, polar, shade
from samples.flowers.kinds import KINDS

Pixels = NDArray[np.float32]
"""Shape (height, width, 3), 0 to 255."""

COMMENT = b"Rendered by a program (Perennial, python -m samples flowers). This is not a photograph."

_SUPERSAMPLING = 2


def render(kind: str, *, seed: int, index: int, size: int) -> bytes:
    """Render an image of a kind.

    Args:
        kind: a key of `KINDS`.
        seed: of the whole set.
        index: of the image in the set; an image does not depend on the size of the set.
        size: the longer side, in pixels.

    Returns:
        A JPEG file whose comment says that it is rendered.
    """
    rng = np.random.default_rng([seed, index])
    width, height = _shape(rng, size)
    scale = _SUPERSAMPLING
    image = _background(rng, width * scale, height * scale)
    _paint_flowers(image, kind, rng)
    image = image.resize((width, height), Image.Resampling.BOX)
    pixels = _sensor_noise(rng, _light(rng, np.asarray(image, np.float32)))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
        buffer, "JPEG", quality=int(rng.integers(60, 96)), comment=COMMENT
    )
    return buffer.getvalue()


def _shape(rng: np.random.Generator, size: int) -> tuple[int, int]:
    shorter = round(size * rng.uniform(0.75, 1.0))
    return (size, shorter) if rng.uniform() < 0.5 else (shorter, size)


def _paint_flowers(image: Image.Image, kind: str, rng: np.random.Generator) -> None:
    """Draw smaller flowers first, the largest last and near the middle."""
    draw = ImageDraw.Draw(image)
    color = petal_color(rng)
    short_side = min(image.size)
    middle = np.array(image.size) / 2
    places = [
        (rng.uniform(-0.5, 0.5, size=2) * image.size, short_side * rng.uniform(0.12, 0.2))
        for _ in range(int(rng.choice([0, 0, 1, 2])))
    ]
    places.append((rng.uniform(-0.08, 0.08, size=2) * short_side, short_side * rng.uniform(0.34, 0.46)))
    for offset, radius in places:
        x, y = (middle + offset).tolist()
        if kind == "tulips":
            rotation = float(rng.normal(0, 0.22))
            pose = Pose(center=(x, y - 0.15 * radius), radius=0.8 * radius, rotation=rotation)
        else:
            _paint_stem(draw, rng, x, y, radius=radius)
            pose = _seen_from_above(rng, x, y, radius=radius)
        KINDS[kind](Canvas(draw, pose), rng, color)


def _paint_stem(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: float, y: float, *, radius: float
) -> None:
    """Draw a stem on most flowers: a green line must not be a feature of tulips."""
    if rng.uniform() < 0.4:
        return
    foot = x + rng.normal(0, 0.6) * radius
    points = [(x, y), ((x + foot) / 2, y + 1.2 * radius), (foot, y + 4 * radius)]
    draw.line(points, fill=leaf_color(rng), width=max(1, round(radius * rng.uniform(0.06, 0.1))))


def _seen_from_above(rng: np.random.Generator, x: float, y: float, *, radius: float) -> Pose:
    return Pose(
        center=(x, y),
        radius=radius,
        rotation=float(rng.uniform(0, 2 * np.pi)),
        tilt=float(rng.uniform(0.72, 1.0)),
        tilt_axis=float(rng.uniform(0, np.pi)),
    )


def _background(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Draw blurred patches of color, with grass, leaves and stray petals in front of them."""
    colors = np.array([ground_color(rng), ground_color(rng), leaf_color(rng)], np.float32)
    rows, columns = int(rng.integers(2, 7)), int(rng.integers(2, 7))
    weights = rng.dirichlet((0.8, 0.8, 0.8), size=(rows, columns))
    patches = (weights @ colors * rng.uniform(0.75, 1.2, size=(rows, columns, 1))).clip(0, 255)
    image = Image.fromarray(patches.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    _blots(draw, rng, width, height)
    image = image.filter(ImageFilter.BoxBlur(float(rng.uniform(0.5, 0.04 * width))))
    _grass(ImageDraw.Draw(image), rng, width, height)
    return image


def _light(rng: np.random.Generator, pixels: Pixels) -> Pixels:
    """Apply directional light, color temperature, contrast and exposure."""
    height, width, _ = pixels.shape
    direction = rng.uniform(0, 2 * np.pi)
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    slope = np.cos(direction) * x[None, :] + np.sin(direction) * y[:, None]
    gain = rng.uniform(0.7, 1.15) * (1 + rng.uniform(0, 0.3) * slope)
    warmth = np.array([1, 1, 1], np.float32) + rng.normal(0, 0.07, size=3).astype(np.float32)
    contrast = rng.uniform(0.75, 1.2)
    lit = (pixels - 128) * contrast + 128
    return np.asarray(lit * gain[:, :, None] * warmth, np.float32)


def _sensor_noise(rng: np.random.Generator, pixels: Pixels) -> Pixels:
    """Add Gaussian camera noise of a random strength."""
    grain = rng.standard_normal(pixels.shape, dtype=np.float32)
    return np.asarray(pixels + np.float32(rng.uniform(1, 8)) * grain, np.float32)


def _blots(draw: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int) -> None:
    for _ in range(int(rng.integers(2, 9))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        a, b = rng.uniform(0.03, 0.16, size=2) * width
        color = petal_color(rng) if rng.uniform() < 0.5 else ground_color(rng)
        draw.ellipse((x - a, y - b, x + a, y + b), fill=shade(color, rng.uniform(0.5, 1.0)))


def _grass(draw: ImageDraw.ImageDraw, rng: np.random.Generator, width: int, height: int) -> None:
    for _ in range(int(rng.integers(0, 14))):
        root = np.array([rng.uniform(0, width), height * rng.uniform(0.8, 1.1)])
        reach = polar(rng.uniform(0.2, 0.9) * height, rng.normal(-np.pi / 2, 0.5))[0]
        bend = rng.normal(0, 0.06, size=2) * width
        points = [tuple(map(float, root + reach * t + bend * t * t)) for t in (0.0, 0.35, 0.7, 1.0)]
        tone = shade(leaf_color(rng), rng.uniform(0.6, 1.3))
        draw.line(points, fill=tone, width=int(rng.integers(1, max(2, width // 45) + 1)))

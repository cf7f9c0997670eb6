"""All of a picture that is not the flower: what is behind and around it, the light and the camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from samples.flowers.canvas import polar
from samples.flowers.palette import ground_color, leaf_color, petal_color, shade

Pixels = NDArray[np.float32]
"""Shape (height, width, 3), 0 to 255."""


def background(rng: np.random.Generator, width: int, height: int) -> Image.Image:
    """Patches of colour out of focus, with grass, leaves and stray petals before them."""
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


def light(rng: np.random.Generator, pixels: Pixels) -> Pixels:
    """Light from one side, a colour temperature, contrast, exposure."""
    height, width, _ = pixels.shape
    direction = rng.uniform(0, 2 * np.pi)
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    slope = np.cos(direction) * x[None, :] + np.sin(direction) * y[:, None]
    gain = rng.uniform(0.7, 1.15) * (1 + rng.uniform(0, 0.3) * slope)
    warmth = np.array([1, 1, 1], np.float32) + rng.normal(0, 0.07, size=3).astype(np.float32)
    contrast = rng.uniform(0.75, 1.2)
    lit = (pixels - 128) * contrast + 128
    return np.asarray(lit * gain[:, :, None] * warmth, np.float32)


def sensor_noise(rng: np.random.Generator, pixels: Pixels) -> Pixels:
    """The grain of a camera, fine to coarse."""
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

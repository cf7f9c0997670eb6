"""One picture: a scene with one to three flowers of a kind, as JPEG bytes."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageDraw

from samples.flowers.canvas import Canvas, Pose
from samples.flowers.kinds import KINDS
from samples.flowers.palette import leaf_color, petal_color
from samples.flowers.scene import background, light, sensor_noise

COMMENT = b"Rendered by a program (Perennial, python -m samples flowers). This is not a photograph."

_SUPERSAMPLING = 2


def render(kind: str, *, seed: int, index: int, size: int) -> bytes:
    """A picture of this kind.

    Args:
        kind: a key of `KINDS`.
        seed: of the whole set.
        index: of the picture in the set: a picture does not depend on how many others there are.
        size: the longer side, in pixels.

    Returns:
        A JPEG file whose comment says that it is rendered.
    """
    rng = np.random.default_rng([seed, index])
    width, height = _shape(rng, size)
    scale = _SUPERSAMPLING
    image = background(rng, width * scale, height * scale)
    _paint_flowers(image, kind, rng)
    image = image.resize((width, height), Image.Resampling.BOX)
    pixels = sensor_noise(rng, light(rng, np.asarray(image, np.float32)))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
        buffer, "JPEG", quality=int(rng.integers(60, 96)), comment=COMMENT
    )
    return buffer.getvalue()


def _shape(rng: np.random.Generator, size: int) -> tuple[int, int]:
    shorter = round(size * rng.uniform(0.75, 1.0))
    return (size, shorter) if rng.uniform() < 0.5 else (shorter, size)


def _paint_flowers(image: Image.Image, kind: str, rng: np.random.Generator) -> None:
    """Smaller flowers behind, the largest last and near the middle."""
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
    """Most flowers have one: a green line must not give the tulip away."""
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

"""Drawing in a flower's own coordinates (center at (0, 0), rim at radius 1), and colors for all kinds.

The kinds share one color distribution, so that color says nothing about the kind.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

Points = NDArray[np.float64]
"""Shape (..., 2): x to the right, y down. Angles therefore run clockwise."""


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Position and orientation of a flower in the image.

    Attributes:
        center: pixels from the upper left corner.
        radius: pixels.
        rotation: radians, clockwise.
        tilt: foreshortening, 0 to 1; 1 is a view from straight above.
        tilt_axis: the direction that the tilt shortens, radians.
    """

    center: tuple[float, float]
    radius: float
    rotation: float
    tilt: float = 1.0
    tilt_axis: float = 0.0

    def place(self, points: Points) -> Points:
        """Transform points of the flower to pixels of the image; the shape stays (..., 2)."""
        placed: Points = points @ self._matrix + self.center
        return placed

    @cached_property
    def _matrix(self) -> Points:
        axis = _rotation(self.tilt_axis)
        squash = axis @ np.diag([1.0, self.tilt]) @ axis.T
        matrix: Points = _rotation(self.rotation).T @ squash * self.radius
        return matrix


@dataclass(frozen=True)
class Canvas:
    """Drawing surface in the coordinates of one flower."""

    draw: ImageDraw.ImageDraw
    pose: Pose

    def polygon(self, outline: Points, color: Color) -> None:
        """Fill an outline."""
        self.polygons(outline[None], [color])

    def polygons(self, outlines: Points, colors: Sequence[Color]) -> None:
        """Fill outlines one over the other; shape (polygons, points, 2)."""
        for outline, color in zip(_flat(self.pose.place(outlines)), colors, strict=True):
            self.draw.polygon(outline, fill=color)

    def line(self, points: Points, color: Color, *, width: float) -> None:
        """Draw a line; its width is in radii of the flower, at least one pixel."""
        self.lines(points[None], [color], width=width)

    def lines(self, lines: Points, colors: Sequence[Color], *, width: float) -> None:
        """Draw lines of the same width; shape (lines, points, 2)."""
        pixels = max(1, round(width * self.pose.radius))
        for points, color in zip(_flat(self.pose.place(lines)), colors, strict=True):
            self.draw.line(points, fill=color, width=pixels)

    def discs(self, centers: Points, radius: float, colors: Sequence[Color]) -> None:
        """Fill discs of the same size; `centers` has the shape (discs, 2)."""
        corners = 20 if radius > 0.1 else 8
        circle = polar(radius, np.linspace(0, 2 * np.pi, corners, endpoint=False))
        self.polygons(centers[:, None] + circle, colors)


def petals(*, start: float, end: Points, width: float, fullness: float, angle: Points) -> Points:
    """Return the outlines of petals that point away from the center.

    Args:
        start: inner end, in radii.
        end: tip of each, in radii; shape (petals,).
        width: greatest width, in radii.
        fullness: position of the greatest width: 1 in the middle, above 1 towards the tip, below towards the
            center.
        angle: of each, in radians; shape (petals,).

    Returns:
        Shape (petals, points, 2).
    """
    along = np.linspace(0.0, 1.0, 12)
    half = width / 2 * np.sin(np.pi * along**fullness) ** 0.75
    x = start + (end[:, None] - start) * np.concatenate([along, along[::-1]])
    y = np.concatenate([half, -half[::-1]])
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)


def petal(*, end: float, width: float, fullness: float, angle: float) -> Points:
    """Return the outline of one petal that begins at (0, 0); shape (points, 2)."""
    outlines = petals(start=0.0, end=np.array([end]), width=width, fullness=fullness, angle=np.array([angle]))
    outline: Points = outlines[0]
    return outline


def polar(radius: float | Points, angle: float | Points) -> Points:
    """Convert polar coordinates to points: the broadcast shape of both, and 2."""
    points: Points = np.stack(np.broadcast_arrays(radius * np.cos(angle), radius * np.sin(angle)), axis=-1)
    return points


def petal_color(rng: np.random.Generator) -> Color:
    """Draw white, cream, yellow, orange, red, pink or violet, from pale to strong."""
    hue = rng.choice([0.0, 0.04, 0.08, 0.12, 0.15, 0.78, 0.86, 0.92, 0.97]) + rng.normal(0, 0.012)
    saturation = rng.choice([rng.uniform(0.02, 0.2), rng.uniform(0.35, 0.95)])
    return _from_hsv(hue, saturation, rng.uniform(0.72, 1.0))


def center_color(rng: np.random.Generator) -> Color:
    """Draw the color of a flower's center: from yellow over green to nearly black."""
    return _from_hsv(rng.uniform(0.04, 0.2), rng.uniform(0.3, 0.9), rng.uniform(0.16, 0.85))


def leaf_color(rng: np.random.Generator) -> Color:
    """Draw the green of stems, leaves and grass."""
    return _from_hsv(rng.uniform(0.22, 0.4), rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.65))


def ground_color(rng: np.random.Generator) -> Color:
    """Draw the color of a background: meadow, soil, stone, sky, or a wall of any color."""
    hue = rng.choice([rng.uniform(0.2, 0.4), rng.uniform(0.05, 0.12), rng.uniform(0.52, 0.64), rng.uniform()])
    return _from_hsv(hue, rng.uniform(0.05, 0.65), rng.uniform(0.12, 0.85))


def shade(color: Color, factor: float) -> Color:
    """Make a color darker (below 1) or lighter (above 1)."""
    red, green, blue = color
    return min(255, int(red * factor)), min(255, int(green * factor)), min(255, int(blue * factor))


def _rotation(angle: float) -> Points:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def _flat(shapes: Points) -> list[list[float]]:
    flat: list[list[float]] = shapes.reshape(len(shapes), -1).tolist()
    return flat


def _from_hsv(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(float(hue) % 1.0, float(saturation), float(value))
    return int(255 * red), int(255 * green), int(255 * blue)

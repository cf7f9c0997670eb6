"""Draws shapes that are given in a flower's own coordinates: the heart at (0, 0), the rim at radius 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw

from samples.flowers.palette import Color

Points = NDArray[np.float64]
"""Shape (..., 2): x to the right, y down. Angles therefore run clockwise."""


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where a flower is in the picture.

    Attributes:
        center: pixels from the left upper corner.
        radius: pixels.
        rotation: radians, clockwise.
        tilt: how much of its height is left when it is seen from the side, 0 to 1.
        tilt_axis: the direction that the tilt shortens, radians.
    """

    center: tuple[float, float]
    radius: float
    rotation: float
    tilt: float = 1.0
    tilt_axis: float = 0.0

    def place(self, points: Points) -> Points:
        """Points of the flower as points of the picture, in pixels; the shape stays (..., 2)."""
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
    """A drawing in progress, seen from one flower."""

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
    """The outlines of petals that point away from the heart.

    Args:
        start: where they begin, in radii.
        end: where the tip of each is, in radii; shape (petals,).
        width: their greatest width, in radii.
        fullness: where they are widest: 1 in the middle, above 1 towards the tip, below towards the heart.
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
    """The outline of one petal that begins at (0, 0); shape (points, 2)."""
    outlines = petals(start=0.0, end=np.array([end]), width=width, fullness=fullness, angle=np.array([angle]))
    outline: Points = outlines[0]
    return outline


def polar(radius: float | Points, angle: float | Points) -> Points:
    """Points at these radii and angles: the broadcast shape of both, and 2."""
    points: Points = np.stack(np.broadcast_arrays(radius * np.cos(angle), radius * np.sin(angle)), axis=-1)
    return points


def _rotation(angle: float) -> Points:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def _flat(shapes: Points) -> list[list[float]]:
    flat: list[list[float]] = shapes.reshape(len(shapes), -1).tolist()
    return flat

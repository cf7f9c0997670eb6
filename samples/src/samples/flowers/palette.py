"""Colours that every kind of flower shares, so that colour says nothing about the kind."""

from __future__ import annotations

import colorsys

import numpy as np

Color = tuple[int, int, int]


def petal_color(rng: np.random.Generator) -> Color:
    """White, cream, yellow, orange, red, pink or violet, lit from pale to strong."""
    hue = rng.choice([0.0, 0.04, 0.08, 0.12, 0.15, 0.78, 0.86, 0.92, 0.97]) + rng.normal(0, 0.012)
    saturation = rng.choice([rng.uniform(0.02, 0.2), rng.uniform(0.35, 0.95)])
    return _from_hsv(hue, saturation, rng.uniform(0.72, 1.0))


def heart_color(rng: np.random.Generator) -> Color:
    """The middle of a flower: from yellow over green to nearly black."""
    return _from_hsv(rng.uniform(0.04, 0.2), rng.uniform(0.3, 0.9), rng.uniform(0.16, 0.85))


def leaf_color(rng: np.random.Generator) -> Color:
    """The green of stems, leaves and grass."""
    return _from_hsv(rng.uniform(0.22, 0.4), rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.65))


def ground_color(rng: np.random.Generator) -> Color:
    """What is behind: meadow, soil, stone, sky, or a wall of any colour."""
    hue = rng.choice([rng.uniform(0.2, 0.4), rng.uniform(0.05, 0.12), rng.uniform(0.52, 0.64), rng.uniform()])
    return _from_hsv(hue, rng.uniform(0.05, 0.65), rng.uniform(0.12, 0.85))


def shade(color: Color, factor: float) -> Color:
    """The colour made darker (below 1) or lighter (above 1)."""
    red, green, blue = color
    return min(255, int(red * factor)), min(255, int(green * factor)), min(255, int(blue * factor))


def _from_hsv(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(float(hue) % 1.0, float(saturation), float(value))
    return int(255 * red), int(255 * green), int(255 * blue)

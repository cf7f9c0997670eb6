"""Painters of the five kinds of flowers: each draws a shape in any given color."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from samples.flowers.canvas import (
    Canvas,
    Color,
    Points,
    center_color,
    leaf_color,
    petal,
    petals,
    polar,
    shade,
)

GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))

Painter = Callable[[Canvas, np.random.Generator, Color], None]


def daisy(canvas: Canvas, rng: np.random.Generator, color: Color) -> None:
    """Draw long, thin, separate petals around a small disc."""
    count = int(rng.integers(11, 19))
    disc = rng.uniform(0.18, 0.27)
    width = rng.uniform(0.95, 1.25) * np.pi / count
    angles, ends = _around(rng, count, jitter=0.15), rng.uniform(0.86, 1.0, size=count)
    tones = _tones(rng, color, count, darkest=0.8, lightest=1.08)
    canvas.polygons(petals(start=disc * 0.6, end=ends, width=width, fullness=1.5, angle=angles), tones)
    veins = np.stack([polar(disc, angles), polar(ends * 0.8, angles)], axis=1)
    canvas.lines(veins, [shade(tone, 0.86) for tone in tones], width=0.02)
    _textured_disc(canvas, rng, radius=disc, seeds=40)


def dandelion(canvas: Canvas, rng: np.random.Generator, color: Color) -> None:
    """Draw a ball of many fine hairs, each with a tuft at its end."""
    for layer in (0.98, 0.8, 0.6, 0.4):
        angles = _around(rng, int(rng.integers(26, 36) * layer) + 6, jitter=0.5)
        bent = angles + rng.normal(0, 0.05, size=len(angles))
        tips = polar(layer * rng.uniform(0.9, 1.02, size=len(angles)), bent)
        tones = _tones(rng, color, len(angles), darkest=0.7, lightest=1.1)
        canvas.lines(np.stack([polar(0.05, angles), tips], axis=1), tones, width=0.012)
        for spread in np.linspace(-1.1, 1.1, 4):
            fans = bent + spread + rng.normal(0, 0.15, size=len(angles))
            canvas.lines(np.stack([tips, tips + polar(0.11, fans)], axis=1), tones, width=0.01)
    canvas.discs(np.zeros((1, 2)), rng.uniform(0.06, 0.14), [shade(center_color(rng), 0.9)])


def roses(canvas: Canvas, rng: np.random.Generator, color: Color) -> None:
    """Draw broad petals that overlap in whorls and close into a spiral."""
    petals = int(rng.integers(15, 23))
    start = rng.uniform(0, 2 * np.pi)
    for index in range(petals):
        inwards = index / petals
        size = 0.5 * (1 - inwards) ** 0.8 + 0.1
        center = polar(0.52 * (1 - inwards) ** 0.9, start + index * GOLDEN_ANGLE)
        lobe = _lobed(rng, size)
        tone = shade(color, 0.68 + 0.3 * rng.random() + 0.12 * (1 - inwards))
        canvas.polygon(center + lobe, shade(tone, 0.55))
        canvas.polygon(center * 1.06 + lobe * 0.9, tone)
    turns = np.linspace(0, rng.uniform(3.0, 4.5) * np.pi, 40)
    canvas.line(polar(0.02 + 0.022 * turns, start + turns), shade(color, 0.45), width=0.035)


def sunflowers(canvas: Canvas, rng: np.random.Generator, color: Color) -> None:
    """Draw a large, dark, textured disc with two rows of short, pointed petals."""
    disc = rng.uniform(0.5, 0.62)
    count = int(rng.integers(20, 32))
    for reach, darkest in ((1.0, 0.72), (0.92, 0.66)):
        angles, ends = _around(rng, count, jitter=0.3), reach * rng.uniform(0.9, 1.02, size=count)
        outlines = petals(start=disc * 0.85, end=ends, width=5.2 / count, fullness=0.75, angle=angles)
        canvas.polygons(outlines, _tones(rng, color, count, darkest=darkest, lightest=darkest + 0.36))
    _textured_disc(canvas, rng, radius=disc, seeds=110)


def tulips(canvas: Canvas, rng: np.random.Generator, color: Color) -> None:
    """Draw a closed cup seen from the side, on a stem, with long leaves."""
    green = leaf_color(rng)
    sway = rng.normal(0, 0.25)
    stem = np.array([[0.0, 0.5], [sway * 0.3, 1.3], [sway, 2.4]])
    canvas.line(stem, green, width=rng.uniform(0.07, 0.12))
    for side in (-1, 1):
        if rng.uniform() < 0.7:
            lean = -np.pi / 2 + side * rng.uniform(0.15, 0.6)
            blade = petal(end=rng.uniform(1.2, 1.9), width=0.28, fullness=0.7, angle=lean)
            canvas.polygon(blade + np.array([sway, 2.1]), shade(green, rng.uniform(0.7, 1.2)))
    base = np.array([0.0, 0.8])
    height, open_angle = rng.uniform(1.5, 1.75), rng.uniform(0.16, 0.4)
    for lean, width, tone in (
        (-0.4 * open_angle, 0.75, 0.7), (0.4 * open_angle, 0.75, 0.76),
        (-open_angle, 0.85, 0.88), (open_angle, 0.85, 0.95), (rng.normal(0, 0.05), 0.8, 1.06),
    ):  # fmt: skip
        reach = height * rng.uniform(0.92, 1.02)
        outline = petal(end=reach, width=width, fullness=0.72, angle=lean - np.pi / 2)
        canvas.polygon(outline + base, shade(color, tone * 0.8))
        canvas.polygon(outline * 0.93 + base, shade(color, tone))


KINDS: Mapping[str, Painter] = MappingProxyType(
    {
        "daisy": daisy,
        "dandelion": dandelion,
        "roses": roses,
        "sunflowers": sunflowers,
        "tulips": tulips,
    }
)
"""Label -> painter, in the order of the labels."""


def _around(rng: np.random.Generator, count: int, *, jitter: float) -> Points:
    """Return evenly spaced angles, jittered by up to `jitter` of a step, in random order."""
    steps = np.arange(count) + rng.uniform(-jitter, jitter, size=count)
    angles = rng.uniform(0, 2 * np.pi) + 2 * np.pi / count * steps
    return rng.permutation(angles)


def _tones(
    rng: np.random.Generator, color: Color, count: int, *, darkest: float, lightest: float
) -> list[Color]:
    return [shade(color, factor) for factor in rng.uniform(darkest, lightest, size=count).tolist()]


def _lobed(rng: np.random.Generator, size: float) -> Points:
    angles = np.linspace(0, 2 * np.pi, 18, endpoint=False)
    wave = 1 + 0.08 * np.sin(3 * angles + rng.uniform(0, 2 * np.pi))
    return polar(size * wave, angles)


def _textured_disc(canvas: Canvas, rng: np.random.Generator, *, radius: float, seeds: int) -> None:
    """Draw a disc with seeds in a phyllotactic spiral (Vogel, 1979)."""
    color = center_color(rng)
    canvas.discs(np.zeros((1, 2)), radius, [shade(color, 0.75)])
    order = np.arange(seeds)
    places = polar(radius * 0.95 * np.sqrt((order + 0.5) / seeds), order * GOLDEN_ANGLE)
    tones = _tones(rng, color, seeds, darkest=0.6, lightest=1.5)
    canvas.discs(places, radius * 0.55 / np.sqrt(seeds), tones)

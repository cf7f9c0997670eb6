"""Where raw data comes from: a folder with a folder per label, or a CSV file of (image URI, label)."""

from __future__ import annotations

from preprocessing.sources.base import Part, Source
from preprocessing.sources.csv_file import CsvFile
from preprocessing.sources.label_folders import LabelFolders

__all__ = ["CsvFile", "LabelFolders", "Part", "Source", "source_of"]


def source_of(uri: str) -> Source:
    """The source at a path or `gs://` URI: one that ends in `.csv` is a CSV file, any other a folder."""
    return CsvFile(uri) if uri.lower().endswith(".csv") else LabelFolders(uri.rstrip("/"))

from __future__ import annotations

from pathlib import Path

import pytest

from contract.artifacts import RejectedRecord
from preprocessing.errors import SourceError
from preprocessing.images import RawImage
from preprocessing.images.sources import ImageList, LabelFolders, image_source
from preprocessing.sources import FileBatch


def _listed(source: ImageList | LabelFolders) -> tuple[list[RawImage], list[RejectedRecord], int]:
    batches: list[FileBatch] = [listed for part in source.partitions() for listed in part.list_batches()]
    return (
        [file for batch in batches for file in batch.chunks if isinstance(file, RawImage)],
        [item for batch in batches for item in batch.rejected],
        sum(batch.ignored for batch in batches),
    )


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("photos/", LabelFolders("photos")),
        ("gs://bucket/raw", LabelFolders("gs://bucket/raw")),
        ("gs://bucket/train.CSV", ImageList("gs://bucket/train.CSV")),
    ],
)
def test_image_source_goes_by_the_name(uri: str, source: object) -> None:
    assert image_source(uri) == source


def test_label_folders_take_their_labels_and_count_what_has_none(tmp_path: Path) -> None:
    for name, data in {"daisy/1.jpg": b"1", "roses/old/2.jpg": b"22"}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(data)
    for name in ("LICENSE.txt", ".hidden", "daisy/.DS_Store"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".git").mkdir()
    (tmp_path / "daisy" / "gone.jpg").symlink_to("nowhere")
    files, rejected, ignored = _listed(LabelFolders(str(tmp_path)))
    assert files == [
        RawImage(f"{tmp_path}/daisy/1.jpg", "daisy/1.jpg", "daisy", 1),
        RawImage(f"{tmp_path}/roses/old/2.jpg", "roses/old/2.jpg", "roses", 2),
    ]
    assert [(item.uri, item.reason) for item in rejected] == [(f"{tmp_path}/daisy/gone.jpg", "unreadable")]
    assert ignored == 3


def test_label_folders_ignore_hidden_folders_and_thumbnails_within_a_label(tmp_path: Path) -> None:
    names = ("cat/1.jpg", "cat/.ipynb_checkpoints/1.jpg", "cat/@eaDir/1.jpg/thumb.jpg", ".thumbnails/2.jpg")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    files, rejected, ignored = _listed(LabelFolders(str(tmp_path)))
    assert [file.name for file in files] == ["cat/1.jpg"]
    assert (rejected, ignored) == ([], 2)


def test_label_folders_of_a_folder_without_folders_raises(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected a folder for each label"):
        list(LabelFolders(str(tmp_path)).partitions())


def test_image_list_finds_relative_and_absolute_files(tmp_path: Path) -> None:
    (tmp_path / "a b.jpg").write_bytes(b"22")
    other = tmp_path / "other.jpg"
    other.write_bytes(b"1")
    (tmp_path / "train.csv").write_text(f'a b.jpg, daisy\n\n"{other}",roses\n')
    files, rejected, ignored = _listed(ImageList(str(tmp_path / "train.csv")))
    assert files == [
        RawImage(f"{tmp_path}/a b.jpg", "a b.jpg", "daisy", 2),
        RawImage(str(other), str(other), "roses", 1),
    ]
    assert (rejected, ignored) == ([], 0)


def test_image_list_with_bad_lines_rejects_each(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("gone.jpg,daisy\nonly-one\na,b,c\n,daisy\n")
    files, rejected, _ = _listed(ImageList(str(path)))
    assert files == []
    assert [(item.uri, item.reason) for item in rejected] == [
        (f"{tmp_path}/gone.jpg", "unreadable"),
        (f"{path}:2", "unreadable"),
        (f"{path}:3", "unreadable"),
        (f"{path}:4", "unreadable"),
    ]
    assert rejected[1].detail == "expected URI,label, received 'only-one'"


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", None])
def test_image_list_that_holds_nothing_raises(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "train.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"train\.csv: "):
        list(ImageList(str(path)).partitions())

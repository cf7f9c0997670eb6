import base64
import json
from pathlib import Path

from local.golden import GoldenRecord, picture_suffix

PNG = b"\x89PNG\r\n\x1a\n"


def test_read_of_a_table_s_line_asks_with_its_row(tmp_path: Path) -> None:
    line = {"instance": {"age": 25, "race": "White"}, "prediction": [1.0], "label": 0}
    (tmp_path / "golden.jsonl").write_text(json.dumps(line) + "\n")
    (record,) = GoldenRecord.read(tmp_path / "golden.jsonl")
    assert record.picture is None
    assert record.words == '{"age": 25, "race": "White"}'


def test_read_of_a_picture_s_line_asks_with_its_file(tmp_path: Path) -> None:
    instance = {"image_bytes": {"b64": base64.b64encode(PNG).decode()}}
    line = {"instance": instance, "prediction": {}, "label": 3, "filename": "roses/1.jpg"}
    (tmp_path / "golden.jsonl").write_text(json.dumps(line) + "\n")
    (record,) = GoldenRecord.read(tmp_path / "golden.jsonl")
    assert record.picture == PNG
    assert record.words == "roses/1.jpg"


def test_picture_suffix_is_of_the_content() -> None:
    assert picture_suffix(PNG) == ".png"
    assert picture_suffix(b"\xff\xd8\xff") == ".jpg"

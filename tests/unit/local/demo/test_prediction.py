import base64
from pathlib import Path

from local.demo.prediction import Prediction
from local.golden import GoldenRecord
from local.home import Home


def response(prediction: object) -> dict[str, object]:
    return {"predictions": [prediction], "model": "projects/p/models/m", "modelVersionId": "3"}


def test_prediction_of_a_row_names_the_label_and_saves_no_picture(tmp_path: Path) -> None:
    (tmp_path / "demo-prediction.jpg").write_bytes(b"of the demo before")
    record = GoldenRecord(instance={"passengers": 2}, label=8.5)
    prediction = Prediction.of("taxifare", record, response([9.25]), [], Home.at(tmp_path))
    assert prediction.lines("fare_amount") == [
        "endpoint taxifare, version 3, answers fare_amount 9.25: it is 8.50",
        '  {"passengers": 2}',
    ]
    assert prediction.saved_as is None
    assert list(tmp_path.iterdir()) == []


def test_prediction_of_a_picture_saves_it(tmp_path: Path) -> None:
    picture = {"b64": base64.b64encode(b"\xff\xd8\xff").decode()}
    record = GoldenRecord(instance={"image_bytes": picture}, label=1, filename="roses/7.jpg")
    answer = response({"classes": 1.0, "probabilities": [0.25, 0.75]})
    prediction = Prediction.of("flowers", record, answer, ["daisy", "roses"], Home.at(tmp_path))
    lines = prediction.lines("image/class/label")
    assert lines[:2] == ["endpoint flowers, version 3, answers roses (75%): right", "  roses/7.jpg"]
    assert (tmp_path / "demo-prediction.jpg").read_bytes() == b"\xff\xd8\xff"

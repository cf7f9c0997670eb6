from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from contract import DataContract
from preprocessing.images.checking import check_image, record_values
from preprocessing.rejections import RejectedError

JpegOf = Callable[..., bytes]


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("strict", [False, True])
def test_check_image_keeps_the_bytes(jpeg_of: JpegOf, mode: str, strict: bool) -> None:
    data = jpeg_of(mode=mode)
    image = check_image(data, strict=strict)
    assert (image.encoded, image.height, image.width, image.converted) == (data, 16, 24, "")


@pytest.mark.parametrize("strict", [False, True])
def test_check_image_of_cmyk_becomes_rgb(strict: bool) -> None:
    encoded = io.BytesIO()
    Image.new("RGB", (24, 16), (200, 40, 90)).convert("CMYK").save(encoded, "JPEG")
    image = check_image(encoded.getvalue(), strict=strict)
    assert (image.height, image.width, image.converted) == (16, 24, "cmyk")
    with Image.open(io.BytesIO(image.encoded)) as decoded:
        assert decoded.mode == "RGB"
        assert decoded.getpixel((5, 5)) == pytest.approx((200, 40, 90), abs=6)


def test_check_image_of_cmyk_with_broken_tables_rejects(jpeg_of: JpegOf) -> None:
    data = bytearray(jpeg_of(mode="CMYK"))
    table = data.find(b"\xff\xc4")
    data[table + 5 : table + 21] = b"\xff" * 16
    with pytest.raises(RejectedError, match="corrupt: does not decode"):
        check_image(bytes(data), strict=False)


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_check_image_with_a_broken_scan_rejects_only_when_strict(jpeg_of: JpegOf, mode: str) -> None:
    data = jpeg_of(mode=mode, size=(64, 64))
    broken = data[: len(data) // 2] + b"\xff\xd9"
    assert check_image(broken, strict=False).width == 64
    with pytest.raises(RejectedError, match="corrupt: does not decode"):
        check_image(broken, strict=True)


def test_check_image_with_bytes_after_the_end_passes_strictly(jpeg_of: JpegOf) -> None:
    assert check_image(jpeg_of() + b"\x00" * 30, strict=True).width == 24


def test_record_values_have_every_feature_of_the_contract(contract: DataContract, jpeg_of: JpegOf) -> None:
    image = check_image(jpeg_of(), strict=False)
    values = record_values(image, label="daisy", label_name=contract.label.name, filename="daisy/1.jpg")
    assert set(values) == {feature.name for feature in contract.features}

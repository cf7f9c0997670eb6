"""Pictures side by side."""

from __future__ import annotations

import io

from samples.flowers import render
from trainer.images.contact_sheet import Captioned, contact_sheet


def _shown() -> Captioned:
    picture = io.BytesIO(render("roses", seed=0, index=0, size=64))
    return Captioned(picture=picture, caption="tulips 40%\nis roses", right=False)


def test_contact_sheet_has_a_row_for_every_four_pictures():
    five = contact_sheet([_shown() for _ in range(5)])

    assert five.shape[0] == 2 * contact_sheet([_shown()]).shape[0]

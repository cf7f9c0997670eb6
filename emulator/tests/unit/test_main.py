import pytest

from emulator.__main__ import main


def test_main_with_malformed_image_names_it(capsys):
    with pytest.raises(SystemExit):
        main(["--image", "trainer"])
    assert "expected NAME=MODULE, received 'trainer'" in capsys.readouterr().err


def test_main_coverage_prints_the_document(capsys):
    assert main(["--coverage"]) == 0
    assert capsys.readouterr().out.startswith("# What the emulator covers")

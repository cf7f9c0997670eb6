import inspect
from pathlib import Path

from emulator.coverage import coverage_document

DOCUMENT = Path(__file__).parents[2] / "docs" / "coverage.md"


def test_coverage_document_is_fresh():
    assert DOCUMENT.read_text() == coverage_document(), (
        "Run: perennial-emulator --coverage > docs/coverage.md"
    )


def test_every_service_package_says_how_it_deviates():
    from emulator import cloud_logging, dataflow, storage, vertex

    for package in (cloud_logging, dataflow, storage, vertex):
        assert len((inspect.getdoc(package) or "").splitlines()) > 3

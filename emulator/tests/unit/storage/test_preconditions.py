import pytest

from emulator.errors import InvalidArgument, NotModified, PreconditionFailed
from emulator.storage.errors import NoSuchObject
from emulator.storage.metadata import ObjectMetadata, StoredObject, etag_of
from emulator.storage.preconditions import Preconditions

FOUND = StoredObject(
    bucket="bkt", name="x", generation=7, metageneration=2, size=0, crc32c="", md5="",
    created=0, updated=0, metadata=ObjectMetadata(),
)  # fmt: skip


def of(**headers_or_parameters: str) -> Preconditions:
    return Preconditions.from_request(headers_or_parameters, {})


@pytest.mark.parametrize(
    ("conditions", "found", "missing"),
    [
        (Preconditions(), True, True),
        (Preconditions(generation_match=0), False, True),
        (Preconditions(generation_match=7), True, False),
        (Preconditions(generation_match=8), False, False),
        (Preconditions(generation_not_match=0), True, False),
        (Preconditions(generation_not_match=7), False, True),
        (Preconditions(metageneration_match=2), True, False),
        (Preconditions(metageneration_match=1), False, False),
        (Preconditions(metageneration_not_match=2), False, True),
        (Preconditions(etag_match=etag_of(7, 2)), True, False),
        (Preconditions(etag_not_match="*"), False, True),
    ],
)
def test_check_write(conditions, found, missing):
    for live, allowed in ((FOUND, found), (None, missing)):
        if allowed:
            conditions.check_write(live)
        else:
            with pytest.raises(PreconditionFailed):
                conditions.check_write(live)


def test_check_existing_with_another_generation_finds_nothing():
    with pytest.raises(NoSuchObject, match="bkt/x#6"):
        Preconditions(generation=6).check_existing(FOUND)


@pytest.mark.parametrize(
    "conditions",
    [
        Preconditions(generation_not_match=7),
        Preconditions(metageneration_not_match=2),
        Preconditions(etag_not_match=etag_of(7, 2)),
    ],
)
def test_check_read_of_what_the_caller_has_is_not_modified(conditions):
    with pytest.raises(NotModified):
        conditions.check_read(FOUND)


def test_from_request_reads_parameters_and_headers():
    parameters = {"generation": "7", "ifGenerationNotMatch": "8", "ifMetagenerationNotMatch": "9"}
    headers = {
        "x-goog-if-generation-match": "7", "x-goog-if-metageneration-match": "2",
        "if-match": '"a"', "if-none-match": "b",
    }  # fmt: skip
    assert Preconditions.from_request(parameters, headers) == Preconditions(
        generation=7, generation_match=7, generation_not_match=8, metageneration_match=2,
        metageneration_not_match=9, etag_match="a", etag_not_match="b",
    )  # fmt: skip


def test_from_request_with_a_word_for_a_number_names_it():
    with pytest.raises(InvalidArgument, match="ifGenerationMatch: expected a number, received 'latest'"):
        of(ifGenerationMatch="latest")


def test_on_source_reads_the_sources_parameters():
    parameters = {"sourceGeneration": "1", "ifSourceMetagenerationMatch": "2", "ifGenerationMatch": "3"}
    assert Preconditions.on_source(parameters) == Preconditions(generation=1, metageneration_match=2)


def test_to_json_is_read_back():
    conditions = Preconditions(generation_match=0)
    assert Preconditions(**conditions.to_json()) == conditions

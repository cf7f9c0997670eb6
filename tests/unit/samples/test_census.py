from samples.census import CENSUS, convert


def test_convert_of_the_test_file_drops_its_first_line_and_the_dots() -> None:
    content = b"|1x3 Cross validator\n25, Private, ?, <=50K.\n38, Private, Black, >50K.\n\n"
    assert convert("adult.test.csv", content) == b"25, Private, ?, <=50K\n38, Private, Black, >50K\n"


def test_convert_of_the_training_file_drops_blank_lines_only() -> None:
    assert convert("adult.data.csv", b"39, State-gov, <=50K\n\n") == b"39, State-gov, <=50K\n"


def test_every_pinned_member_becomes_a_file() -> None:
    assert set(CENSUS.files) == set(CENSUS.archive.members)

import pytest

from emulator.errors import InvalidArgument
from emulator.storage.xml_api import parse_parts

PART = "<Part><PartNumber>{}</PartNumber><ETag>&quot;{}&quot;</ETag></Part>"


@pytest.mark.parametrize("attributes", ["", ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'])
def test_parts_are_parsed_in_their_order(attributes):
    parts = PART.format(2, "b") + PART.format(1, "a")
    body = f"<CompleteMultipartUpload{attributes}>{parts}</CompleteMultipartUpload>"
    assert parse_parts(body.encode()) == [(2, '"b"'), (1, '"a"')]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no xml",
        "<CompleteMultipartUpload>",
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><CompleteMultipartUpload>&a;</CompleteMultipartUpload>',
        "<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>",
        "<CompleteMultipartUpload><Part/></CompleteMultipartUpload>",
        f"<CompleteMultipartUpload>{PART.format(10_001, 'a')}</CompleteMultipartUpload>",
        f"<CompleteMultipartUpload>{PART.format(1, 'a') * 10_001}</CompleteMultipartUpload>",
    ],
)
def test_other_bodies_are_refused(body):
    with pytest.raises(InvalidArgument):
        parse_parts(body.encode())

import gzip

from samples.autoencoder import AUTOENCODER, compress


def test_compress_gives_the_same_file_every_time() -> None:
    first, again = compress("a.gz", b"pixels" * 100), compress("b.gz", b"pixels" * 100)
    assert first == again
    assert gzip.decompress(first) == b"pixels" * 100


def test_every_pinned_member_becomes_a_file() -> None:
    assert set(AUTOENCODER.files) == set(AUTOENCODER.archive.members)

import pytest

from emulator.storage.globs import glob_pattern


@pytest.mark.parametrize(
    ("glob", "fits", "fails"),
    [
        ("*.txt", ["a.txt", ".txt"], ["a/b.txt", "a.txtx"]),
        ("**.txt", ["a.txt", "a/b/c.txt"], ["a.csv"]),
        ("**/x", ["x", "a/x", "a/b/x"], ["ax"]),
        ("a?c", ["abc"], ["a/c", "ac"]),
        ("[a-c]x", ["bx"], ["dx"]),
        ("[!a-c]x", ["dx"], ["bx"]),
        ("x.{jpg,png}", ["x.jpg", "x.png"], ["x.gif", "x.{jpg,png}"]),
        (r"a\*b", ["a*b"], ["axb"]),
        ("a,b(c)+", ["a,b(c)+"], ["a"]),
    ],
)
def test_glob_pattern(glob, fits, fails):
    pattern = glob_pattern(glob)
    assert [name for name in fits + fails if pattern.fullmatch(name)] == fits

import pytest

from emulator.errors import InvalidArgument, Unimplemented
from emulator.storage.listing import ListRequest, glob_pattern, list_objects

NAMES = ["a", "b/", "b/1", "b/2/x", "b/3", "c/1", "d"]


@pytest.fixture(autouse=True)
def filled(store):
    for name in NAMES:
        store.put(name)


def pages(store, **parameters: str) -> list[list[str]]:
    found, token = [], ""
    while True:
        wanted = ListRequest.from_parameters({**parameters, "pageToken": token})
        page = list_objects(store, "bkt", wanted)
        found.append([item.name for item in page.objects] + [f"+{prefix}" for prefix in page.prefixes])
        token = page.next_page_token
        if not token:
            return found


@pytest.mark.parametrize("size", range(1, 9))
def test_list_objects_in_pages_of_any_size_loses_and_repeats_nothing(store, size):
    found = pages(store, maxResults=str(size))
    assert [name for page in found for name in page] == NAMES
    assert all(len(page) == size for page in found[:-1])


@pytest.mark.parametrize("size", [1, 2, 100])
def test_list_objects_folds_prefixes(store, size):
    found = pages(store, delimiter="/", maxResults=str(size))
    assert sorted(name for page in found for name in page) == ["+b/", "+c/", "a", "d"]
    found = pages(store, delimiter="/", prefix="b/", maxResults=str(size))
    assert sorted(name for page in found for name in page) == ["+b/2/", "b/", "b/1", "b/3"]


def test_list_objects_shows_trailing_delimiters(store):
    assert pages(store, delimiter="/", includeTrailingDelimiter="True") == [["a", "b/", "d", "+b/", "+c/"]]


def test_list_objects_by_glob(store):
    assert pages(store, matchGlob="**/1") == [["b/1", "c/1"]]
    assert pages(store, matchGlob="**/1", delimiter="/") == [["+b/", "+c/"]]


def test_list_objects_with_another_delimiter(store):
    store.put("b/10")
    store.put("b/11")
    assert pages(store, delimiter="1", prefix="b/") == [["b/", "b/2/x", "b/3", "+b/1"]]


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"maxResults": "0"}, InvalidArgument, "maxResults"),
        ({"pageToken": "é"}, InvalidArgument, "pageToken"),
        ({"softDeleted": "true"}, Unimplemented, "Soft-deleted"),
    ],
)
def test_list_objects_names_what_is_wrong(store, parameters, error, message):
    with pytest.raises(error, match=message):
        list_objects(store, "bkt", ListRequest.from_parameters(parameters))


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

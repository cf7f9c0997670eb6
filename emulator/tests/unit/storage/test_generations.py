import pytest

from emulator.storage.errors import NoSuchObject
from emulator.storage.listing import ListRequest, list_objects
from emulator.storage.preconditions import Preconditions

ANY = Preconditions()


@pytest.fixture
def versioned(store):
    store.buckets.patch("bkt", {"versioning": {"enabled": True}}, lambda _: None)
    return store


def content(store, name, generation=None):
    _, file = store.open("bkt", name, generation)
    with file:
        return file.read()


def listed(store, **parameters):
    found, token = [], ""
    while True:
        wanted = ListRequest.from_parameters({"versions": "true", **parameters, "pageToken": token})
        page = list_objects(store, "bkt", wanted)
        found += [(item.name, item.generation) for item in page.objects] + page.prefixes
        token = page.next_page_token
        if not token:
            return found


def test_replaced_object_is_a_version_outside_of_the_bucket(versioned, folder):
    old, new = versioned.put("x", b"old"), versioned.put("x", b"new")
    assert (content(versioned, "x"), content(versioned, "x", old.generation)) == (b"new", b"old")
    assert versioned.get("bkt", "x", old.generation).deleted >= old.created
    assert versioned.get("bkt", "x", new.generation).deleted is None
    assert [path.name for path in folder.iterdir()] == ["x"]


def test_version_keeps_its_content_when_the_live_file_is_edited(versioned, folder):
    old = versioned.put("x", b"old")
    versioned.put("x", b"new")
    with (folder / "x").open("r+b") as file:
        file.write(b"edited")
    assert content(versioned, "x", old.generation) == b"old"


def test_versions_of_a_suspended_bucket_stay_and_no_more_are_made(versioned):
    old = versioned.put("x", b"old")
    middle = versioned.put("x", b"middle")
    versioned.buckets.patch("bkt", {"versioning": {"enabled": False}}, lambda _: None)
    versioned.put("x", b"new")
    assert content(versioned, "x", old.generation) == b"old"
    with pytest.raises(NoSuchObject):
        versioned.get("bkt", "x", middle.generation)


def test_deleted_object_is_a_version_unless_its_generation_is_named(versioned):
    kept = versioned.put("x", b"1")
    versioned.delete("bkt", "x", ANY)
    gone = versioned.put("x", b"2")
    versioned.delete("bkt", "x", Preconditions(generation=gone.generation))
    assert listed(versioned) == [("x", kept.generation)]
    assert versioned.find("bkt", "x") is None
    versioned.delete("bkt", "x", Preconditions(generation=kept.generation))
    assert listed(versioned) == []


def test_generation_rises_above_those_of_versions(versioned, monkeypatch):
    monkeypatch.setattr("emulator.storage.store.now_microseconds", lambda: 1_000)
    generations = []
    for _ in range(3):
        generations.append(versioned.put("x", b"1").generation)
        versioned.delete("bkt", "x", ANY)
    assert generations == [1_000, 1_001, 1_002]


def test_listing_of_versions_is_in_order_over_pages(versioned):
    made = {name: [versioned.put(name, b"1").generation for _ in range(2)] for name in ("b", "a/1", "c")}
    versioned.delete("bkt", "c", ANY)
    expected = [(name, generation) for name in sorted(made) for generation in made[name]]
    assert listed(versioned) == expected
    assert listed(versioned, maxResults="1") == expected
    assert listed(versioned, delimiter="/", maxResults="1") == ["a/", *expected[2:]]
    assert listed(versioned, prefix="c") == expected[4:]


def test_moved_object_leaves_a_version_and_only_one_name_for_its_file(versioned, folder):
    old = versioned.put("x", b"content")
    versioned.move("bkt", "x", "y", on_source=ANY, conditions=ANY)
    assert content(versioned, "x", old.generation) == content(versioned, "y") == b"content"
    assert (folder / "y").stat().st_nlink == 1


def test_folder_object_has_versions(versioned):
    empty, old = versioned.put("folder/", b""), versioned.put("folder/", b"old")
    versioned.delete("bkt", "folder/", ANY)
    assert listed(versioned) == [("folder/", empty.generation), ("folder/", old.generation)]
    assert content(versioned, "folder/", empty.generation) == b""
    assert content(versioned, "folder/", old.generation) == b"old"


def test_replacement_killed_before_the_rename_leaves_one_live_object(versioned, tmp_path, monkeypatch):
    old = versioned.put("x", b"old")

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.replace", die)
        with pytest.raises(SystemExit):
            versioned.put("x", b"new content")
    assert listed(versioned) == [("x", old.generation)]
    assert versioned.get("bkt", "x", old.generation).deleted is None
    new = versioned.put("x", b"newer")
    assert listed(versioned) == [("x", old.generation), ("x", new.generation)]
    assert content(versioned, "x", old.generation) == b"old"
    assert len(list((tmp_path / "versions").iterdir())) == 2
    versioned.recover()
    assert len(list((tmp_path / "versions").iterdir())) == 1
    assert content(versioned, "x", old.generation) == b"old"


def test_deletion_killed_before_the_file_goes_leaves_no_version_to_come_back(versioned, monkeypatch):
    old = versioned.put("x", b"old")

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.unlink", die)
        with pytest.raises(SystemExit):
            versioned.delete("bkt", "x", ANY)
    versioned.recover()
    versioned.delete("bkt", "x", Preconditions(generation=old.generation))
    assert listed(versioned) == []

import pytest

from emulator.errors import InvalidArgument, Unimplemented
from emulator.storage.errors import BucketExists, BucketNotEmpty, NoSuchBucket


def test_insert_makes_a_folder_once(buckets, tmp_path):
    buckets.insert("new", {"labels": {"a": "1"}})
    assert (tmp_path / "buckets" / "new").is_dir()
    with pytest.raises(BucketExists):
        buckets.insert("new", {})


def test_list_shows_foreign_folders_and_no_other_names(buckets, tmp_path):
    for name in ("foreign", "ab", ".hidden", "Upper"):
        (tmp_path / "buckets" / name).mkdir()
    assert [bucket.name for bucket in buckets.list()] == ["foreign"]
    assert buckets.get("foreign") == buckets.get("foreign")


def test_patch_merges_labels_and_counts(buckets):
    buckets.insert("bkt", {"labels": {"a": "1", "b": "2"}, "location": "EU"})
    patched = buckets.patch("bkt", {"labels": {"a": None, "c": "3"}, "location": None}, lambda _: None)
    assert (patched.settings, patched.metageneration) == ({"labels": {"b": "2", "c": "3"}}, 2)


def test_patch_that_switches_something_on_is_refused(buckets):
    buckets.insert("bkt", {"autoclass": {"enabled": False}})
    with pytest.raises(Unimplemented, match="autoclass"):
        buckets.patch("bkt", {"autoclass": {"enabled": True}}, lambda _: None)


def test_delete_takes_empty_folders_along_and_nothing_else(buckets, tmp_path):
    buckets.insert("bkt", {})
    (tmp_path / "buckets" / "bkt" / "a" / "b").mkdir(parents=True)
    (tmp_path / "buckets" / "bkt" / "a" / "file").write_text("")
    with pytest.raises(BucketNotEmpty):
        buckets.delete("bkt", lambda _: None)
    (tmp_path / "buckets" / "bkt" / "a" / "file").unlink()
    buckets.delete("bkt", lambda _: None)
    with pytest.raises(NoSuchBucket):
        buckets.get("bkt")


def test_versioning_that_is_no_switch_is_refused(buckets):
    with pytest.raises(InvalidArgument, match=r"versioning\.enabled"):
        buckets.insert("bkt", {"versioning": {"enabled": "yes"}})


@pytest.mark.parametrize("access", ["yes", {"enabled": "yes"}, {"enabled": []}])
def test_uniform_access_that_is_no_switch_is_refused(buckets, access):
    with pytest.raises(InvalidArgument, match=r"uniformBucketLevelAccess\.enabled"):
        buckets.insert("bkt", {"iamConfiguration": {"uniformBucketLevelAccess": access}})


def test_patch_of_one_access_setting_keeps_the_other(buckets):
    buckets.insert("bkt", {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": False}}})
    change = {"iamConfiguration": {"publicAccessPrevention": "enforced"}}
    assert not buckets.patch("bkt", change, lambda _: None).is_uniform

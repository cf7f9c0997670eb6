"""Google's ModelService client against the emulator."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import aiplatform_v1


def aliases(vertex: Any, name: str) -> dict[str, set[str]]:
    """The versions of a model and their aliases."""
    versions = vertex.models.list_model_versions(name=name)
    return {version.version_id: set(version.version_aliases) for version in versions}


def test_upload_makes_a_model_whose_first_version_is_the_default(vertex: Any) -> None:
    uploaded = vertex.upload(version_aliases=["candidate"], labels={"run": "a"})
    assert uploaded.model_version_id == "1"
    model = vertex.models.get_model(name=uploaded.model)
    assert (model.name, model.version_id) == (uploaded.model, "1")
    assert set(model.version_aliases) == {"candidate", "default"}
    assert dict(model.labels) == {"run": "a"}
    dedicated = aiplatform_v1.Model.DeploymentResourcesType.DEDICATED_RESOURCES
    assert list(model.supported_deployment_resources_types) == [dedicated]
    assert model.create_time == model.version_create_time


def test_upload_takes_a_chosen_id_once(vertex: Any) -> None:
    uploaded = vertex.upload(request={"model_id": "flowers"})
    assert uploaded.model == f"{vertex.parent}/models/flowers"
    with pytest.raises(exceptions.Conflict, match="parent_model"):
        vertex.upload(request={"model_id": "flowers"})


@pytest.mark.parametrize("model_id", ["/some/folder", "../x", "7", "A"])
def test_upload_with_an_impossible_id_names_the_field(vertex: Any, model_id: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="model_id: expected"):
        vertex.upload(request={"model_id": model_id})


@pytest.mark.parametrize("route", ["@elsewhere.example/", "predict", "//", "/a b", "/a?b", "/\n"])
def test_upload_with_a_route_that_is_no_path_names_the_field(vertex: Any, route: str) -> None:
    model = vertex.model()
    model.container_spec.predict_route = route
    with pytest.raises(exceptions.BadRequest, match=r"container_spec\.predict_route"):
        vertex.models.upload_model(parent=vertex.parent, model=model)


def test_upload_below_a_parent_adds_a_version_and_leaves_the_default(vertex: Any) -> None:
    first = vertex.upload()
    second = vertex.upload(
        request={"parent_model": first.model}, version_aliases=["candidate"], version_description="better"
    )
    assert (second.model, second.model_version_id) == (first.model, "2")
    assert aliases(vertex, first.model) == {"2": {"candidate"}, "1": {"default"}}
    assert vertex.models.get_model(name=first.model).version_id == "1"
    by_alias = vertex.models.get_model(name=f"{first.model}@candidate")
    assert (by_alias.version_id, by_alias.version_description) == ("2", "better")
    assert vertex.models.get_model(name=f"{first.model}@2").version_id == "2"


def test_upload_below_an_unknown_parent_is_not_found(vertex: Any) -> None:
    with pytest.raises(exceptions.NotFound, match="models/none"):
        vertex.upload(request={"parent_model": f"{vertex.parent}/models/none"})


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"display_name": ""}, "display_name"),
        ({"container_spec": {}}, "container_spec.image_uri"),
        ({"artifact_uri": "gs://vertex-contract/nothing/here"}, "artifact_uri"),
        ({"artifact_uri": "/etc"}, "artifact_uri"),
        ({"artifact_uri": "gs://../.."}, "artifact_uri"),
        ({"artifact_uri": "gs://vertex-contract/../vertex-contract"}, "artifact_uri"),
        ({"version_aliases": ["No"]}, "version_aliases"),
    ],
)
def test_upload_of_an_incomplete_model_names_the_field(vertex: Any, fields: Any, field: str) -> None:
    with pytest.raises(exceptions.BadRequest, match=field):
        vertex.upload(**fields)


def test_aliases_belong_to_one_version_and_move(vertex: Any) -> None:
    model = vertex.upload().model
    vertex.upload(request={"parent_model": model}, version_aliases=["candidate"])
    merged = vertex.models.merge_version_aliases(
        name=f"{model}@2", version_aliases=["default", "best", "-candidate"]
    )
    assert (merged.version_id, set(merged.version_aliases)) == ("2", {"default", "best"})
    assert aliases(vertex, model) == {"2": {"default", "best"}, "1": set()}
    assert vertex.models.get_model(name=model).version_id == "2"


def test_default_alias_can_not_be_taken_away(vertex: Any) -> None:
    model = vertex.upload().model
    with pytest.raises(exceptions.BadRequest, match="default"):
        vertex.models.merge_version_aliases(name=f"{model}@1", version_aliases=["-default"])


def test_list_shows_the_default_version_of_each_model(vertex: Any) -> None:
    first = vertex.upload(display_name="flowers", labels={"run": "a"}).model
    vertex.upload(request={"parent_model": first}, display_name="flowers")
    second = vertex.upload(display_name="census").model

    def found(text: str) -> list[tuple[str, str]]:
        request = {"parent": vertex.parent, "filter": text}
        return [(model.name, model.version_id) for model in vertex.models.list_models(request=request)]

    assert found("") == [(second, "1"), (first, "1")]
    assert found('display_name="flowers"') == [(first, "1")]
    assert found('labels.run="a"') == [(first, "1")]


def test_list_of_versions_is_filtered_by_label(vertex: Any) -> None:
    model = vertex.upload(labels={"run": "a"}).model
    vertex.upload(request={"parent_model": model}, labels={"run": "b"})
    request = {"name": model, "filter": 'labels.run="b"'}
    assert [v.version_id for v in vertex.models.list_model_versions(request=request)] == ["2"]


def test_update_changes_what_the_mask_names(vertex: Any) -> None:
    model = vertex.upload(description="old").model
    changed = aiplatform_v1.Model(name=model, display_name="new", description="new", labels={"a": "b"})
    updated = vertex.models.update_model(model=changed, update_mask={"paths": ["display_name", "labels"]})
    assert (updated.display_name, updated.description, dict(updated.labels)) == ("new", "old", {"a": "b"})
    assert vertex.models.get_model(name=model).display_name == "new"


def test_update_of_an_output_field_is_refused(vertex: Any) -> None:
    model = vertex.upload().model
    with pytest.raises(exceptions.BadRequest, match="update_mask"):
        vertex.models.update_model(model={"name": model}, update_mask={"paths": ["artifact_uri"]})


def test_version_number_of_a_deleted_version_is_not_given_again(vertex: Any) -> None:
    model = vertex.upload().model
    vertex.upload(request={"parent_model": model})
    vertex.models.delete_model_version(name=f"{model}@2").result(timeout=30)
    assert set(aliases(vertex, model)) == {"1"}
    assert vertex.upload(request={"parent_model": model}).model_version_id == "3"
    with pytest.raises(exceptions.NotFound, match="@2"):
        vertex.models.get_model(name=f"{model}@2")


def test_delete_of_the_default_version_is_refused(vertex: Any) -> None:
    model = vertex.upload().model
    with pytest.raises(exceptions.BadRequest, match="default"):
        vertex.models.delete_model_version(name=f"{model}@1")


def test_delete_removes_the_model_with_all_versions(vertex: Any) -> None:
    model = vertex.upload().model
    vertex.models.delete_model(name=model).result(timeout=30)
    with pytest.raises(exceptions.NotFound):
        vertex.models.get_model(name=model)
    assert not list(vertex.models.list_models(parent=vertex.parent))


def test_copy_makes_a_model_or_a_version_of_the_same_artifact(vertex: Any) -> None:
    first = vertex.upload(version_aliases=["candidate"], labels={"run": "a"})
    source = vertex.models.get_model(name=first.model)
    copied = vertex.models.copy_model(
        {"parent": vertex.parent, "source_model": f"{first.model}@candidate", "model_id": "the-copy"}
    ).result(timeout=30)
    model = vertex.models.get_model(name=copied.model)
    assert (copied.model, copied.model_version_id) == (f"{vertex.parent}/models/the-copy", "1")
    assert (model.artifact_uri, dict(model.labels)) == (source.artifact_uri, {"run": "a"})
    assert model.original_model_info.model == f"{first.model}@1"
    assert set(model.version_aliases) == {"default"}
    again = vertex.models.copy_model(
        {"parent": vertex.parent, "source_model": first.model, "parent_model": copied.model}
    ).result(timeout=30)
    assert (again.model, again.model_version_id) == (copied.model, "2")


@pytest.mark.parametrize(
    ("request_fields", "error", "message"),
    [
        ({"model_id": "taken"}, exceptions.Conflict, "already exists"),
        ({"model_id": "7"}, exceptions.BadRequest, "model_id: expected"),
        ({"parent_model": "projects/p/locations/l/models/none"}, exceptions.NotFound, "models/none"),
        ({"source_model": "projects/elsewhere/locations/l/models/m"}, exceptions.NotFound, "elsewhere"),
    ],
)
def test_copy_to_where_it_can_not_be_names_it(
    vertex: Any, request_fields: dict[str, str], error: Any, message: str
) -> None:
    source = vertex.upload()
    if request_fields.get("model_id") == "taken":
        vertex.upload(request={"model_id": "taken"})
    with pytest.raises(error, match=message):
        vertex.models.copy_model({"parent": vertex.parent, "source_model": source.model, **request_fields})

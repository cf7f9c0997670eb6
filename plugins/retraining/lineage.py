"""Lineage of a run for OpenLineage: what each task read and made, from the raw data to the endpoint.

Operators describe it without OpenLineage; only its provider's listener, where one is on, asks for the events'
own classes. https://openlineage.io/docs/spec/naming
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from contract.naming import MODEL_FOLDER, SCHEME, split_uri

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from retraining.context import GoogleServices


@dataclass(frozen=True, kw_only=True)
class LineageDataset:
    """A dataset in OpenLineage's sense: a folder, a model, or an endpoint.

    Attributes:
        namespace: where it is, `gs://bucket` for instance.
        name: its name there.
        version: identifies its content; empty where nothing does.
        records: number of its records; None if it has none.
        num_bytes: its size; None if it isn't known.
        objects: number of its objects; None if it isn't known.
        facets: facts of ours by the name of their facet.
    """

    namespace: str
    name: str
    version: str = ""
    records: int | None = None
    num_bytes: int | None = None
    objects: int | None = None
    facets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Inputs and outputs of a task.

    Attributes:
        inputs: what it read.
        outputs: what it made, or found made.
        facets: facts of ours about the task's run, by the name of their facet.
    """

    inputs: Sequence[LineageDataset] = ()
    outputs: Sequence[LineageDataset] = ()
    facets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def folder(uri: str, **facts: Any) -> LineageDataset:
    """Return the dataset of a `gs://` URI, or of a local file or folder.

    Args:
        uri: the place.
        facts: fields of the dataset.
    """
    if uri.startswith(SCHEME):
        bucket, name = split_uri(uri)
        return LineageDataset(namespace=SCHEME + bucket, name=name.strip("/") or "/", **facts)
    return LineageDataset(namespace="file", name=uri.rstrip("/") or "/", **facts)


def folders(uris: str) -> list[LineageDataset]:
    """Return the datasets of URIs that commas separate."""
    return [folder(uri) for uri in uris.split(",") if uri]


def export(job_dir: str, **facts: Any) -> LineageDataset:
    """Return the dataset of the SavedModel that a training job left."""
    return folder(job_dir + MODEL_FOLDER, **facts)


def model_version(services: GoogleServices, version: str, **facts: Any) -> LineageDataset:
    """Return the dataset of a model, at a version.

    Args:
        services: of the deployment.
        version: resource name of the version, `.../models/ID@VERSION`.
        facts: fields of the dataset.
    """
    model, _, number = version.rpartition("/")[2].partition("@")
    return LineageDataset(namespace=_vertex_ai(services), name=f"models/{model}", version=number, **facts)


def endpoint(services: GoogleServices, name: str, **facts: Any) -> LineageDataset:
    """Return the dataset of an endpoint, by its id."""
    return LineageDataset(namespace=_vertex_ai(services), name=f"endpoints/{name}", **facts)


def to_openlineage(lineage: Lineage) -> OperatorLineage:
    """Return the lineage in the classes of Airflow's OpenLineage provider.

    Raises:
        ImportError: it isn't installed.
    """
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import (
        RunFacet,
        input_statistics_input_dataset,
        output_statistics_output_dataset,
    )

    def inputs(dataset: LineageDataset) -> Any:
        statistics = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(**_counts(dataset))
        return InputDataset(
            namespace=dataset.namespace,
            name=dataset.name,
            facets=_facets(dataset),
            inputFacets={"inputStatistics": statistics} if _is_counted(dataset) else {},
        )

    def outputs(dataset: LineageDataset) -> Any:
        statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(**_counts(dataset))
        return OutputDataset(
            namespace=dataset.namespace,
            name=dataset.name,
            facets=_facets(dataset),
            outputFacets={"outputStatistics": statistics} if _is_counted(dataset) else {},
        )

    return OperatorLineage(
        inputs=[inputs(dataset) for dataset in lineage.inputs],
        outputs=[outputs(dataset) for dataset in lineage.outputs],
        run_facets={
            name: RunFacet().with_additional_properties(**facts) for name, facts in lineage.facets.items()
        },
    )


def _facets(dataset: LineageDataset) -> dict[str, Any]:
    from openlineage.client.facet_v2 import DatasetFacet, dataset_version_dataset

    facets: dict[str, Any] = {
        name: DatasetFacet().with_additional_properties(**facts) for name, facts in dataset.facets.items()
    }
    if dataset.version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=dataset.version)
    return facets


def _counts(dataset: LineageDataset) -> dict[str, int | None]:
    return {"rowCount": dataset.records, "size": dataset.num_bytes, "fileCount": dataset.objects}


def _is_counted(dataset: LineageDataset) -> bool:
    return any(count is not None for count in _counts(dataset).values())


def _vertex_ai(services: GoogleServices) -> str:
    """Return the namespace of a deployment's models and endpoints; OpenLineage names none for Vertex AI."""
    return f"vertexai://{services.settings.project}:{services.settings.region}"

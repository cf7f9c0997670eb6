"""`upload_data`: raw data into the bucket, under an id that stands for its content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from contract.raw_data import IgnoredFile, count_reasons
from retraining import lineage
from retraining.comparison import compare_with_production
from retraining.context import RunContext
from retraining.decisions import skip_if_decided
from retraining.errors import ConfigurationError
from retraining.google.storage import ContentChangedError, RawObject, Storage, in_parallel
from retraining.job_spec import run_machines, training_arguments
from retraining.lineage import Lineage
from retraining.operators import DatasetOperator
from retraining.params import TIER, TUNE
from retraining.source import Source, snapshot_id
from retraining.source_access import open_source
from retraining.tracking import TrackedRun
from retraining.window import resolve_window

REPORT_EVERY = 500
MOST_IGNORED = 100
"""Most files that are named one by one."""


class UploadDataOperator(DatasetOperator):
    """Operator that copies a run's part of a folder or a `gs://` URI into the bucket; skips what is there.

    An automatic run is skipped here if the version in production was trained on the same inputs.

    Args:
        source: in place of the spec's, if it isn't empty.

    Returns:
        `source`, `snapshot`, `raw_dir`, `objects`, `bytes`, `uploaded`, `ignored` (files by reason),
        `data_from` and `data_until` (ISO 8601; the former is null where all data is used) and a `note` for
        people.
    """

    template_fields: Sequence[str] = ("source",)

    def __init__(self, *, source: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source

    def run(self, context: RunContext) -> Mapping[str, Any]:
        """Determine the snapshot's id, then upload its missing objects.

        Nothing is read for a run whose training would fail on the machines that it asks for, or whose version
        could not be served.
        """
        context.check_ownership(self.spec.name)
        run_machines(context.settings, self.spec.training, context.params)
        compared = compare_with_production(context, self.spec)
        not_comparable = compared.sentence(self.spec.gate.not_comparable)
        if not_comparable:
            self.log.warning(not_comparable)
        source = open_source(self.spec, self.source, context.settings, context.storage)
        self.log.info("Reading %s", source.location)
        ignored = [IgnoredFile(name, reason) for name, reason in sorted(source.ignored.items())]
        for file in ignored[:MOST_IGNORED]:
            self.log.info("Ignored %s: %s", file.uri, file.reason)
        window = resolve_window(source.names, self.spec, context.run, context.params, read=datetime.now(UTC))
        objects = source.describe(window.names)
        snapshot = snapshot_id(objects)
        skip_if_decided(context, self.spec, snapshot)
        raw_dir = context.names(self.spec.name).raw_folder(snapshot)
        brought = self._bring(objects, source, raw_dir, context.storage)
        note = (
            f"uploaded {brought} of {len(objects)} objects"
            if brought
            else f"nothing to upload: snapshot {snapshot} is in the bucket"
        )
        if window.remark:
            note += f" ({window.remark})"
        if ignored:
            listed = context.names(self.spec.name).ignored_list(snapshot)
            context.storage.write_text(listed, "".join(file.to_line() for file in ignored))
            counts = ", ".join(f"{count} {reason}" for reason, count in count_reasons(ignored).items())
            note += f"; ignored: {counts} ({listed})"
        if not_comparable:
            note += f". {not_comparable}"
        self.log.info("%s: %s", raw_dir, note)
        return {
            "source": source.location,
            "snapshot": snapshot,
            "raw_dir": raw_dir,
            "objects": len(objects),
            "bytes": sum(found.size for found in objects),
            "uploaded": brought,
            "ignored": count_reasons(ignored),
            "data_from": window.data_from and window.data_from.isoformat(),
            "data_until": window.data_until.isoformat(),
            "note": note,
        }

    def track(self, run: TrackedRun, context: RunContext, result: Mapping[str, Any]) -> None:
        """Add the run's parameters, but for those that tuning will find, and its data."""
        run.reopen()
        training = self.spec.training
        params = {TIER: training.tier, **training_arguments(training, context.params), **context.params}
        tuned = training.tuning.parameters if training.tuning and params.get(TUNE) else {}
        run.log_params({name: value for name, value in params.items() if name not in tuned})
        run.log_snapshot(result["snapshot"], result["raw_dir"])
        run.set_tags({name: result[name] for name in ("source", "snapshot", "data_from", "data_until")})
        run.describe([])

    def lineage(self, context: RunContext, result: Mapping[str, Any]) -> Lineage:  # noqa: ARG002
        """Return the source, and its copy in the bucket."""
        facts = {name: result[name] for name in ("snapshot", "data_from", "data_until", "ignored")}
        copy = lineage.folder(
            result["raw_dir"],
            version=result["snapshot"],
            num_bytes=result["bytes"],
            objects=result["objects"],
            facets={"perennial_snapshot": facts},
        )
        return Lineage(inputs=[lineage.folder(result["source"])], outputs=[copy])

    def _bring(self, objects: Sequence[RawObject], source: Source, raw_dir: str, storage: Storage) -> int:
        """Copy what the snapshot lacks, and make sure that it holds what was described; return the number.

        Raises:
            ContentChangedError: a file changed meanwhile; a retry describes the source anew.
            ConfigurationError: the folder holds other objects than the snapshot's.
        """
        there = {found.name: found for found in storage.list(raw_dir)}
        missing = [item for item in objects if there.get(item.name) != item]
        for item in missing:
            if item.name in there:
                self.log.warning("%s%s is not what the snapshot says: replaced", raw_dir, item.name)
        brought = 0

        def count(_: RawObject) -> None:
            nonlocal brought
            brought += 1
            if brought % REPORT_EVERY == 0:
                self.log.info("%d of %d objects", brought, len(missing))

        def bring(item: RawObject) -> None:
            wrong = there.get(item.name)
            source.bring(item, raw_dir + item.name, replaced=(wrong and wrong.generation) or 0)

        item_bytes = max((item.size for item in missing), default=0)
        in_parallel(bring, missing, done=count, item_bytes=item_bytes)
        self._check(objects, storage.objects(raw_dir) if missing else there.values(), raw_dir)
        return len(missing)

    def _check(self, objects: Sequence[RawObject], found: Iterable[RawObject], raw_dir: str) -> None:
        lacking = {item.name: item for item in objects}
        wrong, foreign = [], []
        for item in found:
            expected = lacking.pop(item.name, None)
            if expected is None:
                foreign.append(item.name)
            elif expected != item:
                wrong.append(item.name)
        wrong += lacking
        if wrong:
            raise ContentChangedError(f"{raw_dir}{min(wrong)}: changed while it was uploaded")
        if foreign:
            more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
            raise ConfigurationError(
                f"{raw_dir}: expected the snapshot's objects alone, received also {min(foreign)}{more}"
            )

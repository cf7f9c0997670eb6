"""Shows what would be removed, asks, and removes it."""

from __future__ import annotations

from rich.prompt import Confirm

from local.console import console
from local.errors import StackError
from local.forget import belongings
from local.forget.bucket import Bucket
from local.forget.vertex import Vertex


def forget(url: str, *, dataset: str, run: str | None, yes: bool, with_production: bool) -> bool:
    """Remove what a run made, or everything of a dataset.

    Args:
        url: the emulator.
        dataset: its name.
        run: Airflow's run id, or the name of the run's folder in the bucket; `None` for the whole dataset.
        yes: don't ask.
        with_production: also what production serves.

    Returns:
        Whether it was removed, or there was nothing; not, if the person said no.

    Raises:
        StackError: production serves it, or there is no such run, or a service refuses.
    """
    bucket = Bucket(url)
    with Vertex(url) as vertex:
        found = (
            belongings.of_run(vertex, bucket, dataset, run)
            if run
            else belongings.of_dataset(vertex, bucket, dataset)
        )
        lines = found.lines()
        if not lines:
            console.print(f"There is nothing of {run or dataset}.", markup=False)
            return True
        for line in lines:
            console.print(line, markup=False, soft_wrap=True)
        if found.served and not with_production:
            raise StackError(
                f"production serves version {found.served} of {dataset}; "
                "--with-production (make: PRODUCTION=yes) ends that, too"
            )
        if not yes and not Confirm.ask("Remove all of this?", console=console, default=False):
            console.print("Nothing was removed.")
            return False
        found.remove(vertex, bucket)
    console.print(f"Removed {len(lines)}. Airflow keeps the history of its runs, Dataflow that of its jobs.")
    return True

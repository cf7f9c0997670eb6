"""The `perennial` command: Airflow and the emulator on one machine, or one dataset without them.

perennial up
"""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table
from typer.core import TyperGroup

from contract.naming import dag_id, dataset_of
from local import StackError, accounts, demo, health, module_runner, offline, push
from local.console import console
from local.paths import DAGS, StackPaths
from local.stack import Stack

DOWN_STATUS = 3
INTERRUPTED_STATUS = 130


class ErrorReportingGroup(TyperGroup):
    """Commands whose StackError becomes one red line and exit status 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; raise `typer.Exit` instead of its errors."""
        try:
            return super().invoke(ctx)
        except StackError as error:
            console.print(f"failed: {error}", markup=False, soft_wrap=True, style="red")
            raise typer.Exit(1) from error
        except KeyboardInterrupt as interrupt:
            console.print("interrupted")
            raise typer.Exit(INTERRUPTED_STATUS) from interrupt


def _datasets() -> list[str]:
    return sorted(filter(None, (dataset_of(file.stem) for file in DAGS.glob("*.py"))))


Dataset = Annotated[str, typer.Option(help=f"Its DAG is {dag_id('<dataset>')}.", autocompletion=_datasets)]
Data = Annotated[str | None, typer.Option(help="Folder or gs:// URI; by default the dataset's sample.")]

app = typer.Typer(
    cls=ErrorReportingGroup,
    help="Continuous training of machine-learning models: Airflow and the emulator on one machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


cloud = typer.Typer(
    help="A deployment on Google Cloud, the one that the environment describes (docs/cloud.md).",
    no_args_is_help=True,
)
app.add_typer(cloud, name="cloud")


@app.callback()
def _stack(
    context: typer.Context,
    home: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder of the stack ($PERENNIAL_HOME, else .local)."),
    ] = None,
) -> None:
    context.obj = StackPaths.at(home)


@app.command()
def up(context: typer.Context) -> None:
    """Start everything that doesn't run, fetch missing samples, and print the addresses."""
    stack = Stack(context.obj)
    if stack.up(samples=True):
        console.print("It is up already.")
    _print_addresses(stack)


@app.command()
def down(context: typer.Context) -> None:
    """Stop everything, jobs included."""
    stopped = Stack(context.obj).down()
    console.print("Stopped:" if stopped else "Nothing was running.")
    for name in stopped:
        console.print(f"  {name}", markup=False, soft_wrap=True)


@app.command()
def status(context: typer.Context) -> None:
    """Show programs, their health and addresses; exit with 3 if the stack is down, 1 if it is unhealthy."""
    stack = Stack(context.obj)
    statuses = stack.statuses()
    if not statuses:
        console.print(f"Down. Nothing runs in {stack.paths.root}.", soft_wrap=True)
        raise typer.Exit(DOWN_STATUS)
    unhealthy = health.unhealthy_components(stack.ports)
    table = Table("program", "state", "pid", "seconds", box=None, pad_edge=False)
    for program in statuses:
        table.add_row(program.name, program.state.lower(), str(program.pid or ""), str(program.seconds or ""))
    console.print(table)
    for component, state in unhealthy.items():
        console.print(f"{component}: {state}", markup=False)
    _print_addresses(stack)
    if unhealthy:
        raise typer.Exit(1)


@app.command("demo")
def demonstrate(
    context: typer.Context,
    dataset: Dataset = "flowers",
    data: Data = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PARAM=JSON",
            help="Parameter of the run, train_steps=100 for instance; repeatable.",
        ),
    ] = None,
) -> None:
    """Take one dataset from raw data to a served model, and ask the model."""
    report = demo.run(
        context.obj, dataset=dataset, data=data, parameters=as_json(parse_settings(settings or ()))
    )
    report.print(context.obj)
    if not report.succeeded:
        raise typer.Exit(1)


@app.command()
def train(
    context: typer.Context,
    dataset: Dataset = "flowers",
    data: Data = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FLAG=VALUE",
            help="Trainer flag, train_steps=100 for instance; repeatable.",
        ),
    ] = None,
) -> None:
    """Convert one dataset and train on it, without Airflow and without the emulator."""
    offline.train(context.obj, dataset=dataset, data=data, settings=parse_settings(settings or ()))


@app.command()
def predict(
    context: typer.Context,
    dataset: Dataset = "flowers",
    instances: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="JSON objects, one a line, - for standard input; by default records never trained on.",
        ),
    ] = None,
) -> None:
    """Ask the model that `train` left, without a server."""
    offline.predict(context.obj, dataset=dataset, instances=instances)


@app.command()
def purge(
    context: typer.Context,
    *,
    dataset: Annotated[
        str | None,
        typer.Option(help="By default all, with --older-than.", autocompletion=_datasets),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="One run only, by its id in Airflow or its folder's name."),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            metavar="AGE", help="Jobs, versions and run folders of this age: 12h, 30d or 8w for instance."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask for confirmation.")] = False,
    with_production: Annotated[
        bool, typer.Option("--with-production", help="Remove what production serves, too.")
    ] = False,
) -> None:
    """Remove what runs made on the running stack: jobs, model versions, endpoints and folders."""
    flags = {"--yes": yes, "--with-production": with_production}
    options = {"--dataset": dataset, "--run": run, "--older-than": older_than}
    _run_on_stack(context.obj, "retraining.purge", [*_arguments(options), *_chosen(flags)])


Reason = Annotated[str, typer.Option(help="A sentence, kept in the model's history.")]
Named = Annotated[str, typer.Argument(metavar="DATASET", autocompletion=_datasets)]


@app.command()
def rollback(
    context: typer.Context,
    dataset: Named,
    *,
    reason: Reason,
    to: Annotated[
        str | None, typer.Option("--to", metavar="VERSION", help="By default the one before the present.")
    ] = None,
) -> None:
    """Put an earlier version into production, smoke-tested first, and hold promotions."""
    _run_on_stack(
        context.obj,
        "retraining.rollback",
        ["rollback", dataset, *_arguments({"--to": to, "--reason": reason})],
    )


@app.command()
def hold(context: typer.Context, dataset: Named, *, reason: Reason) -> None:
    """Promote nothing of a dataset until it is released."""
    _run_on_stack(context.obj, "retraining.rollback", ["hold", dataset, "--reason", reason])


@app.command()
def release(context: typer.Context, dataset: Named, *, reason: Reason) -> None:
    """End a hold, and accept what is in production."""
    _run_on_stack(context.obj, "retraining.rollback", ["release", dataset, "--reason", reason])


@app.command(name="rights")
def show_rights(
    context: typer.Context,
    *,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table of docs/cloud.md.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print infra/modules/perennial/permissions.json.")
    ] = False,
) -> None:
    """Show what each account may do, what this stack's runs used of it, and what they lacked."""
    if as_markdown or as_json:
        print(accounts.as_json() if as_json else accounts.markdown(accounts.granted()), end="")
        return
    uses, _ = accounts.used(context.obj)
    unused, lacking = accounts.differences(context.obj)
    for right in accounts.granted():
        count = uses[right.account, right.permission]
        console.print(f"{right.account:<18} {right.permission:<48} {count:>7} {right.reason}", markup=False)
    for title, found in (("not used", unused), ("refused", lacking)):
        names = ", ".join(f"{right.account} {right.permission}" for right in found) or "none"
        console.print(f"{title}: {names}", markup=False, soft_wrap=True)
    raise typer.Exit(1 if lacking else 0)


@cloud.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False
)
def preflight(context: typer.Context) -> None:
    """Say before the first run what is missing, with the commands that mend it; --help shows its options."""
    raise typer.Exit(module_runner.exit_status("retraining.preflight", context.args))


@cloud.command("push")
def push_commit(
    *,
    images: Annotated[
        list[str] | None,
        typer.Option(
            "--image", metavar="NAME", help=f"{', '.join(push.IMAGES)}: by default all; repeatable."
        ),
    ] = None,
    no_images: Annotated[bool, typer.Option("--no-images", help="Packages and DAGs alone.")] = False,
    registry: Annotated[
        str, typer.Option(help="LOCATION-docker.pkg.dev/PROJECT/REPOSITORY, instead of the deployment's.")
    ] = "",
    with_changes: Annotated[
        bool, typer.Option("--dirty", help="Push a working tree with changes, as COMMIT-dirty.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is missing.")] = False,
) -> None:
    """Bring this commit's images, packages and DAGs to the project; print the settings that name them."""
    if no_images and images:
        raise StackError("--no-images: expected none beside --image")
    options = push.Options(
        images=() if no_images else images or tuple(push.IMAGES),
        registry=registry,
        with_changes=with_changes,
        dry_run=dry_run,
    )
    print(push.as_lines(push.Push(options).run()), end="")


@app.command()
def costs(
    context: typer.Context,
    *,
    dataset: Annotated[str | None, typer.Option(help="By default all.", autocompletion=_datasets)] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Jobs created then or later; by default 30 days ago.")
    ] = None,
    as_document: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what the jobs of each run would cost, by the time of their machines and the tiers' prices."""
    options = _arguments({"--dataset": dataset, "--since": since})
    _run_on_stack(context.obj, "retraining.costs", [*options, *_chosen({"--json": as_document})])


@app.command()
def plan(
    context: typer.Context,
    *,
    dataset: Dataset,
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="First logical date, UTC.")],
    until: Annotated[str, typer.Option("--to", metavar="TIME", help="Last logical date, UTC, inclusive.")],
    source: Annotated[str | None, typer.Option(metavar="FOLDER|URI", help="Instead of the spec's.")] = None,
    tier: Annotated[str | None, typer.Option(help="Scale tier, instead of the spec's.")] = None,
    reprocess: Annotated[
        str | None, typer.Option(metavar="none|failed|completed", help="Existing runs that are repeated.")
    ] = None,
    max_active_runs: Annotated[int | None, typer.Option(help="Concurrent runs, at most the spec's.")] = None,
    spot: Annotated[bool, typer.Option("--spot", help="Train on Spot VMs.")] = False,
    as_document: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the runs of a backfill, what they convert, how long they take and what they cost."""
    options = {
        "--from": since,
        "--to": until,
        "--source": source,
        "--tier": tier,
        "--reprocess": reprocess,
        "--max-active-runs": max_active_runs,
    }
    flags = {"--spot": spot, "--json": as_document}
    _run_on_stack(context.obj, "retraining.plan", [dataset, *_arguments(options), *_chosen(flags)])


def parse_settings(texts: Sequence[str]) -> dict[str, str]:
    """Return `NAME=VALUE` texts as a mapping.

    Raises:
        StackError: a text has no name or no equals sign.
    """
    settings = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise StackError(f"--set: expected NAME=VALUE, received {text!r}")
        settings[name] = value
    return settings


def as_json(settings: Mapping[str, str]) -> dict[str, Any]:
    """Return each value parsed as JSON, or as it is where it is no JSON."""
    values: dict[str, Any] = {}
    for name, text in settings.items():
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values


def main() -> None:
    """Run the command line and exit."""
    # kill(1) and a closed terminal end a command as Ctrl-C does: what it started is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # ignored below nohup
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    app(prog_name="perennial")


def _arguments(options: Mapping[str, str | int | None]) -> list[str]:
    return [text for name, value in options.items() if value is not None for text in (name, str(value))]


def _chosen(flags: Mapping[str, bool]) -> list[str]:
    return [name for name, chosen in flags.items() if chosen]


def _run_on_stack(paths: StackPaths, module: str, arguments: Sequence[str]) -> None:
    environment = Stack(paths).client_environment()
    raise typer.Exit(module_runner.exit_status(module, arguments, environment=environment))


def _print_addresses(stack: Stack) -> None:
    for name, address in stack.addresses().items():
        console.print(f"  {name:<12} {address}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()

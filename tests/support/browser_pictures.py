"""Chromium for tests, and the README's pictures of a running stack's pages.

make up demo pictures
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from contract import naming
from local.paths import StackPaths
from local.stack import Stack
from stack_api import StackApi

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
TIMEOUT_MS = 60_000

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
WIDTH, MAX_HEIGHT = 1400, 2400
MAX_BYTES = 300_000


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Start a headless Chromium, with further flags.

    Raises:
        FileNotFoundError: it is not installed.
    """
    if CHROMIUM is None:
        raise FileNotFoundError("no chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=[*FLAGS, *flags])
        expect.set_options(timeout=TIMEOUT_MS)
        yield browser
        browser.close()


def save_picture(page: Page, file: Path) -> None:
    """Save the upper part of a page as a PNG of at most `MAX_BYTES`, with a palette in place of true colours.

    Raises:
        ValueError: it is larger.
    """
    page.wait_for_load_state("networkidle")
    height = min(page.evaluate("document.documentElement.scrollHeight"), MAX_HEIGHT)
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": height}
    page.screenshot(path=file, full_page=True, clip=clip)  # type: ignore[arg-type]
    with Image.open(file) as image:
        image.convert("RGB").quantize(128).save(file, optimize=True)
    if file.stat().st_size > MAX_BYTES:
        raise ValueError(f"{file}: expected at most {MAX_BYTES} bytes, received {file.stat().st_size}")


def save_pictures(browser: Browser, airflow_url: str, *, dataset: str, run_id: str, folder: Path) -> None:
    """Save `report.png` of a run that was promoted, and `models.png` with a prediction by its version."""
    folder.mkdir(parents=True, exist_ok=True)
    dag_id = naming.dag_id(dataset)
    page = browser.new_page(
        base_url=airflow_url, viewport={"width": WIDTH, "height": 900}, color_scheme="light"
    )
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"/retraining/runs/{dag_id}/{quote(run_id, safe='')}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("was promoted to production")
    save_picture(page, folder / "report.png")
    page.goto(f"/retraining/models/{dag_id}")
    page.get_by_role("button", name="Predict with version").click()
    expect(page.get_by_role("status")).to_contain_text("predicted by version")
    save_picture(page, folder / "models.png")
    page.close()


def main() -> None:
    """Save both pictures of the newest successful run of a dataset."""
    parser = argparse.ArgumentParser(prog="python -m browser_pictures", description=__doc__)
    parser.add_argument("--dataset", default="flowers")
    parser.add_argument("--home", type=Path, help="folder of the stack (default: as for `make up`)")
    options = parser.parse_args()
    stack = Stack(StackPaths.at(options.home))
    runs = [run for run in StackApi(stack).runs(naming.dag_id(options.dataset)) if run["state"] == "success"]
    if not runs:
        parser.error(f"--dataset: expected one with a successful run, received {options.dataset!r}")
    newest = max(runs, key=lambda run: str(run["end_date"]))
    with chromium() as browser:
        save_pictures(
            browser,
            stack.ports.airflow_url,
            dataset=options.dataset,
            run_id=newest["dag_run_id"],
            folder=PICTURES,
        )


if __name__ == "__main__":
    main()

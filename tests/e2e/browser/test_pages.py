"""Report of a run and models page, inside Airflow, in both themes and on a phone."""

import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image
from playwright.sync_api import Browser, FrameLocator, Page, expect

from browser_pictures import MAX_BYTES, WIDTH, save_pictures
from local.airflow_client import FINAL_RUN_STATES, AirflowClient
from local.demo import follow
from local.report import Report
from local.sources import Source
from local.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1200)]

LAPTOP, PHONE = (1400, 900), (390, 844)


def in_airflow(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


def test_report_is_a_tab_of_the_run(page: Page, promoted_run: Report) -> None:
    page.goto(f"/dags/blooms_training/runs/{promoted_run.run_id}")
    page.get_by_role("link", name="Report").click()
    report = in_airflow(page)

    expect(report.get_by_role("heading", level=1)).to_have_text(
        f"Version {promoted_run.version} was promoted to production"
    )
    for task in promoted_run.tasks:
        expect(report.get_by_role("link", name=task.replace("_", " "), exact=True)).to_be_visible()
    for section in ("Tasks", "Data", "Training", "Evaluation", "Examples", "Gate"):
        expect(report.get_by_role("heading", name=section, exact=True)).to_be_visible()
    expect(report.get_by_text("no_picture.jpg")).to_be_visible()
    expect(report.locator("figure svg").first).to_be_visible()
    expect(report.get_by_role("region", name="Confusion matrix")).to_be_visible()
    loaded = "images => images.length > 0 && images.every(image => image.naturalWidth > 0)"
    assert report.get_by_role("region", name="Examples").locator("img").evaluate_all(loaded)


def test_models_page_predicts_the_class_of_an_image(
    page: Page, promoted_run: Report, few_pictures: Source
) -> None:
    page.goto("/plugin/models")
    models = in_airflow(page)
    models.get_by_role("link", name="blooms").click()
    expect(models.get_by_text(f"Version {promoted_run.version} serves blooms")).to_be_visible()

    picture = next(Path(few_pictures.uri, "tulips").glob("*.jpg"))
    models.get_by_label("Image").set_input_files(picture)
    models.get_by_role("button", name="Predict with version").click()

    response = models.get_by_role("status")
    expect(response).to_contain_text(f"predicted by version {promoted_run.version}")
    expect(response.locator(".probabilities li")).to_have_count(5)
    assert response.locator(".prediction b").inner_text() in {
        "daisy", "dandelion", "roses", "sunflowers", "tulips",
    }  # fmt: skip


def test_models_page_shows_the_error_of_the_endpoint(
    page: Page, promoted_run: Report, tmp_path: Path
) -> None:
    words = tmp_path / "words.jpg"
    words.write_text("these are words")
    page.goto("/plugin/models")
    models = in_airflow(page)
    models.get_by_role("link", name="blooms").click()
    models.get_by_label("Image").set_input_files(words)
    models.get_by_role("button", name="Predict with version").click()
    expect(models.get_by_role("status")).to_contain_text("The endpoint rejected the request.")


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_fit_and_fetch_nothing_from_elsewhere(
    browser: Browser,
    stack: Stack,
    promoted_run: Report,
    theme: str,
    size: tuple[int, int],
    tmp_path: Path,
) -> None:
    airflow = stack.ports.airflow_url
    page = browser.new_page(
        base_url=airflow,
        viewport={"width": size[0], "height": size[1]},
        color_scheme=theme,  # type: ignore[arg-type]
    )
    page.set_default_timeout(60_000)
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: complaints.append(said.text) if "Security" in said.text else None)
    paper = set()
    plan = "backfills/yellow_taxi_training?since=2018-01-01&until=2018-03-01"
    report = f"runs/blooms_training/{promoted_run.run_id}"
    for number, address in enumerate((report, "models", "models/blooms_training", plan)):
        page.goto(f"/retraining/{address}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        paper.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        shot = tmp_path / f"{number}.png"
        page.screenshot(path=shot, full_page=True)
        assert shot.stat().st_size > 10_000
    page.close()

    assert paper == {"rgb(255, 255, 255)" if theme == "light" else "rgb(16, 17, 19)"}
    assert all(url.startswith((airflow, "data:")) for url in asked)
    assert complaints == []


def test_report_follows_the_theme_of_airflow(page: Page, promoted_run: Report) -> None:
    page.add_init_script("localStorage.setItem('theme', 'dark')")
    page.goto(f"/dags/blooms_training/runs/{promoted_run.run_id}/plugin/report")
    body = in_airflow(page).locator("body")
    expect(body).to_have_css("background-color", "rgb(16, 17, 19)")


def test_pictures_of_the_readme_are_small(
    browser: Browser, stack: Stack, promoted_run: Report, tmp_path: Path
) -> None:
    save_pictures(
        browser, stack.ports.airflow_url, dataset="blooms", run_id=promoted_run.run_id, folder=tmp_path
    )
    for name in ("report.png", "models.png"):
        with Image.open(tmp_path / name) as image:
            assert image.width == WIDTH
        assert 10_000 < (tmp_path / name).stat().st_size <= MAX_BYTES


def decided(page: Page, stack: Stack, models: FrameLocator, button: str, reason: str) -> FrameLocator:
    """Press a button of the models page with a reason, wait for the run that it triggers, and reload."""
    models.get_by_label("Reason").fill(reason)
    models.get_by_role("button", name=button, exact=True).click()
    link = models.locator("#decided a")
    expect(link).to_be_visible()
    run_id = unquote(str(link.get_attribute("href")).rpartition("/")[2])
    with AirflowClient(stack.ports.airflow_url) as airflow:
        deadline = time.monotonic() + 240
        while (state := airflow.run_state("model_rollback", run_id)) not in FINAL_RUN_STATES:
            assert time.monotonic() < deadline, f"{run_id} is {state}"
            time.sleep(0.5)
    assert state == "success"
    page.reload()
    return in_airflow(page)


def test_rollback_from_the_models_page_holds_the_next_run_until_it_is_released(
    page: Page, stack: Stack, promoted_run: Report, few_pictures: Source
) -> None:
    second = follow(stack, "blooms", few_pictures, {"train_steps": 21})
    assert second.promoted
    page.goto("/plugin/models")
    models = in_airflow(page)
    models.get_by_role("link", name="blooms").click()
    before = promoted_run.version

    models = decided(page, stack, models, f"Roll back to version {before}", "complaints about tulips")
    models.get_by_role("link", name="blooms").click()
    expect(models.get_by_text(f"Version {before} serves blooms")).to_be_visible()
    expect(models.locator("#standing")).to_contain_text("complaints about tulips")

    declined = follow(stack, "blooms", few_pictures, {"train_steps": 22})
    assert not declined.promoted
    assert "complaints about tulips" in " ".join(declined.reasons)

    models = decided(page, stack, models, "Release promotions", "it was the light")
    models.get_by_role("link", name="blooms").click()
    expect(models.locator("#standing")).to_have_count(0)
    assert follow(stack, "blooms", few_pictures, {"train_steps": 23}).promoted

"""Airflow's dialog that triggers a run or creates a backfill, in a browser."""

from __future__ import annotations

from urllib.parse import unquote

from playwright.sync_api import Locator, Page, Response, expect

BUSY_MILLISECONDS = 240_000


class TriggerDialog:
    """Open dialog of one DAG."""

    def __init__(self, page: Page, dag_id: str) -> None:
        page.goto(f"/dags/{dag_id}")
        page.get_by_role("button", name="Trigger").first.click()
        self.page = page
        self.dialog = page.get_by_role("dialog").first

    def open_section(self, name: str) -> None:
        """Expand a section of fields."""
        self.dialog.get_by_role("button", name=name, exact=True).click()

    def field(self, name: str) -> Locator:
        """Return the input of a parameter whose section is expanded."""
        return self.dialog.locator(f"[name=element_{name}]")

    def fill(self, name: str, text: str) -> None:
        """Enter a value and leave the field, upon which the form takes it."""
        self.field(name).fill(text)
        self.field(name).press("Tab")

    def switch_off(self, name: str) -> None:
        """Turn off a parameter's switch, which is on."""
        switch = self.field(name)
        expect(switch).to_be_checked()
        # By keyboard, since the switch moves while its section expands.
        switch.press("Space")
        expect(switch).not_to_be_checked()

    def choose_backfill(self, *, since: str, until: str, at_a_time: int) -> None:
        """Fill in the fields of a backfill; dates are written as `2019/01/31`."""
        self.dialog.get_by_text("Backfill", exact=True).click()
        for name, day in (("From", since), ("To", until)):
            # The first that is still empty.
            self.dialog.get_by_text("Select date and time").first.click()
            date = self.page.get_by_role("textbox", name=name)
            date.fill(day)
            date.press("Enter")
            self.page.keyboard.press("Escape")
            # The next one's popover would open beside it.
            expect(date).to_be_hidden()
        self.dialog.locator("[name=max_active_runs]").fill(str(at_a_time))
        # Without this the dialog sends none of the parameters.
        self.dialog.get_by_text("Override parameters on existing runs").click()

    def submit(self, name: str) -> None:
        """Click the button that closes the dialog, `Trigger` or `Run Backfill`."""
        self.dialog.get_by_role("button", name=name, exact=True).click()

    def trigger(self) -> str:
        """Trigger a run and wait for its page; return its id."""

        def is_answer(response: Response) -> bool:
            return response.request.method == "POST" and response.url.endswith("/dagRuns")

        # Airflow's page reads its lists again before it turns to the run: on a busy machine both take long.
        with self.page.expect_response(is_answer, timeout=BUSY_MILLISECONDS) as answer:
            self.submit("Trigger")
        assert answer.value.ok, answer.value.text()
        run_id = str(answer.value.json()["dag_run_id"])
        self.page.wait_for_url(
            lambda url: unquote(url).endswith(f"/runs/{run_id}"), timeout=BUSY_MILLISECONDS
        )
        return run_id

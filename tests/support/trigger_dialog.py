"""Airflow's dialog that triggers a run or makes a backfill, as a person uses it."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


class TriggerDialog:
    """The dialog of one DAG, opened."""

    def __init__(self, page: Page, dag_id: str) -> None:
        page.goto(f"/dags/{dag_id}")
        page.get_by_role("button", name="Trigger").first.click()
        self.page = page
        self.dialog = page.get_by_role("dialog").first

    def open_section(self, name: str) -> None:
        """Show the fields of a section."""
        self.dialog.get_by_role("button", name=name, exact=True).click()

    def field(self, name: str) -> Locator:
        """The input of a parameter, whose section is open."""
        return self.dialog.locator(f"[name=element_{name}]")

    def fill(self, name: str, text: str) -> None:
        """Type a value, then leave the field: only then does the form take it."""
        self.field(name).fill(text)
        self.field(name).press("Tab")

    def switch_off(self, name: str) -> None:
        """Turn a parameter's switch, which is on."""
        switch = self.field(name)
        expect(switch).to_be_checked()
        # By the keyboard: what is drawn for it moves while its section unfolds.
        switch.press("Space")
        expect(switch).not_to_be_checked()

    def choose_backfill(self, *, since: str, until: str, at_a_time: int) -> None:
        """Fill in what a backfill needs; dates are written as the dialog has them, `2019/01/31`."""
        self.dialog.get_by_text("Backfill", exact=True).click()
        for day in (since, until):
            # The first that is still empty.
            self.dialog.get_by_text("Select date and time").first.click()
            date = self.page.get_by_placeholder("YYYY/MM/DD")
            date.fill(day)
            date.press("Enter")
            self.page.keyboard.press("Escape")
        self.dialog.locator("[name=max_active_runs]").fill(str(at_a_time))
        # Without this the dialog sends none of the parameters.
        self.dialog.get_by_text("Override parameters on existing runs").click()

    def submit(self, name: str) -> None:
        """Press the button that ends the dialog, `Trigger` or `Run Backfill`."""
        self.dialog.get_by_role("button", name=name, exact=True).click()

"""A real browser that signs in, waits until a page is drawn, and leaves screenshots to look at."""

from collections.abc import Callable
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

SCREENSHOTS = Path("screenshots")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KNOWN_BY_AXE: dict[str, str] = {}
"""Serious findings that Streamlit itself causes, by rule, with the reason."""

OpenAs = Callable[..., Page]

expect.set_options(timeout=20_000)  # two busy cores need a while; what does not happen fails all the same


def settle(page: Page) -> None:
    """Until the script has run and nothing waits to be drawn."""
    page.locator("h1").first.wait_for()
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget], [data-stale=true]')")
    page.wait_for_timeout(350)


def go(page: Page, ui_url: str, path: str) -> None:
    page.goto(f"{ui_url}{path}")
    settle(page)


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    size = page.viewport_size
    assert size is not None
    height = page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight ?? document.body.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], min(3000, int(height) + 8))})
    page.wait_for_timeout(300)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
    page.set_viewport_size(size)


def serious(page: Page, name: str) -> list[str]:
    """Serious and critical findings of axe that are not known to be Streamlit's own."""
    violations = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{name}: {one['id']} {node['target']} {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for one in violations
        if one["impact"] in {"serious", "critical"} and one["id"] not in KNOWN_BY_AXE
        for node in one["nodes"]
    ]

"""What all tests share: one thread a process, data sets, a user's file, quick exports, a browser, hypothesis."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is imported

import hypothesis
import pytest
import torch

from heredity.testing.runs import quick_exports, users_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

torch.set_num_threads(1)  # the promise of equal results holds for fixed threads; pytest-xdist fills the cores
torch.set_flush_denormal(True)
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background of a script inherits deafness

hypothesis.settings.register_profile("heredity", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("heredity")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "data_dir" in getattr(item, "fixturenames", ()):
            item.add_marker("data")


@pytest.fixture(scope="session", autouse=True)
def _quick_exports() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    with quick_exports():
        yield


@pytest.fixture(scope="session")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's file."""
    return users_file(tmp_path_factory.mktemp("users"))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of data sets; without it, the tests that need one are skipped and say so."""
    if not (folder := os.environ.get("HEREDITY_DATA")):
        pytest.skip("HEREDITY_DATA is not set: point it to the folder that holds the data sets (MNIST/, cifar10/)")
    return Path(folder)


DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    place = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if place is None:
        missing = f"no browser: install Debian's chromium, or another among {', '.join(BROWSERS)}"
        pytest.fail(missing) if "CI" in os.environ else pytest.skip(missing)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=place, args=QUIET)


@pytest.fixture
def opened(browser: Browser) -> Callable[..., Any]:
    """Opens a page at the width of a desk or a phone; whatever it complains of or fetches fails the test at its end."""

    @contextmanager
    def visit(path: Path, *, address: str = "", phone: bool = False) -> Iterator[Page]:
        troubles: list[str] = []
        size: Any = PHONE if phone else DESK
        context = browser.new_context(viewport=size, is_mobile=phone, has_touch=phone)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        own = (path.as_uri(), "data:")
        page.on("request", lambda request: None if request.url.startswith(own) else troubles.append(request.url))
        page.goto(f"{path.as_uri()}{address}")
        page.wait_for_selector(".js-plotly-plot .main-svg, #front:not(:has(.plot))", state="attached")
        try:
            yield page
        finally:
            context.close()
        assert troubles == []

    return visit

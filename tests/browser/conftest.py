"""A headless browser in front of a real server with trained models."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KEY = "open-sesame"
SERVE = """
import sys
from pathlib import Path
from pynomaly_inference.server.serve import serve
from pynomaly_inference.server.settings import ServerSettings
from pynomaly_inference.server.table import ModelTable
keys, *models = map(Path, sys.argv[1:])
settings = ServerSettings(port=0, keys=keys if keys.name else None, drain_seconds=0)
serve(ModelTable.load(models), settings, on_ready=lambda addresses: print(addresses.url, flush=True))
"""
RESOURCE = """
apiVersion: pynomaly.io/v1alpha1
kind: AnomalyDetector
metadata: {{name: {name}}}
spec:
  algorithm: {{name: {algorithm}}}
  contamination: 0.05
  {features}
  preprocessing: {{impute: Median, scale: Standard}}
  training:
    source: {{uri: {name}.csv, label: broken}}
"""
ZONES = """features:
    - {name: bearing_temperature, type: Number}
    - {name: "vibration, rms", type: Number}
    - {name: line, type: Category}"""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: drives a real browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.fail(f"no browser on PATH: install one of {', '.join(BROWSERS)} (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def _csv(path: Path) -> None:
    random = np.random.default_rng(0)
    lines = ['bearing_temperature,"vibration, rms",line,broken']
    for index in range(300):
        broken = index % 20 == 0
        temperature, vibration = random.normal(60 + 30 * broken, 5), random.gamma(3, 0.4)
        text = "" if index % 50 == 7 else f"{vibration:.3f}"
        lines.append(f"{temperature:.2f},{text},{('north', 'south')[index % 2]},{int(broken)}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models as the trainer writes them: `machines`, with a category, and `pumps`."""
    folder = tmp_path_factory.mktemp("models")
    paths = []
    for name, algorithm, features in (("machines", "KNN", ZONES), ("pumps", "IForest", ZONES)):
        _csv(folder / f"{name}.csv")
        resource = folder / f"{name}.yaml"
        resource.write_text(RESOURCE.format(name=name, algorithm=algorithm, features=features))
        model = folder / f"{name}.onnx"
        command = Path(sys.executable).with_name("pynomaly")
        subprocess.run([str(command), "train", str(resource), "--output", str(model)], check=True, capture_output=True)
        paths.append(model)
    return paths


def _served(keys: Path | str, models: list[Path]) -> Iterator[str]:
    command = [sys.executable, "-c", SERVE, str(keys), *map(str, models)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127.0.0.1:\d+", url)
        yield url
        process.terminate()


@pytest.fixture(scope="session")
def url(models: list[Path]) -> Iterator[str]:
    """A server with both models, open to anyone."""
    yield from _served("", models)


@pytest.fixture(scope="session")
def keyed_url(models: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with one model that asks for a key."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(KEY)
    yield from _served(keys, models[:1])


@dataclass
class Watched:
    """A page, what its console said, and where its requests went."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)


@contextmanager
def _page(browser: Browser, width: int, height: int) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=width < 600)
    watched = Watched(context.new_page())
    watched.page.on("console", lambda message: watched.complaints.append(message.text))
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    watched.page.on("request", lambda sent: watched.origins.add(urlsplit(sent.url).netloc))
    yield watched
    context.close()


@pytest.fixture
def desktop(browser: Browser) -> Iterator[Watched]:
    """A fresh page on a desk."""
    with _page(browser, 1280, 900) as watched:
        yield watched


@pytest.fixture(params=[(1280, 900), (390, 844), (360, 740)], ids=["desktop", "phone", "narrow"])
def watched(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A fresh page of each size."""
    with _page(browser, *request.param) as watched:
        yield watched

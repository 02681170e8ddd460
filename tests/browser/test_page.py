"""The page at `/`, as its visitors see it."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

KEY = "open-sesame"
CSV_ROW = '91.5, 1.2, "south"'
HEADER = 'bearing_temperature,"vibration, rms",line\n'


def opened(watched: Any, url: str) -> Page:
    page: Page = watched.page
    page.goto(url)
    expect(page.locator("#content")).to_be_visible()
    return page


def score(page: Page, row: str) -> None:
    page.fill("#row", row)
    page.get_by_role("button", name="Score", exact=True).click()


def check_calm(watched: Any, url: str) -> None:
    """Nothing in the console, nothing asked of another server, nothing to scroll sideways to."""
    assert watched.complaints == []
    assert watched.origins == {urlsplit(url).netloc}
    assert watched.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def values(page: Page, selector: str) -> list[float]:
    return [float(each.get_attribute("data-value") or "nan") for each in page.locator(selector).all()]


def test_the_card_says_what_the_model_is(watched: Any, url: str) -> None:
    page = opened(watched, url)
    card = httpx.get(f"{url}/v1/card?model=machines").json()

    expect(page.locator("h1#name")).to_have_text("machines")
    expect(page.locator("#overline")).to_have_text("KNN · version 0")
    expect(page.locator("#meaning")).to_have_text(card["meaning"])
    expect(page.locator("#origin")).to_contain_text(f"sha256:{card['digest']}")
    expect(page.locator("#chips")).to_contain_text("holds training rows")
    expect(page.locator("#evaluation")).to_contain_text("ROC AUC")
    for case in card["parity"]["cases"]:
        expect(page.locator("#parity")).to_contain_text(case)
    names = [row.inner_text().split("\n")[0] for row in page.locator("#features tr").all()]
    assert (
        names == [feature["name"] for feature in card["features"]] == ["bearing_temperature", "vibration, rms", "line"]
    )
    expect(page.locator("#features")).to_contain_text("north, south")
    check_calm(watched, url)


@pytest.mark.parametrize(
    "row",
    [
        CSV_ROW,
        "91.5,1.2,south",
        "  91.5 ,1.2 , south ",
        HEADER + CSV_ROW,
        '{"line": "south", "bearing_temperature": 91.5, "vibration, rms": 1.2}',
        '[91.5, 1.2, "south"]',
        '{"rows": [[91.5, 1.2, "south"]]}',
    ],
)
def test_a_pasted_row_scores_as_the_api_does(desktop: Any, url: str, row: str) -> None:
    page = opened(desktop, url)
    body = {"rows": [[91.5, 1.2, "south"]]}
    answer = httpx.post(f"{url}/v1/score?model=machines&explain=true", json=body).json()

    score(page, row)

    expect(page.locator("#label")).to_have_text("Anomaly" if answer["labels"][0] else "Normal")
    assert values(page, "#score-value") == answer["scores"]
    assert values(page, "#probability") == answer["probabilities"]
    assert sorted(values(page, ".contributions .amount")) == sorted(answer["contributions"][0])
    check_calm(desktop, url)


def test_a_result_fits_the_page_with_its_contributions(watched: Any, url: str) -> None:
    page = opened(watched, url)

    score(page, CSV_ROW)

    expect(page.locator("#label")).to_be_visible()
    amounts = values(page, ".contributions .amount")
    assert len(amounts) == 3
    assert amounts == sorted(amounts, key=abs, reverse=True)
    check_calm(watched, url)


def test_the_typical_row_is_there_from_the_start_and_is_normal(desktop: Any, url: str) -> None:
    page = opened(desktop, url)
    assert page.input_value("#row").endswith(", north")

    page.get_by_role("button", name="Score", exact=True).click()

    expect(page.locator("#label")).to_have_text("Normal")
    page.get_by_role("button", name="Unusual row").click()
    expect(page.locator("#label")).to_have_text("Anomaly")
    check_calm(desktop, url)


@pytest.mark.parametrize(
    ("row", "body"),
    [
        (',,""', "a,b,c\n,,"),
        ("1,2,", "a,b,c\n1,2,"),
        ('" x ","y, ""z""", 3', 'a,b,c\n" x ","y, ""z""",3'),
        ("c, a ,b\n1,2,3", "c,a,b\n1,2,3"),
        ('1,"2', 'a,b,c\n1,"""2"'),
    ],
)
def test_pasted_values_are_sent_as_they_are_meant(desktop: Any, url: str, row: str, body: str) -> None:
    page = opened(desktop, url)

    sent = page.evaluate(
        """async (row) => {
          const { requestOf } = await import("/static/row.js");
          return requestOf(row, [{ name: "a" }, { name: "b" }, { name: "c" }]);
        }""",
        row,
    )

    assert sent == {"type": "text/csv", "body": body}


def test_several_rows_are_listed(watched: Any, url: str) -> None:
    page = opened(watched, url)

    score(page, "60, 1.2, north\n95, 1.2, south\n61, 1.0, south")

    rows = [row.inner_text().split() for row in page.locator("#result tbody tr").all()]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert [row[2] for row in rows] == ["Normal", "Anomaly", "Normal"]
    check_calm(watched, url)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("60, high, north", "row 1: `vibration, rms` is the text 'high'; it takes a number"),
        ("60, 1.2", "row 1 has 2 fields; the header has 3"),
        (
            '{"bearing_temperature": 60, "Line": "north", "vibration, rms": 1}',
            "row 1 has no `line`: is `Line` meant as it?",
        ),
        ('{"bearing_temperature": 60', "the body is not JSON"),
        ("", "there is no row below the header: send at least one"),
    ],
)
def test_an_error_is_shown_in_words(desktop: Any, url: str, row: str, sentence: str) -> None:
    page = opened(desktop, url)
    score(page, CSV_ROW)
    expect(page.locator("#label")).to_be_visible()

    score(page, row)

    expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    expect(page.locator("#result")).to_be_empty()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_another_model_is_chosen_by_name(desktop: Any, url: str) -> None:
    page = opened(desktop, url)

    page.select_option("#model", "pumps")

    expect(page.locator("h1#name")).to_have_text("pumps")
    expect(page.locator("#overline")).to_have_text("IForest · version 0")
    score(page, CSV_ROW)
    answer = httpx.post(f"{url}/v1/score?model=pumps", json={"rows": [[91.5, 1.2, "south"]]}).json()
    expect(page.locator("#label")).to_be_visible()
    assert values(page, "#score-value") == answer["scores"]
    check_calm(desktop, url)


def test_a_server_with_keys_asks_for_one_and_shows_nothing_before(desktop: Any, keyed_url: str) -> None:
    page: Page = desktop.page
    page.goto(keyed_url)
    expect(page.get_by_role("heading", name="This server asks for a key")).to_be_visible()
    expect(page.locator("#content")).to_be_hidden()

    page.fill("#key-value", "wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.locator("#key-wrong")).to_have_text("The server does not know this key.")
    page.fill("#key-value", KEY)
    page.keyboard.press("Enter")

    expect(page.locator("h1#name")).to_have_text("machines")
    expect(page.locator("#chooser")).to_be_hidden()
    score(page, CSV_ROW)
    expect(page.locator("#label")).to_have_text("Anomaly")
    assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])") == '[{},{},""]'
    assert desktop.origins == {urlsplit(keyed_url).netloc}


def test_everything_is_reached_by_the_keyboard_and_has_a_name(desktop: Any, url: str) -> None:
    page = opened(desktop, url)

    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))

    assert reached == ["Skip to the model", "model", "API", "row", "Score", "typical", "extreme", "curl"]
    for role, name in (("combobox", "Model"), ("textbox", "Values in the order of the features, or a JSON object")):
        expect(page.get_by_role(role, name=name)).to_be_visible()  # type: ignore[arg-type]  # a str, not the literal


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_keeps_its_contrast_in_light_and_dark(desktop: Any, url: str, scheme: str) -> None:
    desktop.page.emulate_media(color_scheme=scheme)
    page = opened(desktop, url)
    score(page, CSV_ROW)
    expect(page.locator("#label")).to_be_visible()

    assert page.evaluate(CONTRAST) == []


CONTRAST = """() => {
  const light = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(at).backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const element of document.querySelectorAll("main *, header *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const [one, two] = [light(numbers(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    if (ratio < 4.5) weak.push(`${element.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return weak;
}"""


def test_the_documentation_lists_every_operation(watched: Any, url: str) -> None:
    page: Page = watched.page
    page.goto(f"{url}/docs")
    expect(page.locator(".opblock").first).to_be_visible()

    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    shown = [each.get_attribute("data-path") for each in page.locator(".opblock-summary-path").all()]

    assert sorted(shown, key=str) == sorted(path for path, operations in paths.items() for _ in operations)
    assert watched.complaints == []
    assert watched.origins == {urlsplit(url).netloc}

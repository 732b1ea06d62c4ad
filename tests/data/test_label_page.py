"""The label page in a real browser: what is clicked is on the disk, and keys alone are enough."""
import shutil
import threading
from contextlib import contextmanager

import pytest

from jetracer.core.types import Aim
from jetracer.data.formats.base import read
from jetracer.data.labelling import Labelling
from tests.data.sets import jpeg

pytest.importorskip("tornado", reason="the label page needs tornado: pip install 'jetracer[data]'")
SIZE = (160, 120)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def served(labelling):
    """The page's address while a thread serves it."""
    import asyncio

    from jetracer.data.label_server import _serve

    loop, told, address = asyncio.new_event_loop(), threading.Event(), []
    until = loop.create_future()

    def ready(text):
        address.append(text)
        told.set()

    thread = threading.Thread(target=loop.run_until_complete, args=(_serve(labelling, "127.0.0.1", 0, ready, until),))
    thread.start()
    assert told.wait(20)
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(until.set_result, None)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def folder(tmp_path):
    for at in range(4):
        jpeg(tmp_path / "set" / f"{at}.jpg", at, SIZE)
    return tmp_path / "set"


@contextmanager
def open_page(browser, folder, guess=None):
    with served(Labelling(folder, guess)) as address:
        page = browser.new_page(viewport={"width": 900, "height": 700})
        failures = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(address)
        page.wait_for_function("document.getElementById('name').textContent !== ''")
        yield page
        page.close()
        assert not failures


def shown(page, name, said=None):
    page.wait_for_function("name => document.getElementById('name').textContent === name", arg=name)
    if said:
        page.wait_for_function("text => document.getElementById('said').textContent === text", arg=said)


def click(page, x, y):
    box = page.locator("#view").bounding_box()
    page.mouse.click(box["x"] + (x + 1) / 2 * box["width"], box["y"] + (y + 1) / 2 * box["height"])


def aims(folder):
    return {s.name: s.aim for s in read(folder).samples}


def test_a_click_is_on_the_disk_before_the_next_picture_comes(browser, folder):
    with open_page(browser, folder) as page:
        click(page, 0.5, -0.25)
        shown(page, "1.jpg", "saved")
        aim = aims(folder)["0.jpg"]
        assert (aim.x, aim.y) == pytest.approx((0.5, -0.25), abs=0.01)
        assert page.locator("#count").text_content() == "2 of 4, 1 labelled"
        page.keyboard.press("u")
        shown(page, "0.jpg", "undone")
        assert aims(folder)["0.jpg"] is None
        page.keyboard.press("u")
        shown(page, "0.jpg", "nothing left to undo")


def test_keys_alone_are_enough(browser, folder):
    with open_page(browser, folder) as page:
        for key in ("ArrowRight", "Shift+ArrowRight", "ArrowUp", "Enter"):
            page.keyboard.press(key)
        shown(page, "1.jpg", "saved")
        aim = aims(folder)["0.jpg"]
        assert (aim.x, aim.y) == pytest.approx((0.11, -0.01))
        page.keyboard.press("n")
        shown(page, "2.jpg")
        page.keyboard.press("d")
        shown(page, "3.jpg", "deleted")
        assert [s.name for s in read(folder).samples if s.deleted] == ["2.jpg"]
        page.keyboard.press("p")
        shown(page, "2.jpg")
        page.keyboard.press("d")
        shown(page, "2.jpg", "brought back")
        assert not any(s.deleted for s in read(folder).samples)
        page.keyboard.press("m")
        shown(page, "3.jpg")


def test_the_models_aim_is_there_to_be_confirmed(browser, folder):
    with open_page(browser, folder, lambda image: (Aim(-0.5, 0.25), 0.75)) as page:
        page.wait_for_function("document.getElementById('state').textContent === 'the model is 75 % sure'")
        page.keyboard.press("Enter")
        shown(page, "1.jpg", "saved")
    assert aims(folder)["0.jpg"] == Aim(-0.5, 0.25)


def test_what_cannot_be_written_is_said_and_not_shown_as_saved(browser, folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with open_page(browser, folder) as page:
        monkeypatch.setattr("jetracer.data.labelling.update_labels", full)
        click(page, 0.0, 0.0)
        page.wait_for_function("document.getElementById('said').textContent.includes('No space left')")
        assert page.locator("#count").text_content() == "1 of 4, 0 labelled"
        assert page.locator("#name").text_content() == "0.jpg"


def test_without_the_secret_nothing_is_served(folder):
    from urllib.error import HTTPError
    from urllib.request import urlopen

    with served(Labelling(folder)) as address:
        assert urlopen(address + "state").status == 200
        root = address.rsplit("/", 2)[0]
        for path in ("/", "/state", "/wrong/state", "/wrong/"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(root + path)


def test_a_wrong_request_is_refused_and_changes_nothing(folder):
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    with served(Labelling(folder)) as address:
        for what, body in (("label", b'{"at": 9, "x": 0, "y": 0}'), ("label", b'{"at": 0, "x": 7, "y": 0}'),
                           ("delete", b'{"at": "0"}')):
            with pytest.raises(HTTPError, match="400"):
                urlopen(Request(address + what, body))
    assert not (folder / "labels.csv").exists()

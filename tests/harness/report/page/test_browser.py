"""The page in a browser: from a file, offline, by keyboard, on a phone's width, in the dark."""

import itertools
import json
import shutil
import time

import pytest
from page_runs import add_panels, page_run

from harness.report.page.render import PageOptions, write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="chromium or chromedriver is not installed"
    ),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    run = page_run(folder / "run")
    add_panels(run)
    write_report(run, folder / "report.html", PageOptions(draws=100))
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def screen(browser, width=1280, height=900, scheme="light"):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wanted = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", wanted)


@pytest.fixture
def page(browser, file):
    """The page, loaded anew; afterwards it must have said nothing to the console."""
    screen(browser)
    browser.get_log("browser")
    browser.get(file.as_uri())
    yield browser
    assert browser.get_log("browser") == []


def find(page, selector):
    return page.find_element("css selector", selector)


def texts(page, selector):
    """The text of every element that is shown."""
    script = """return [...document.querySelectorAll(arguments[0])]
        .filter((e) => e.getClientRects().length).map((e) => e.firstChild.textContent.trim())"""
    return page.execute_script(script, selector)


def column(page, table, name):
    """The values of a restorer's column, as they stand."""
    script = """const t = document.getElementById(arguments[0]);
        const heads = [...t.querySelectorAll('thead tr:last-child th')];
        const k = heads.findIndex((h) => h.textContent === arguments[1]);
        return [...t.tBodies[0].rows].filter((r) => !r.hidden).map((r) => r.cells[k].dataset.v
            ?? r.cells[k].textContent)"""
    return page.execute_script(script, table, name)


def head(page, table, name):
    return find(page, f"#{table} th[data-column='{name}']")


def choose(page, id, value):
    from selenium.webdriver.support.ui import Select

    select = Select(find(page, f"#{id}"))
    select.select_by_visible_text(value)


def press(element, key):
    from selenium.webdriver.common.keys import Keys

    element.send_keys(getattr(Keys, key))


def test_it_asks_for_nothing_but_itself(page, file):
    log = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    sent = [one["params"] for one in log if one["method"] == "Network.requestWillBeSent"]
    mine = [one["request"]["url"] for one in sent if one["documentURL"] == file.as_uri()]

    assert file.as_uri() in mine
    assert {url for url in mine if not url.startswith("data:")} == {file.as_uri()}
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_a_table_sorts_by_click_and_by_key(page):
    before = [float(value) for value in column(page, "classes-0", "jpeg")]
    button = find(page, "#classes-0 th[data-column='jpeg'] button")
    assert head(page, "classes-0", "jpeg").get_attribute("aria-sort") == "none"

    page.execute_script("arguments[0].click()", button)
    falling = [float(value) for value in column(page, "classes-0", "jpeg")]
    assert falling == sorted(before, reverse=True)
    assert falling != before
    assert head(page, "classes-0", "jpeg").get_attribute("aria-sort") == "descending"

    press(button, "ENTER")
    assert [float(value) for value in column(page, "classes-0", "jpeg")] == sorted(before)
    assert head(page, "classes-0", "jpeg").get_attribute("aria-sort") == "ascending"
    assert len(page.find_elements("css selector", "#classes-0 th[aria-sort='ascending']")) == 1


def test_filters_hide_rows_columns_and_tasks(page):
    assert texts(page, "#tables h3") == ["segmentation", "fidelity"]
    assert len(column(page, "table-1", "jpeg")) == 6

    choose(page, "tables-qf", "20")
    assert column(page, "table-0", "QF") == ["20"]
    press(find(page, "#tables input[data-column='arcnn']"), "SPACE")
    assert "arcnn" not in texts(page, "#table-0 thead tr:last-child button")
    assert "multi-model" not in texts(page, "#table-0 .groups th")
    choose(page, "tables-task", "fidelity")
    assert texts(page, "#tables h3") == ["fidelity"]
    assert find(page, "#tables .status").text == "3 rows"


def test_intervals_can_be_put_away(page):
    assert find(page, "#table-0 .below").is_displayed()
    press(find(page, "#tables-intervals"), "SPACE")
    assert not find(page, "#table-0 .below").is_displayed()


def test_classes_show_one_qf_and_can_be_searched(page):
    assert set(column(page, "classes-0", "QF")) == {"10"}
    choose(page, "classes-qf", "20")
    assert set(column(page, "classes-0", "QF")) == {"20"}
    find(page, "#classes-search").send_keys("THI")
    assert column(page, "classes-0", "class") == ["thing"]


def test_the_slider_moves_by_keyboard(page):
    slider = find(page, "#slider")

    def cut():
        script = "return document.querySelector('.stage').style.getPropertyValue('--cut')"
        return page.execute_script(script)

    assert cut() == "50%"
    press(slider, "ARROW_RIGHT")
    assert cut() == "51%"
    press(slider, "HOME")
    assert cut() == "0%"
    assert slider.get_attribute("aria-valuetext").startswith("0 % jpeg, the rest ")


def test_the_slider_follows_the_mouse_on_the_picture(page):
    from selenium.webdriver import ActionChains

    stage = find(page, ".stage")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", stage)
    quarter = stage.size["width"] // 4
    ActionChains(page).move_to_element_with_offset(stage, -quarter, 0).click().perform()

    assert abs(int(find(page, "#slider").get_attribute("value")) - 25) <= 1


def test_the_viewer_shows_what_is_chosen(page):
    left, right = find(page, ".stage img.left"), find(page, ".stage img.right")
    choose(page, "left", "original")
    choose(page, "right", "dagn")
    assert left.get_attribute("alt").startswith("image-000, original")
    assert right.get_attribute("alt") == "image-000, dagn, PSNR 25.50 dB, SSIM 0.800, mIoU 40.0"
    assert left.get_attribute("naturalWidth") == "48"

    choose(page, "panel", "image-001, segmentation, QF 10")
    assert left.get_attribute("alt").startswith("image-001, original")  # the choice is kept
    assert texts(page, ".panel h3") == ["image-001, segmentation, QF 10"]
    button = find(page, ".panel:not([hidden]) figure[data-label='jpeg'] button")
    page.execute_script("arguments[0].click()", button)
    assert right.get_attribute("alt").startswith("image-001, jpeg")
    choose(page, "zoom", "4×")
    assert find(page, ".stage").size["width"] == 4 * 48

    assert find(page, ".stage .overlay.left").is_displayed()
    press(find(page, "#overlay"), "SPACE")
    assert not find(page, ".stage .overlay.left").is_displayed()


def rows_of_images(page):
    script = """return [...document.querySelectorAll('#images-table tbody tr')]
        .map((r) => [...r.cells].map((c) => c.textContent))"""
    return page.execute_script(script)


def test_images_are_listed_by_their_largest_change(page):
    rows = rows_of_images(page)
    changes = [abs(float(row[1])) for row in rows]

    assert len(rows) == 25
    assert changes == sorted(changes, reverse=True)
    assert texts(page, "#images-table thead button")[:4] == [
        "image",
        "largest change",
        "bpp",
        "jpeg",
    ]
    assert find(page, "#images-status").text == "1 to 25 of 30 images"
    assert not find(page, "#images-back").is_enabled()
    page.execute_script("arguments[0].click()", find(page, "#images-on"))
    assert len(rows_of_images(page)) == 5
    assert not find(page, "#images-on").is_enabled()


def test_images_change_with_what_is_asked_for(page):
    choose(page, "images-what", "PSNR")
    choose(page, "images-qf", "20")
    choose(page, "images-as", "value")
    find(page, "#images-search").send_keys("E-005")
    (row,) = rows_of_images(page)
    names = texts(page, "#images-table thead button")

    assert find(page, "#images-caption").text == "PSNR (dB), QF 20"
    assert row[0] == "image-005"
    assert row[names.index("bpp")] == "0.405"
    assert row[names.index("fbcnn")] == "∞"
    arcnn, jpeg = (float(row[names.index(name)]) for name in ("arcnn", "jpeg"))
    assert 0 < arcnn - jpeg < 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(page, scheme):
    pytest.importorskip("axe_selenium_python")
    from axe_selenium_python import Axe

    screen(page, scheme=scheme)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    axe = Axe(page)
    axe.inject()
    found = axe.run()

    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    assert len(found["passes"]) > 20


def test_it_fits_a_phone(page):
    screen(page, 360, 740)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    time.sleep(0.2)
    wide, inner = page.execute_script(
        "return [document.documentElement.scrollWidth, window.innerWidth]"
    )
    table = page.execute_script(
        "const s = document.querySelector('#table-0').parentElement;"
        "return [s.scrollWidth > s.clientWidth, s.tabIndex]"
    )

    assert wide <= inner == 360
    assert table == [True, 0]  # it scrolls inside its own box, by keyboard too


def test_tab_leads_first_past_the_contents(page):
    press(find(page, "body"), "TAB")
    skip = page.switch_to.active_element
    assert skip.text == "Skip to the results"
    press(skip, "ENTER")
    assert page.execute_script("return document.activeElement.id") == "main"


def test_headings_are_in_order(page):
    script = "return [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => Number(h.tagName[1]))"
    levels = page.execute_script(script)

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_it_can_be_read_without_javascript(browser, file):
    screen(browser)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(file.as_uri())
        assert find(browser, "#table-0").is_displayed()
        assert "needs JavaScript" in find(browser, "#images noscript").text
        shown = browser.find_elements("css selector", ".panel img:not(.overlay)")
        assert len([image for image in shown if image.is_displayed()]) == 8
        assert not find(browser, ".viewer").is_displayed()
        assert not find(browser, "#tables form").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

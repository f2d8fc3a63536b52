"""The page in a real browser: Debian's chromium, without a window."""

import html
import re
import shutil
import subprocess

import pytest

from objrec.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here; install it with: apt-get install chromium"
)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture
def opened(tmp_path):
    """Open a page and return what the browser made of it, and what it complained about."""

    def open_page(path, *flags):
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *flags]
        command += ["--enable-logging=stderr", "--dump-dom", path.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return open_page


@pytest.fixture
def report(make_evaluation, tmp_path):
    path = tmp_path / "report.html"
    evaluation = make_evaluation(
        source="a_rather_long_folder_name/with_another_inside/" * 3 + "{}.png",
        provenance={"command": "objrec evaluate " + "very/" * 40 + "deep"},
    )
    write_report(evaluation, path)
    return path


def test_the_page_opens_complete_and_without_complaint(report, opened):
    page, complaints = opened(report)
    assert complaints == []
    headline = re.search(r'<p class="summary">(.*?)</p>', page, re.DOTALL).group(1)
    assert "of 288 images of 12 objects in 3 categories the wrong" in headline
    assert page.count("<svg ") == 3
    assert page.rstrip().endswith("</html>") and 'id="measured"' in page


def test_nothing_is_fetched_from_the_network(report, opened):
    page, _ = opened(report)
    addresses = re.findall(r"\b(?:src|href|srcset|action|data)\s*=\s*[\"']([^\"']*)", page)
    assert addresses and all(address.startswith("#") for address in addresses)


@pytest.mark.parametrize("width", [390, 1400])
def test_the_page_never_scrolls_sideways(report, opened, tmp_path, width):
    frame = tmp_path / "frame.html"
    inside = html.escape(report.read_text(encoding="utf-8"), quote=True)
    frame.write_text(
        f'<iframe id="page" style="width:{width}px;height:800px;border:0" '
        f'srcdoc="{inside}"></iframe>'
        "<script>page.onload = () => { const root = page.contentDocument.documentElement;"
        "document.title = `${root.clientWidth} ${root.scrollWidth}`; }</script>",
        encoding="utf-8",
    )
    page, _ = opened(frame, "--window-size=1600,900")
    shown, needed = map(int, re.search(r"<title>(\d+) (\d+)</title>", page).groups())
    assert width - 20 <= shown <= width
    assert needed <= shown

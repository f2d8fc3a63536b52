"""Picture the report of the shipped model for README.md: its top, and one failure close by.

    python scripts/report_picture.py

Needs Debian's chromium and the development extra. What it shows is the page that
`objrec evaluate data/toys --out out/report-picture` writes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright

from objrec.cli.main import main as objrec

OUT = Path("out/report-picture")
PICTURE = Path(__file__).parent.parent / "docs" / "figures" / "report.png"
SIZE = {"width": 980, "height": 1010}


def main() -> None:
    """Evaluate, open the page, and put two views of it side by side."""
    if objrec(["evaluate", "data/toys", "--out", str(OUT), "--force"]):
        raise SystemExit("the evaluation failed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport=SIZE)
        page.goto((OUT / "report.html").absolute().as_uri())
        top = _seen(page)
        page.locator("#failures h2").scroll_into_view_if_needed()
        page.locator("#failures button.open").first.click()
        closer = _seen(page)
        browser.close()
    gap = np.full((top.shape[0], 12, 3), 255, np.uint8)
    cv2.imwrite(str(PICTURE), np.hstack([top, gap, closer]), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _seen(page: Page) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)


if __name__ == "__main__":
    main()

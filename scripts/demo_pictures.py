"""Picture one figure of every demonstration's page for docs/demos.md.

    python scripts/demo_pictures.py [--work out/demos]

Needs the pages that `python scripts/demos.py` leaves in --work, Debian's chromium and the
development extra.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from objrec.demos import NAMES

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
SIZE = {"width": 900, "height": 900}


def main() -> None:
    """Take the first figure to leaf through of each page, as it is at the end of training."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("out/demos"))
    work = parser.parse_args().work
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium)
        # Without script the last frame is shown, and no controls.
        page = browser.new_context(viewport=SIZE, java_script_enabled=False).new_page()
        for name in NAMES:
            page.goto((work / f"{name}.html").absolute().as_uri())
            shown = page.locator(".player .frame:not([hidden])").first
            shown.screenshot(path=FIGURES / f"demo-{name}.png")
        browser.close()


if __name__ == "__main__":
    main()

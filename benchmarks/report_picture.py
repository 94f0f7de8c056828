"""The picture of the report in the README: `make demo`, then `python -m benchmarks.report_picture`.

It needs Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

from perpkit.ops.demo import CHECKOUT, PAGE

PICTURE = CHECKOUT / "docs" / "report.png"
SIZE = "1180,1510"


def main() -> None:
    browser = shutil.which("chromium")
    if browser is None or not PAGE.is_file():
        sys.exit(f"needs chromium, and {PAGE}, which make demo writes")
    given = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    given += [f"--window-size={SIZE}", "--virtual-time-budget=8000", f"--screenshot={PICTURE}"]
    command = [browser, *given, PAGE.as_uri()]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    print(PICTURE)


if __name__ == "__main__":
    main()

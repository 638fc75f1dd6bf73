"""Write docs/reference/checkers.md, or compare it: `python -m tests.checkers [--write]`."""

import sys

from tests.checkers.matrix import PAGE, page

if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != page():
        sys.exit(f"{PAGE}: out of date; run `python -m tests.checkers --write`")

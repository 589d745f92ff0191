"""Opening the page in the user's browser."""

from __future__ import annotations

import atexit
import contextlib
import html
import os
import sys
import tempfile
import threading
import webbrowser
from pathlib import Path

_PAGE = '<!doctype html><meta http-equiv="refresh" content="0;url={address}"><title>cmr</title>\n'


def opened(address: str) -> None:
    """Open an address in a browser, if this is a desktop; otherwise nothing happens.

    Other users see the arguments of programs, so the browser is given a file that only this user
    can read, and that leads to the address.
    """
    desktop = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if not desktop:
        # In a terminal, a browser of text would take the screen.
        return
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(suffix=".html", prefix="cmr-explore-")
        path = Path(name)
        atexit.register(path.unlink, missing_ok=True)
        with os.fdopen(handle, "w") as file:
            file.write(_PAGE.format(address=html.escape(address)))
        # Some browsers keep whoever starts them waiting.
        threading.Thread(target=_open, args=(path.as_uri(),), daemon=True).start()


def _open(address: str) -> None:
    with contextlib.suppress(webbrowser.Error, OSError):
        webbrowser.open(address)

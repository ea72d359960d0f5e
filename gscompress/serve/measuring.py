"""PSNR between two files, measured by another process while a page is open already."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from ..evaluate.compare import DEFAULT_VIEWS

PACKAGE_PLACE = Path(__file__).parents[2]
"""Where the process starts, so that it imports this package and nothing of the same name in the user's folder."""
INTERRUPTED = (130, -signal.SIGINT)
"""Exit codes of a process that a terminal's Ctrl-C ended together with this one."""


class Measuring:
    """Runs `gscompress compare` beside the server.

    A process of its own can be ended at any moment; a thread inside the compiled rasteriser takes the whole program down with it
    where the interpreter ends first.

    Args:
        reference, other: files or folders of scenes.
        cameras: file of the views; None for made-up ones.
        count: how many cameras that file has, of which at most 12 are looked through.
        failed: called with the reason if there is no number to be had.

    Attributes:
        psnr: dB; None until it is known, and where the scenes are equal.
        pending: it is being measured.
    """

    def __init__(self, reference: Path, other: Path, cameras: Path | None, count: int, failed: Callable[[str], None]):
        # Absolute for the other folder that it starts in, and so that no name is taken for a flag.
        command = [sys.executable, "-m", "gscompress", "compare", str(reference.absolute()), str(other.absolute()), "--metrics", "psnr", "--json", "--quiet"]
        if cameras is not None and count:
            command += ["--cameras", str(cameras.absolute()), "--views", str(min(count, DEFAULT_VIEWS))]
        self.psnr: float | None = None
        self.pending = True
        self._failed, self._stopped = failed, False
        self._process = subprocess.Popen(
            command, cwd=PACKAGE_PLACE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        out, err = self._process.communicate()
        if self._process.returncode == 0:
            self.psnr = json.loads(out)["psnr"]
        elif not self._stopped and self._process.returncode not in INTERRUPTED:
            lines = err.strip().splitlines() or [f"exit code {self._process.returncode}"]
            self._failed(f"PSNR was not measured: {lines[-1].removeprefix('gscompress: error: ')}")
        self.pending = False

    def stop(self) -> None:
        """Ends it, finished or not."""
        self._stopped = True
        self._process.kill()
        self._thread.join()

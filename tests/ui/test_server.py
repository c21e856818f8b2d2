"""The UI as a process."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.ui.installation import free_port, wait_until_ready
from websockets.sync.client import connect as open_websocket


def test_the_ui_ends_soon_after_sigterm_though_a_browser_is_connected(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "ui.log"
    with log.open("wb") as file:
        # Where no API is: the UI starts all the same, and says so on its pages.
        arguments = ["ui", "--port", str(port), "--api-url", "http://127.0.0.1:9"]
        process = subprocess.Popen([sys.executable, "-m", "bugflow", *arguments], stdout=file, stderr=file)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/_stcore/health", process, log)
        with open_websocket(f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=["streamlit"]):  # type: ignore[list-item]
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()

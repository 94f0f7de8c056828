"""A page in real headless Chromium, over its DevTools protocol: what it logs and asks for."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
_STARTS = 30.0  # s


def chromium() -> str | None:
    """Path of the browser; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """
    :ivar logged: errors of scripts, and warnings and errors of the console
    :ivar asked: addresses that were asked for, but the page's own
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.logged: list[str] = []
        self.asked: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=120))
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer.get("result")
            self._noticed(answer)

    def _noticed(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.logged.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.logged.append(str(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.logged.append(str(params["entry"]))
            case "Network.requestWillBeSent":
                self.asked.append(params["request"]["url"])

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def show(self, path: Path, size: str = "desktop", dark: bool = False) -> None:
        """Opens a file, and returns when its charts are drawn."""
        self.look(size, dark)
        self.call("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + 60
        while not self.run("document.documentElement?.dataset.drawn === 'true'"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the charts were not drawn: {self.logged}")
        self.asked = [url for url in self.asked if url != path.as_uri()]

    def look(self, size: str, dark: bool) -> None:
        width, height = SIZES[size]
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=size == "phone",
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def key(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, text=key if len(key) == 1 else ""
            )

    def screenshot(self, path: Path, most: int = 20_000) -> None:
        """The whole page, or as much of it as is that high."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], most)}
        taken = self.call(
            "Page.captureScreenshot", captureBeyondViewport=True, clip={**clip, "scale": 1}
        )
        path.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def opened() -> Iterator[Page]:
    """A blank page of a browser that ends with the block."""
    browser = chromium()
    if browser is None:
        raise FileNotFoundError("there is no Chromium")
    with tempfile.TemporaryDirectory() as profile:
        process = subprocess.Popen(
            [
                browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update",
                "--disable-dev-shm-usage", "--remote-debugging-port=0",
                f"--user-data-dir={profile}", "about:blank",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port = _port(Path(profile) / "DevToolsActivePort", process)
            with httpx.Client(trust_env=False) as client:
                targets = client.get(f"http://127.0.0.1:{port}/json/list").json()
            url = next(each["webSocketDebuggerUrl"] for each in targets if each["type"] == "page")
            with connect(url, max_size=2**28, proxy=None) as socket:
                yield Page(socket)
        finally:
            process.terminate()
            process.wait(timeout=20)


def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + _STARTS
    while time.monotonic() < deadline and process.poll() is None:
        if file.is_file() and (lines := file.read_text().split()):
            return int(lines[0])
        time.sleep(0.05)
    raise TimeoutError("Chromium did not start")

"""The page of a server that asks for a token."""

import re
import subprocess
import sys

import pytest


def test_a_server_that_asks_for_a_token(visit, browser, tmp_path):
    pytest.importorskip("starlette", reason="the extra web is not installed")
    (tmp_path / "token").write_text("secret")
    command = [sys.executable, "-m", "darklift", "web", "--port", "0", "--token-file", str(tmp_path / "token")]
    with subprocess.Popen([*command, "--model", "nano"], stderr=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"http://[\d.]+:\d+/", server.stderr.readline())[0]
            assert visit(f"{address}#token=secret").url == address
            page = browser.new_context(locale="en-GB").new_page()
            page.goto(address)
            assert page.locator("[role=alert] p").inner_text().startswith("This server asks for a token. Put #token=")
            page.context.close()
        finally:
            server.terminate()
            server.communicate(timeout=60)

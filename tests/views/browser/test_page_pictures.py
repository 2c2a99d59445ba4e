"""Pictures of the page, for people to look at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from docs.views_pictures import VIEWS, View, take

#: Set to a folder, it keeps the pictures.
PICTURES = "VIEWS_PICTURES"


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_picture_is_taken(chromium: Browser, address: str, view: View, tmp_path: Path) -> None:
    folder = Path(os.environ.get(PICTURES, tmp_path))
    picture = take(chromium, address, view, folder).read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    width = int.from_bytes(picture[16:20], "big")
    assert width == view.width * (1 if view.width > 600 else 2)

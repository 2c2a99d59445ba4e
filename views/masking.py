"""Salted hashes in the place of ids, where FRAUDSTREAM_MASK_IDS asks for them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.settings import Settings
from views.counts import DeviceCounts
from views.store import Record

#: Fields of messages that name a person, a device or an address.
IDS = ("user_id", "device_id", "ip_address")
_SHOWN = 16


class Masking:
    """Hides ids, or leaves them as they are.

    The same id is always hidden alike under one salt (HMAC-SHA-256, RFC 2104); without a salt in
    the settings, one is drawn that lasts as long as the process.

    Args:
        settings: whether to, and the salt.
    """

    def __init__(self, settings: Settings) -> None:
        self.on = settings.mask_ids
        self._salt = settings.mask_salt.get_secret_value().encode() or secrets.token_bytes(32)

    def id(self, text: str | None) -> str | None:
        """What is shown for an id."""
        if not self.on or text is None:
            return text
        return hmac.new(self._salt, text.encode(), hashlib.sha256).hexdigest()[:_SHOWN]

    def message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """An alert or an event with its ids hidden."""
        if not self.on:
            return dict(message)
        return {name: self.id(value) if name in IDS else value for name, value in message.items()}

    def device(self, device: DeviceCounts) -> DeviceCounts:
        """A device with its id hidden."""
        return replace(device, device_id=self.id(device.device_id) or "")

    def record(self, record: Record) -> Record:
        """A record with its ids hidden."""
        return replace(record, user_id=self.id(record.user_id), device_id=self.id(record.device_id))

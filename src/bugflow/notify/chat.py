"""Chats and web hooks, through Apprise."""

import logging
import re
import threading
from typing import Any, cast

from bugflow.domain.channels import ChannelKind
from bugflow.errors import Undelivered
from bugflow.notify.addresses import open_plugin
from bugflow.notify.messages import Message, without_commands

_STATUS = re.compile(r"error=(\d{3})\b")


def post(address: str, kind: ChannelKind, message: Message) -> None:
    """Send a message to a chat or a web hook.

    A web hook gets the message's key as `id` and as `Idempotency-Key`, and the events as data beside the text.

    Raises:
        Undelivered: It was not taken; says why.
    """
    plugin, body_format = cast("Any", open_plugin(address)), "text"
    if kind is ChannelKind.WEBHOOK:
        plugin.headers["Idempotency-Key"] = message.key
        plugin.payload_extras = {"id": message.key, "events": events_of(message), "attachments": ""}
        title, body = message.subject, message.text()
    else:
        title = without_commands(message.subject)
        body = without_commands(message.text(max_characters=int(plugin.body_maxlen * 0.9) - len(title)))
    if kind is ChannelKind.TEAMS:  # reads Markdown; what Apprise makes of text has a backslash in each link
        body, body_format = body.replace("\n", "\n\n"), "markdown"
    heard = _Heard()
    logger = logging.getLogger("apprise")
    logger.addHandler(heard)
    try:
        taken = plugin.notify(title=title, body=body, body_format=body_format)
    finally:
        logger.removeHandler(heard)
    if not taken:
        status = heard.status
        raise Undelivered(reason=f"it answered {status}." if status else "it cannot be reached or does not answer.")


def events_of(message: Message) -> list[dict[str, object]]:
    return [
        {
            "kind": event.kind,
            "bug_id": event.bug_id,
            "title": event.title,
            "said": event.said,
            "url": event.url,
            "at": event.at.isoformat(),
        }
        for event in message.events
    ]


class _Heard(logging.Handler):
    """The HTTP status in what Apprise logs in this thread; it tells its caller only yes or no."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.status: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        found = _STATUS.search(record.getMessage()) if record.thread == self.thread else None
        self.status = found[1] if found else self.status

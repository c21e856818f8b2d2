"""How one installation reaches people outside of it."""

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

from bugflow.domain.channels import ChannelKind
from bugflow.errors import BugFlowError, Undelivered
from bugflow.notify.addresses import Address, read_address
from bugflow.notify.chat import post
from bugflow.notify.guard import PrivateReceiver, public_only
from bugflow.notify.mail import send_mail
from bugflow.notify.messages import Message

LONGEST_SECONDS = 30.0
"""All of one attempt. The parts have time-outs of 4 and 10 s, but a receiver could answer byte by byte."""


@dataclass(frozen=True, slots=True)
class Notifier:
    """What is needed to send.

    Attributes:
        mail_server: `mailto://…` or `mailtos://…`; empty where there is none.
        allow_private: Whether addresses that people give may lie in private networks.
        pages_url: Where the pages are, for links; may be empty.
        daily_hour: When daily digests go out, in UTC.
    """

    mail_server: str = field(default="", repr=False)
    allow_private: bool = False
    pages_url: str = ""
    daily_hour: int = 6

    def read_address(self, text: str) -> Address:
        """Understand an address.

        Raises:
            RefusedAddress: It is not taken; says why.
        """
        return read_address(text, has_mail_server=bool(self.mail_server), allow_private=self.allow_private)

    def send(self, address: str, kind: ChannelKind, message: Message) -> None:
        """Send a message; when this returns, the receiver has taken it.

        Raises:
            Undelivered: It has not, or not within `LONGEST_SECONDS`; says why.
        """
        if "://" not in address:
            if not self.mail_server:
                raise Undelivered(reason="BugFlow has no mail server any more (BUGFLOW_SMTP_URL).")
            # The server is the choice of whoever runs BugFlow, who may well have it in their own network.
            _within_time(lambda: send_mail(self.mail_server, message, to=address))
            return

        def send() -> None:
            with nullcontext() if self.allow_private else public_only():
                send_mail(address, message) if kind is ChannelKind.EMAIL else post(address, kind, message)

        _within_time(send)


def _within_time(send: Callable[[], None]) -> None:
    """Run it in a thread of its own, and leave it there when it takes too long."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            send()
        except BaseException as error:  # noqa: BLE001 - told to the caller, who waits for it
            problems.append(error)

    thread = threading.Thread(target=run, name="bugflow-send", daemon=True)
    thread.start()
    thread.join(LONGEST_SECONDS)
    if thread.is_alive():
        raise Undelivered(reason=f"it took longer than {LONGEST_SECONDS:.0f} s.")
    if not problems:
        return
    if isinstance(problems[0], PrivateReceiver):
        raise Undelivered(reason="its address lies in a private network, which is not allowed here.") from problems[0]
    if isinstance(problems[0], Undelivered):
        raise problems[0]
    if isinstance(problems[0], BugFlowError):
        raise Undelivered(reason=str(problems[0])) from problems[0]
    raise Undelivered(reason=f"sending failed ({type(problems[0]).__name__}).") from problems[0]

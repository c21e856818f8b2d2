"""Mail: Apprise reads the address of the server, the standard library sends.

Apprise (2.2) gives each attempt a new Message-ID, by which no mail program can tell that it has the message already.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime
from typing import TYPE_CHECKING, cast

from bugflow.errors import Undelivered
from bugflow.notify.addresses import open_plugin
from bugflow.notify.messages import Message

if TYPE_CHECKING:
    from apprise.plugins.email import NotifyEmail

TIMEOUT_SECONDS = 10.0  # for each answer of the server


def send_mail(server_url: str, message: Message, *, to: str | None = None) -> None:
    """Hand a message over to a mail server.

    Args:
        server_url: The server as `mailto://…` or `mailtos://…`.
        to: The receiver; None for the one that the URL names.

    Raises:
        Undelivered: The server did not take it; says why.
    """
    server = cast("NotifyEmail", open_plugin(server_url))
    receiver = to or server.targets[0][1]
    mail = compose(message, sender=(str(server.from_addr[0] or "BugFlow"), str(server.from_addr[1])), to=receiver)
    try:
        with _connected(server) as smtp:
            smtp.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        ((code, said),) = error.recipients.values()
        raise Undelivered(reason=_answered(code, said)) from error
    except smtplib.SMTPResponseException as error:
        raise Undelivered(reason=_answered(error.smtp_code, error.smtp_error)) from error
    except ssl.SSLError as error:
        raise Undelivered(reason="the mail server's certificate or encryption is not good.") from error
    except TimeoutError as error:
        raise Undelivered(reason="the mail server does not answer in time.") from error
    except (OSError, smtplib.SMTPException) as error:
        raise Undelivered(reason="the mail server cannot be reached.") from error


def compose(message: Message, *, sender: tuple[str, str], to: str) -> EmailMessage:
    """The mail, as text and as HTML. Headers refuse line breaks by themselves."""
    name, address = sender
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = message.subject
    mail["From"] = MailAddress(name, addr_spec=address)
    mail["To"] = MailAddress(addr_spec=to)
    mail["Date"] = localtime()
    mail["Message-ID"] = f"<{message.key}@{address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: an absence note must not answer
    mail.set_content(message.text())
    mail.add_alternative(message.html(), subtype="html")
    return mail


@contextmanager
def _connected(server: "NotifyEmail") -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    place = (server.smtp_host, int(server.port or 0))
    smtp = (
        smtplib.SMTP_SSL(*place, timeout=TIMEOUT_SECONDS, context=context)
        if server.secure_mode == "ssl"
        else smtplib.SMTP(*place, timeout=TIMEOUT_SECONDS)
    )
    try:
        if server.secure_mode == "starttls":
            smtp.starttls(context=context)
        if server.user and server.password:
            smtp.login(server.user, server.password)
        yield smtp
        with suppress(OSError, smtplib.SMTPException):  # it has taken the message; how it says goodbye does not count
            smtp.quit()
    finally:
        smtp.close()


def _answered(code: int, said: bytes | str) -> str:
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"the mail server answered {code} {' '.join(words.split())[:200]}"

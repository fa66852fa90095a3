"""Hooks over the network: webhook and mail, to hosts that the environment allows."""

from __future__ import annotations

import http.client
import os
import signal
import smtplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from workbench.core.addresses import read_address
from workbench.run.hooks.hosts import HOSTS_VARIABLE, is_allowed, is_loopback
from workbench.run.hooks.programs import HookFailed

if TYPE_CHECKING:
    from workbench.core.params.hooks import MailParams

__all__ = ["PASSWORD_VARIABLE", "post_message", "send_mail"]

PASSWORD_VARIABLE = "WORKBENCH_SMTP_PASSWORD"
_OK = range(200, 300)
_SCHEMES = ("http", "https")


def post_message(address: str, message: str, *, seconds: float) -> str:
    """Post a message as JSON; redirects are not followed.

    Parameters
    ----------
    address : str
        A web address, or ``env:NAME`` of the variable that holds it.
    message : str
    seconds : float
        Time limit of the whole request.

    Returns
    -------
    str
        The HTTP status of the response.

    Raises
    ------
    HookFailed
        The host is not allowed or does not respond with 2xx.
    """
    if address.startswith("env:"):
        address = os.environ.get(name := address.removeprefix("env:"), "")
        if not address:
            raise HookFailed(f"the variable {name} is not set")
    parts = read_address(address)
    if parts is None or parts.scheme not in _SCHEMES:
        raise HookFailed("the address is no web address")
    encrypted = parts.scheme == "https"
    _check_allowed(parts.host, parts.port, encrypted=encrypted)
    kind = http.client.HTTPSConnection if encrypted else http.client.HTTPConnection
    connection = kind(parts.host, parts.port, timeout=seconds)
    try:
        with _within(seconds):
            headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "customer-portrait-workbench"}
            connection.request("POST", parts.path, message.encode(), headers)
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise HookFailed(f"no answer: {_fault(error)}") from None
    finally:
        connection.close()
    if status not in _OK:
        raise HookFailed(f"answered {status}")
    return f"answered {status}"


def send_mail(mail: MailParams, subject: str, text: str, *, seconds: float) -> str:
    """Send a mail; the password comes from ``WORKBENCH_SMTP_PASSWORD``.

    Parameters
    ----------
    mail : MailParams
    subject, text : str
    seconds : float
        Time limit of the whole delivery.

    Raises
    ------
    HookFailed
        The host is not allowed, the password is absent, or the server refuses.
    """
    encrypted = mail.security != "none"
    _check_allowed(mail.host, mail.port, encrypted=encrypted)
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if mail.user and not password:
        raise HookFailed(f"the variable {PASSWORD_VARIABLE} is not set")
    if mail.user and not encrypted and not is_loopback(mail.host):
        raise HookFailed("a password is not sent without encryption; set security to starttls or tls")
    letter = EmailMessage()
    letter["Subject"], letter["From"], letter["To"] = subject, mail.sender, ", ".join(mail.to)
    letter.set_content(text)
    try:
        with _within(seconds), _connected(mail, seconds) as server:
            if mail.user:
                server.login(mail.user, password)
            refused = server.send_message(letter)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise HookFailed(f"not sent: {_fault(error)}") from None
    if refused:
        raise HookFailed(f"{len(refused)} of {len(mail.to)} receivers were refused")
    return f"sent to {len(mail.to)}"


@contextmanager
def _connected(mail: MailParams, seconds: float) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if mail.security == "tls":
        server = smtplib.SMTP_SSL(mail.host, mail.port, timeout=seconds, context=context)
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=seconds)
    with server:
        if mail.security == "starttls":
            server.starttls(context=context)
        yield server


def _check_allowed(host: str, port: int, *, encrypted: bool) -> None:
    if not is_allowed(host, port, encrypted=encrypted):
        plain = "" if encrypted else " without encryption"
        raise HookFailed(f"host {host}:{port} is not allowed{plain} by {HOSTS_VARIABLE}")


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Interrupt the block after some seconds; a socket timeout limits single responses, not the whole exchange."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: Any) -> None:
        raise TimeoutError(f"took longer than {seconds:g} s")

    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _fault(error: BaseException) -> str:
    """Describe an error by its type only, since the response of a server may quote the message."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}"
    if isinstance(error, TimeoutError):
        return str(error) or "timed out"
    return str(error.strerror or type(error).__name__) if isinstance(error, OSError) else type(error).__name__

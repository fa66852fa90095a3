"""Notifications at the end of a run: commands, files, webhooks and mails."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import field_validator, model_validator

from workbench.core.addresses import read_address
from workbench.core.section import Section, parameter

__all__ = ["EVENTS", "HookParams", "HooksParams", "MailParams"]

EVENTS = ("on_done", "on_failure", "on_alert")
_VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_ADDRESS = re.compile(r"[^@\s<>,;\r\n]+@[^@\s<>,;\r\n]+")


class MailParams(Section):
    """A mail over SMTP; the password is in WORKBENCH_SMTP_PASSWORD."""

    host: str = parameter(..., en="Host of the mail server; allowed by WORKBENCH_HOOK_HOSTS", zh="邮件服务器")
    port: int = parameter(587, en="Its port", zh="端口", ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = parameter(
        "starttls", en="How the connection is secured", zh="加密方式"
    )
    user: str = parameter("", en="Name to log in with; empty: no login", zh="登录名；留空则不登录")
    sender: str = parameter(..., en="Address of the sender", zh="发件地址")
    to: list[str] = parameter(..., en="Addresses of the receivers", zh="收件地址", min_length=1, max_length=20)

    @field_validator("sender", "to")
    @classmethod
    def _addresses(cls, value: Any) -> Any:
        for address in [value] if isinstance(value, str) else value:
            if not _ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is not a mail address")
        return value


class HookParams(Section):
    """One receiver: exactly one of command, file, webhook and mail."""

    command: list[str] | None = parameter(
        None,
        en="A program and its arguments; gets the message as JSON on standard input",
        zh="命令及其参数；消息以 JSON 从标准输入传入",
    )
    file: str | None = parameter(
        None,
        en="A folder of the workspace; gets one JSON file for each message",
        zh="工作区内的文件夹；每条消息写一个 JSON 文件",
    )
    webhook: str | None = parameter(
        None, en="An address that gets the message as JSON, or env:NAME of a variable that holds it; "
        "its host is allowed by WORKBENCH_HOOK_HOSTS", zh="接收 JSON 的网址，或存放网址的环境变量 env:名称",
    )  # fmt: skip
    mail: MailParams | None = parameter(None, en="A mail over SMTP", zh="通过 SMTP 发送邮件")

    @field_validator("command", mode="before")
    @classmethod
    def _one_word(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("command")
    @classmethod
    def _names_a_program(cls, value: list[str] | None) -> list[str] | None:
        if value is not None and (not value or not value[0].strip() or any("\0" in word for word in value)):
            raise ValueError("expected a program and its arguments, such as [bin/notify, --quiet]")
        return value

    @field_validator("webhook")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is None or _VARIABLE.fullmatch(value):
            return value
        address = read_address(value)
        if address is None or address.scheme not in ("http", "https"):
            raise ValueError("expected https://host/path, or env:NAME")
        if address.signed_in:
            raise ValueError("a name or password in the address; put the address into a variable and write env:NAME")
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> HookParams:
        present = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(present) != 1:
            raise ValueError("expected exactly one of command, file, webhook and mail")
        return self

    @property
    def kind(self) -> str:
        """``command``, ``file``, ``webhook`` or ``mail``."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)


class HooksParams(Section):
    """Notifications at the end of a run, by event."""

    on_done: list[HookParams] = parameter([], en="After a run that succeeded", zh="运行成功后")
    on_failure: list[HookParams] = parameter([], en="After a run that failed or was refused", zh="运行失败或被拒绝后")
    on_alert: list[HookParams] = parameter(
        [], en="After a run whose 13_watch_changes raised alerts", zh="13_watch_changes 发出警报后"
    )

    @field_validator(*EVENTS, mode="before")
    @classmethod
    def _one_receiver(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    def of(self, event: str) -> list[HookParams]:
        """Return the receivers of an event."""
        return getattr(self, event)

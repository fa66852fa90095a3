"""The MLflow UI on loopback: shows tracked runs, accepts no uploads, and can require a password.

``create_app`` runs in the server's process and reads its settings from the variables of `server_environment`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Fault, ProfileError
from workbench.core.files import write_text

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["Refusing", "create_app", "server_environment", "set_up_users"]

USER = "workbench"
_AUTH = "WORKBENCH_UI_AUTH"
_REFUSED = ("upload-artifact", "mlflow-artifacts", "/assistant", "/gateway", "/jobs", "/mcp")  # in request paths
_CONFIG = """[mlflow]
default_permission = READ
database_uri = sqlite:///{users}
admin_username = {user}
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Refusing:
    """An ASGI application that responds 403 to all requests that would store files or run something.

    Parameters
    ----------
    app : callable
        Handles all other requests.
    """

    def __init__(self, app: App):
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] not in ("http", "websocket") or not any(part in scope["path"] for part in _REFUSED):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"The workbench serves what was tracked and takes nothing."})


def server_environment(workspace: Workspace, host: str, port: int, *, auth: bool) -> dict[str, str]:
    """Return the environment variables of the server's process: the store and the allowed host names.

    Parameters
    ----------
    workspace : Workspace
    host : str
        The address it listens at.
    port : int
    auth : bool
        Whether a password is required; call `set_up_users` first.
    """
    variables = {
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{workspace.tracking / 'mlflow.db'}",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": (workspace.tracking / "artifacts").as_uri(),
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"{host}:{port},localhost:{port}",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    if auth:
        variables |= {
            _AUTH: "1",
            "MLFLOW_AUTH_CONFIG_PATH": str(workspace.tracking / "auth" / "basic_auth.ini"),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
        }
    return variables


def set_up_users(workspace: Workspace) -> tuple[str, str]:
    """Replace the users of the UI in ``mlruns/auth`` (0600); return the name and password for this start.

    Raises
    ------
    ProfileError
        The extra ``auth`` is not installed.
    """
    if find_spec("flask_wtf") is None:
        remedy = "Install it: pip install 'customer-portrait-workbench[auth]'"
        raise ProfileError(Fault("--auth", "Flask-WTF is not installed", "The extra auth", remedy))
    folder, password = workspace.tracking / "auth", secrets.token_urlsafe(18)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    users = folder / "users.db"
    users.unlink(missing_ok=True)
    users.touch(mode=0o600)
    write_text(folder / "basic_auth.ini", _CONFIG.format(users=users, user=USER, password=password), mode=0o600)
    return USER, password


def create_app() -> App:
    """Return the application that the server runs."""
    if os.environ.get(_AUTH):
        from mlflow.server.auth import create_app as create_with_users  # noqa: PLC0415

        return Refusing(create_with_users())
    from mlflow.server.fastapi_app import app  # noqa: PLC0415

    return Refusing(app)

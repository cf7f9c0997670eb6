"""TensorBoard for this machine's own user: no page of another site reads what it shows.

python -m local.tensorboard_server --logdir FOLDER --port PORT

TensorBoard has no logins, and answers whatever name it is asked under (DNS rebinding).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from werkzeug import Request, Response
from werkzeug.sansio.utils import host_is_trusted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    WsgiApp: TypeAlias = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

HOSTS = ("localhost", "127.0.0.1")
_OWN_SITES = ("none", "same-origin")
_REFUSED = 403


def guarded(app: WsgiApp) -> WsgiApp:
    """Return an application that refuses other names, and other sites unless a link is followed.

    https://www.w3.org/TR/fetch-metadata/

    Args:
        app: the application behind it.
    """

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        site = request.headers.get("Sec-Fetch-Site", "none")
        follows_link = request.method == "GET" and request.headers.get("Sec-Fetch-Dest") == "document"
        if not host_is_trusted(environ.get("HTTP_HOST"), HOSTS):
            refusal = f"Host: expected one of {', '.join(HOSTS)}."
        elif site not in _OWN_SITES and not follows_link:
            refusal = f"Sec-Fetch-Site: expected {' or '.join(_OWN_SITES)}, received {site!r}."
        else:
            return app(environ, start_response)
        return Response(f"{refusal}\n", _REFUSED)(environ, start_response)

    return serve


def main() -> int:
    """Run TensorBoard with its own command line; returns the exit status."""
    from tensorboard import default, program

    class GuardedServer(program.WerkzeugServer):  # type: ignore[misc]
        """TensorBoard's server, behind the guard."""

        def __init__(self, wsgi_app: WsgiApp, flags: Any) -> None:
            super().__init__(guarded(wsgi_app), flags)

    board = program.TensorBoard(plugins=default.get_plugins(), server_class=GuardedServer)
    board.configure(sys.argv)
    return int(board.main() or 0)


if __name__ == "__main__":
    sys.exit(main())

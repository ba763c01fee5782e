"""``neptuner view``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view(
    folder: Annotated[Path, typer.Argument(metavar="STUDY_DIR", help="Directory that `neptuner study` made.")],
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Where to listen (default: 8642, or the next that is free).")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Show a study in the browser while it runs, or afterwards; Ctrl-C ends it.

    The page is for this machine alone, changes nothing, and asks nobody else for anything. For a study on another
    machine give the same command there, and here `ssh -L 8642:127.0.0.1:8642 MACHINE`.
    """
    import signal
    import webbrowser
    from contextlib import suppress

    from neptuner.live.server import make_server
    from neptuner.live.state import LiveStudy

    for number in (signal.SIGINT, signal.SIGTERM):  # a shell makes its background jobs deaf to the first
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt), make_server(LiveStudy(folder), port) as server:
        typer.echo(f"{folder} is shown at {server.address} (Ctrl-C ends it)")
        if open_browser:
            webbrowser.open(server.address)
        server.serve_forever()

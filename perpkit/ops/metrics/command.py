"""`perpkit metrics`: reads the options and starts the exporter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from perpkit.ops.bot_files import Userdir, errors
from perpkit.ops.stored import BadInputError
from perpkit.rehearsal.redirection import is_loopback

if TYPE_CHECKING:
    from perpkit.ops.metrics.collector import Bot

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=1, max=65_535, help="The port to listen on.")]
HOST, PORT = "127.0.0.1", 9742


def metrics(
    config: Annotated[
        list[str] | None,
        typer.Option(
            "--config",
            "-c",
            help="A bot's configuration, several files of one bot with commas; repeat it for "
            "several bots. Default: Freqtrade's.",
        ),
    ] = None,
    db_url: Annotated[
        list[str] | None,
        typer.Option("--db-url", help="The trade database of a bot; repeat it for several bots."),
    ] = None,
    userdir: Userdir = None,
    host: Host = HOST,
    port: Port = PORT,
) -> None:
    """Export what bots report in their state files to Prometheus, on /metrics.

    The files are read at each scrape. A bot that no longer writes is shown as such, without its
    earlier figures.
    """
    with errors():
        check_can_export()
        from perpkit.ops.metrics.bots import bots_of

        export(bots_of(config or [], db_url or [], userdir), host, port)


def check_can_export() -> None:
    """:raises BadInputError: if the extra `metrics` is not installed"""
    try:
        import prometheus_client  # noqa: F401
    except ModuleNotFoundError:
        raise BadInputError(
            "prometheus-client is missing: pip install 'perpkit[metrics]'"
        ) from None


def export(bots: Sequence[Bot], host: str, port: int) -> None:
    """Serves the figures of these bots until it is interrupted.

    :raises BadInputError: if the address is taken, or there is none such
    """
    from prometheus_client import start_http_server

    from perpkit.ops.metrics.collector import registry

    try:
        server, thread = start_http_server(port, host, registry=registry(bots))
    except (OSError, OverflowError) as error:
        raise BadInputError(f"--host and --port must be free, got {host}:{port}: {error}") from None
    for bot in bots:
        typer.echo(f"{bot.name}: {bot.state}")
    typer.echo(f"Metrics are at http://{host}:{port}/metrics")
    if not is_loopback(f"http://[{host}]" if ":" in host else f"http://{host}"):
        typer.echo("Whoever reaches this address sees the equity and the positions.")
    try:
        thread.join()
    except KeyboardInterrupt:
        server.shutdown()

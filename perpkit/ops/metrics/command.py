"""`perpkit metrics`: reads the options and starts the exporter."""

from __future__ import annotations

from typing import Annotated

import typer

from perpkit.ops.bot_files import Userdir, errors
from perpkit.ops.stored import BadInputError
from perpkit.rehearsal.redirection import is_loopback


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
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535)] = 9742,
) -> None:
    """Export what bots report in their state files to Prometheus, on /metrics.

    The files are read at each scrape. Of a bot that does not write, there is that it does not, and
    none of its earlier figures.
    """
    with errors():
        try:
            from prometheus_client import start_http_server
        except ModuleNotFoundError:
            raise BadInputError(
                "prometheus-client is missing: pip install 'perpkit[metrics]'"
            ) from None
        from perpkit.ops.metrics.bots import bots_of
        from perpkit.ops.metrics.collector import registry

        bots = bots_of(config or [], db_url or [], userdir)
        try:
            server, thread = start_http_server(port, host, registry=registry(bots))
        except (OSError, OverflowError) as error:
            raise BadInputError(
                f"--host and --port must be free, got {host}:{port}: {error}"
            ) from None
    for bot in bots:
        typer.echo(f"{bot.name}: {bot.state}")
    typer.echo(f"Metrics are at http://{host}:{port}/metrics")
    if not is_loopback(f"http://[{host}]" if ":" in host else f"http://{host}"):
        typer.echo("Whoever reaches this address sees the equity and the positions.")
    try:
        thread.join()
    except KeyboardInterrupt:
        server.shutdown()

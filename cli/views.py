"""``fraudstream views``: the HTTP API and the page, live or over a CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.csv_options import DateOrder, Rejects, Tz, require_packages
from cli.csv_reading import read_with_bar
from cli.step_bars import step_bars
from cli.stream_options import Namespace
from core.errors import ConfigError
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    from features.countries import CountryTable
    from features.csv_source import CsvData
    from views.predicting.predict import Predictor
    from views.store import Store

_PACKAGES = ("dash", "flask", "flask_compress", "flask_cors", "flask_limiter", "flask_openapi3",
             "plotly", "waitress")  # fmt: skip


def views(
    *,
    csv: Annotated[
        Path | None,
        typer.Option(help="Show this file instead of the stream; may be gzip."),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            help="ecommerce or banking.",
            show_default="FRAUDSTREAM_PROFILE; with --csv, what the header says",
        ),
    ] = None,
    namespace: Namespace = None,
    host: Annotated[
        str | None,
        typer.Option(help="IP address; off loopback only with a token.", show_default="127.0.0.1"),
    ] = None,
    port: Annotated[int | None, typer.Option(help="0 = a free one.", show_default="8050")] = None,
    tz: Tz = "UTC",
    date_order: DateOrder = "auto",
    rejects: Rejects = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the read model anew from the topics first.")
    ] = False,
    no_projector: Annotated[
        bool,
        typer.Option("--no-projector", help="Only serve: the read model is kept up elsewhere."),
    ] = False,
    projector_only: Annotated[
        bool, typer.Option("--projector-only", help="Only keep the read model up; serve nothing.")
    ] = False,
    member: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Serve the HTTP API and the page at / until stopped; Ctrl-C stops it.

    Live, the read model in Redis follows the topics of scores, alerts and labels. With --csv, a
    file is scored by the champion as the stream would and shown; neither Kafka nor Redis is needed,
    and without a model counts and labels still show.

    Examples:

        fraudstream views

        fraudstream views --csv Fraud_Data.csv --port 0
    """
    require_packages(_PACKAGES, "`fraudstream views`", "views")
    settings = load_settings(profile=profile, namespace=namespace, views_host=host, views_port=port)
    if csv is not None:
        if rebuild or no_projector or projector_only:
            raise ConfigError(
                "--csv shows a file and has no read model: leave out --rebuild, --no-projector "
                "and --projector-only"
            )
        _serve_file(csv, settings, profile, (tz, date_order, rejects))
        return
    from cli.views_live import project, serve_live

    if projector_only:
        raise typer.Exit(project(settings, rebuild=rebuild, member=member))
    serve_live(settings, rebuild=rebuild, with_projector=not no_projector)


def _serve_file(
    csv: Path, settings: Settings, profile: str | None, options: tuple[str, str, Path | None]
) -> None:
    from views.api.guard import check_exposure
    from views.serving.app import create_app
    from views.serving.server import serve

    check_exposure(settings)  # before a file is read for nothing
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    store, predictor, settings = _open_file(csv, settings, profile, options, console)
    app = create_app(store, settings, predictor)
    serve(app, settings, lambda address: typer.echo(f"{csv.name}: {address}"))


def _open_file(
    csv: Path,
    settings: Settings,
    profile: str | None,
    options: tuple[str, str, Path | None],
    console: Console,
) -> tuple[Store, Predictor | None, Settings]:
    from cli.views_file import shown_events
    from features.countries import load_country_table
    from views.file.frame import FrameStore

    tz, date_order, rejects = options
    with step_bars(console, transient=True) as bar:
        data = read_with_bar(bar, csv, profile, tz=tz, date_order=date_order, rejects=rejects)
        settings = settings.model_copy(update={"profile": data.batch.profile})
        countries = load_country_table(settings.ip_table)
        scoring = bar.add_task("scoring", total=len(data.batch))
        shown = shown_events(
            data,
            settings,
            countries,
            lambda done, total: bar.update(scoring, completed=done, total=total),
        )
        store = FrameStore(shown.events, shown.name)
        predictor = None if shown.note else _predictor(data, settings, countries)
    for note in (*data.report.warnings, *([f"no scores: {shown.note}"] if shown.note else [])):
        console.print(f"note: {note}", markup=False)
    return store, predictor, settings


def _predictor(data: CsvData, settings: Settings, countries: CountryTable) -> Predictor:
    from features.known import country_codes
    from stream.offline_scores import as_replayed
    from views.predicting.past import FilePast
    from views.predicting.predict import Predictor

    batch = data.batch.take(as_replayed(data.batch))
    predictor = Predictor(settings, countries, FilePast(batch, country_codes(batch, countries)))
    predictor.follow()
    return predictor

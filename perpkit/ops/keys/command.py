"""`perpkit keys`: check a bot's API key, keep it, replace it, and start the bot with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from perpkit.ops.bot_config import BotConfig, read_config
from perpkit.ops.bot_files import Config, Userdir, errors, fail
from perpkit.ops.keys import rotation
from perpkit.ops.keys.api_key import ApiKey, StoredKeys, fingerprint
from perpkit.ops.keys.audit import record
from perpkit.ops.keys.finding import KeyFinding, worst
from perpkit.ops.keys.findings import key_findings
from perpkit.ops.keys.opening import StoreKind, Where, given_key
from perpkit.ops.keys.running import named, refuse_hidden_key, replace_process
from perpkit.ops.keys.store import Store
from perpkit.ops.keys.verdict import ROTATE_AFTER_DAYS
from perpkit.ops.level import Level
from perpkit.ops.stored import BadInputError
from perpkit.record.latch import ACCOUNT

keys = typer.Typer(
    help="Check a bot's API key, keep it out of its configuration, replace it.",
    no_args_is_help=True,
)

_Account = Annotated[
    str, typer.Option("--account", help="A name of your choice; perpkit.account of the bot.")
]
_In = Annotated[
    StoreKind | None,
    typer.Option("--in", help="Where it is kept. Default: the file if there is one."),
]
_File = Annotated[
    Path | None,
    typer.Option("--file", help="An age file; default: perpkit/keys/ACCOUNT.age in the userdir."),
]
_PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="Of the age file, in its first line. Default: PERPKIT_KEYS_PASSPHRASE, or typed.",
    ),
]
_Stdin = Annotated[
    bool,
    typer.Option("--stdin", help="Read the key from the first line of stdin, the secret after it."),
]
_RotateAfter = Annotated[
    int,
    typer.Option("--rotate-after", min=1, max=36_500, help="Days after which a key is called old."),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON only.")]


@keys.command()
def check(
    config: Config = None,
    userdir: Userdir = None,
    stored: Annotated[
        bool, typer.Option("--stored", help="The stored key, not the configuration's.")
    ] = False,
    kept_in: _In = None,
    file: _File = None,
    passphrase_file: _PassphraseFile = None,
    rotate_after: _RotateAfter = ROTATE_AFTER_DAYS,
    as_json: _Json = False,
) -> None:
    """Ask the exchange what the key of a bot may do, and whether its account is as configured.

    It reads, and changes nothing. It exits with 1 when something is wrong; a warning alone is 0.
    """
    with errors():
        bot = read_config(config, userdir)
        where = Where(_account(bot), bot.user_data_dir, kept_in, file, passphrase_file)
        if stored:
            bot = _with_key(bot, _read(where.store()).current)
        findings = _checked(bot, where, "check", rotate_after)
    _show(bot, findings, as_json)
    if worst(findings) is Level.FAIL:
        raise typer.Exit(1)


@keys.command()
def store(
    account: _Account = ACCOUNT,
    userdir: Userdir = None,
    kept_in: _In = None,
    file: _File = None,
    passphrase_file: _PassphraseFile = None,
    stdin: _Stdin = False,
) -> None:
    """Keep a key in the system's keyring, or encrypted in a file.

    The key and its secret are typed, or come from stdin; as options, other users would see them.
    A key that is stored already is replaced by `perpkit keys rotate` alone.
    """
    with errors():
        where = _where(account, userdir, kept_in, file, passphrase_file)
        place = where.store(new=True)
        _refuse_key(place)
        key = given_key(stdin=stdin)
        _refuse_key(place)  # of another command, while this one was typed
        place.write(StoredKeys(key))
    _audit(where, "store", key)
    typer.echo(f"Key {key.fingerprint} is in {place.where}.")
    typer.echo("Check it with: perpkit keys check --stored")


@keys.command()
def rotate(
    config: Config = None,
    userdir: Userdir = None,
    kept_in: _In = None,
    file: _File = None,
    passphrase_file: _PassphraseFile = None,
    stdin: _Stdin = False,
    discard: Annotated[
        bool, typer.Option("--discard", help="Forget the new key of an unfinished rotation.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Replace the stored key by a new one, once the exchange has accepted that.

    The new key is stored beside the old one and checked. The old one is dropped when the new one is
    proved: a signed call, reading and futures allowed, no right to move money. Until then it exits
    with 1 and the old one stays in use; run it again after a correction.
    """
    with errors():
        bot = read_config(config, userdir)
        where = Where(_account(bot), bot.user_data_dir, kept_in, file, passphrase_file)
        place = where.store()
        found = _read(place)
        if discard:
            _discard(where, place, found)
            return
        begun, findings = _coming(bot, where, place, found, stdin)
    wrong = rotation.missing_proof(findings)
    old, new = begun.current, begun.coming
    assert new is not None
    _show(_with_key(bot, new), findings, as_json)
    if wrong:
        names = ", ".join(finding.check for finding in wrong)
        fail(f"the old key {old.fingerprint} stays in use, until the new one has: {names}", 1)
    with errors():
        rotation.finish(place, begun)
    _audit(where, "rotate", new, f"in place of {old.fingerprint}")
    typer.echo(f"Key {new.fingerprint} is in use; {old.fingerprint} is dropped.", err=True)
    typer.echo("Start the bot again, then delete the old key at the exchange.", err=True)


@keys.command(
    name="exec", context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True}
)
def execute(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="After --.")],
    account: _Account = ACCOUNT,
    userdir: Userdir = None,
    kept_in: _In = None,
    file: _File = None,
    passphrase_file: _PassphraseFile = None,
    rotate_after: _RotateAfter = ROTATE_AFTER_DAYS,
) -> None:
    """Start a command with the stored key: perpkit keys exec -- freqtrade trade -c config.json

    The key is in the environment of that command alone, which takes the place of this one.
    """
    with errors():
        where = _where(account, userdir, kept_in, file, passphrase_file)
        refuse_hidden_key(command)
        found = _read(where.store())
        key = found.current
        _remind(found, rotate_after)
        _audit(where, "exec", key, named(command))
        replace_process(command, key)


def _where(account: str, userdir: Path | None, *more: Any) -> Where:
    return Where(account, userdir or Path("user_data"), *more)


def _account(bot: BotConfig) -> str:
    return str((bot.config.get("perpkit") or {}).get("account", ACCOUNT))


def _read(place: Store) -> StoredKeys:
    found = place.read()
    if found is None:
        raise BadInputError(f"there is no key in {place.where}: perpkit keys store")
    return found


def _refuse_key(place: Store) -> None:
    if place.read() is not None:
        raise BadInputError(f"{place.where} has a key already: use perpkit keys rotate")


def _with_key(bot: BotConfig, key: ApiKey) -> BotConfig:
    """Returns the configuration with the key under the names that Freqtrade reads first."""
    own = {**(bot.config.get("exchange") or {}), "api_key": key.key, "secret": key.secret}
    return replace(bot, config={**bot.config, "exchange": own})


def _coming(
    bot: BotConfig, where: Where, place: Store, found: StoredKeys, stdin: bool
) -> tuple[StoredKeys, list[KeyFinding]]:
    """Begins a rotation, or resumes an unfinished one, and checks its new key."""
    if found.coming is None:
        found = rotation.begin(place, found, given_key(stdin=stdin))
        _audit(where, "rotate", found.coming, "stored beside the old one")
    else:
        if stdin:
            raise BadInputError(
                f"a rotation to {found.coming.fingerprint} is unfinished: run this without --stdin "
                "to go on with it, or with --discard to forget that key"
            )
        typer.echo(f"Going on with the rotation to {found.coming.fingerprint}.", err=True)
    assert found.coming is not None
    return found, _checked(_with_key(bot, found.coming), where, "check", ROTATE_AFTER_DAYS)


def _discard(where: Where, place: Store, found: StoredKeys) -> None:
    if found.coming is None:
        raise BadInputError("there is no unfinished rotation")
    rotation.discard(place, found)
    _audit(where, "discard", found.coming)
    typer.echo(f"Key {found.coming.fingerprint} is forgotten; {found.current.fingerprint} stays.")


def _checked(bot: BotConfig, where: Where, what: str, rotate_after: int) -> list[KeyFinding]:
    # ccxt takes a second to load.
    from perpkit.ops.exchange import exchange_client

    findings = key_findings(bot, exchange_client(bot.config), rotate_after_days=rotate_after)
    _note(record(where.log, what, _fingerprint(bot), worst(findings)))
    return findings


def _fingerprint(bot: BotConfig) -> str:
    own = bot.config["exchange"]
    return fingerprint(str(own.get("api_key") or own.get("apiKey") or own.get("key")))


def _audit(where: Where, what: str, key: ApiKey | None, note: str = "") -> None:
    _note(record(where.log, what, key.fingerprint if key else "", note))


def _note(trouble: str | None) -> None:
    if trouble:
        typer.echo(f"Warning: {trouble}", err=True)


def _remind(found: StoredKeys, rotate_after: int) -> None:
    if found.coming is not None:
        _note(f"a rotation to key {found.coming.fingerprint} is unfinished: perpkit keys rotate")
    age = datetime.now(UTC) - found.current.stored
    if age >= timedelta(days=rotate_after):
        _note(f"the key was stored {age.days} days ago: make a new one, then perpkit keys rotate")


def _show(bot: BotConfig, findings: list[KeyFinding], as_json: bool) -> None:
    if not as_json:
        typer.echo(f"Key {_fingerprint(bot)}, account {_account(bot)}")
        for line in _lines(findings):
            typer.echo(line)
        return
    shown = {
        "account": _account(bot),
        "key": _fingerprint(bot),
        "level": worst(findings),
        "findings": [asdict(finding) for finding in findings],
    }
    typer.echo(json.dumps(shown, indent=1))


def _lines(findings: Iterable[KeyFinding]) -> Iterable[str]:
    for finding in findings:
        yield f"{finding.level.upper():<8}{finding.check:<15}{finding.words}"
        if finding.fix:
            yield f"{'':<23}fix: {finding.fix}"

"""``fraudstream models``: versions that are kept, and what snapshots say of those at work."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from schemas.errors import ConfigError
from stream.cli.console import OK, emit_json, out, say
from stream.config.configuration import Config, load
from stream.features.grammar import nearest, quoted
from stream.model_registry.card import card_of
from stream.model_registry.folder import CARD, KeptModel, ModelFolder
from stream.model_registry.plots import plots_of
from stream.model_registry.standing import ModelsStanding, contender_in, manifest_of
from stream.models_at_work import standings
from stream.plurals import are, several
from stream.recovery.setup import configuration_digest


def folder_of(config: Config) -> ModelFolder:
    """Return the configured folder of models."""
    if not config.model.registry:
        raise ConfigError("model.registry is not set: name a folder in which models are kept")
    return ModelFolder(Path(config.model.registry), config.snapshot_key())


def list_models(path: Path | None, as_json: bool) -> int:
    """Show every version that is kept, and what the newest snapshot says of those at work."""
    config = load(path)
    rows = [_row(folder_of(config), each) for each in _kept(config)] if _has(config) else []
    working = [_working(name, standing) for name, _, standing in standings(config, required=False)]
    if as_json:
        emit_json({"kept": rows, "at_work": working})
        return OK
    _show_kept(rows)
    for state in working:
        _show_working(state)
    return OK


def show_model(name: str, path: Path | None, as_json: bool) -> int:
    """Show the manifest of a version, which is verified."""
    kept = _read(load(path), name)
    # A manifest is for machines; the card is for persons.
    emit_json({"version": str(kept.version), "path": str(kept.path), **kept.manifest})
    if not as_json:
        out.print(f"\nverified: all files of {kept.path} are what was written", markup=False)
    return OK


def card_model(name: str, path: Path | None, as_json: bool) -> int:
    """Show the card of a version, which is verified."""
    kept = _read(load(path), name)
    text = (kept.path / CARD).read_text("utf-8")
    pictures = sorted(map(str, kept.path.glob("*.svg")))
    if as_json:
        where = {"version": str(kept.version), "path": str(kept.path / CARD)}
        emit_json({**where, "pictures": pictures, "card": text})
    else:
        out.print(text, markup=False)
        say(f"pictures: {', '.join(pictures)}")
    return OK


def export_model(name: str, partition: int | None, path: Path | None, as_json: bool) -> int:
    """Keep a model of the newest snapshot as the next version of its name."""
    config = load(path)
    folder = folder_of(config)
    version = folder.next_version(name)
    states = standings(config)
    wanted = [each for each in states if partition is None or each[0] == str(partition)]
    if len(wanted) != 1:
        there = ", ".join(each[0] for each in states)
        raise ConfigError(f"every partition has its own models: say --partition, one of {there}")
    ((_, source, standing),) = wanted
    _require_name(name, standing)
    if source["configuration"] != configuration_digest(config, config.hash_key()):
        raise ConfigError(
            "the newest snapshot was taken with another configuration: export with that one"
        )
    contender = contender_in(config, standing, name)
    manifest: dict[str, Any] = {
        "name": version.name,
        "version": version.number,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "code_version": source["code_version"],
        **manifest_of(config, standing, name, contender, source),
    }
    texts = {CARD: card_of(manifest), **plots_of(manifest)}
    written = folder.write(version, manifest, contender.state(), texts)
    role = standing.role(name)
    folder.name(role, version)
    report = {"version": str(version), "path": str(written), "alias": role}
    if as_json:
        emit_json(report)
    else:
        out.print(f"kept: {version} in {written}, the {role}", markup=False)
    return OK


def import_model(source: Path, name: str, path: Path | None, as_json: bool) -> int:
    """Take a version from another folder of models."""
    version = folder_of(load(path)).take_in(source, name)
    key = f"model.challengers.{version.name}.start"
    if as_json:
        emit_json({"version": str(version), "key": key})
        return OK
    out.print(
        f"kept: {version}\nA running engine takes up no model: its challengers are what it was "
        "built of. Let it begin with this one at the next start:\n"
        f'  {key} = "{version}"\nand give that challenger the kind and the parameters that '
        f"`fraudstream models show {version}` names.",
        markup=False,
    )
    return OK


def _require_name(name: str, standing: ModelsStanding) -> None:
    if name not in standing.names:
        near = nearest(name, list(standing.names), "the list")
        raise ConfigError(f"no model at work is {quoted(name)}{near}")


def _has(config: Config) -> bool:
    return bool(config.model.registry)


def _kept(config: Config) -> list[KeptModel]:
    folder = folder_of(config)
    return [folder.read(version) for version in folder.versions()]


def _read(config: Config, name: str) -> KeptModel:
    folder = folder_of(config)
    return folder.read(folder.find(name))


def _row(folder: ModelFolder, kept: KeptModel) -> dict[str, Any]:
    manifest = kept.manifest
    aliases = [name for name, version in folder.aliases().items() if version == kept.version]
    metrics = manifest["metrics"]
    return {
        "version": str(kept.version),
        "aliases": aliases,
        "kind": manifest["kind"],
        "created": manifest["created"],
        "learned": manifest["learned"],
        "brier": metrics["brier"],
        "precision": metrics["precision"],
        "recall": metrics["recall"],
    }


def _working(partition: str, standing: ModelsStanding) -> dict[str, Any]:
    return {
        "partition": partition or None,
        "champion": standing.champion,
        "models": [
            {
                "name": name,
                "role": standing.role(name),
                "aside": standing.part(name).header.get("aside"),
                "recommendation": standing.recommendations[name].as_dict()
                if name in standing.recommendations
                else None,
            }
            for name in standing.names
        ],
        "reigns": [reign._asdict() for reign in standing.reigns],
    }


def _show_kept(rows: list[dict[str, Any]]) -> None:
    if not rows:
        out.print("no models are kept", markup=False)
        return
    table = Table(
        title=f"{several(len(rows), 'version')} {are(len(rows))} kept", title_justify="left"
    )
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    out.print(table)


def _show_working(state: dict[str, Any]) -> None:
    where = f" of partition {state['partition']}" if state["partition"] else ""
    table = Table(title=f"At work in the newest snapshot{where}", title_justify="left")
    for name in ("name", "role", "set aside", "gate"):
        table.add_column(name, overflow="fold")
    for each in state["models"]:
        recommendation = each["recommendation"]
        said = f"{recommendation['answer']}: {recommendation['why']}" if recommendation else ""
        table.add_row(each["name"], each["role"], ": ".join(each["aside"] or []), said)
    out.print(table)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(value) if isinstance(value, list) else str("" if value is None else value)

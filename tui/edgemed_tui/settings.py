"""The user's settings for the screen, in a small TOML file. Holds nothing about any patient."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from edgemed.errors import EdgemedError, InvalidFile
from edgemed.storage.bounded import read_bounded, toml_of
from edgemed.storage.listing import is_missing
from edgemed.storage.whole import private_folder, write_whole
from edgemed_tui.themes import NAMES


@dataclass(frozen=True, slots=True)
class Settings:
    """`clipboard` lets signed text be copied; `lock_minutes` 0 never locks; `keys`: id to keys.

    `templates`: how often each was drafted with.
    """

    theme: str = "dark"
    clipboard: bool = False
    lock_minutes: int = 10
    welcomed: bool = False
    keys: dict[str, str] = field(default_factory=dict)
    templates: dict[str, int] = field(default_factory=dict)


FORMER = {"name"}
"""Settings of earlier versions, which are ignored: who signs is asked every time."""


def settings_file() -> Path:
    """Where the settings are."""
    from platformdirs import user_config_path

    return user_config_path("edgemed", appauthor=False) / "screen.toml"


def load(path: Path) -> Settings:
    """The settings in `path`; the defaults if there is no file, InvalidFile if it is wrong."""
    try:
        table = toml_of(read_bounded(path, "file of settings").decode("utf-8"))
    except OSError as error:
        if is_missing(path.parent, error):
            return Settings()
        raise InvalidFile(
            f"{path} cannot be read: {error.strerror}", "check that it is a file that you may read"
        ) from error
    except ValueError as error:  # UTF-8, TOML, nesting
        raise InvalidFile(f"{path} is not TOML: {error}", "correct it, or remove it") from error
    table = {name: value for name, value in table.items() if name not in FORMER}
    faults = list(_faults(table))
    if faults:
        raise InvalidFile(f"{path}: {'; '.join(faults)}", "correct it, or remove it")
    return replace(Settings(), **table)


def save(path: Path, settings: Settings) -> None:
    """Write the settings, whole or not at all; EdgemedError if that cannot be done."""
    try:
        private_folder(path.parent)
        write_whole(path, as_toml(settings).encode())
    except OSError as error:
        raise EdgemedError(
            f"the settings cannot be kept in {path}: {error.strerror}",
            "they apply until you quit; free some disk space and choose them again",
        ) from error


def as_toml(settings: Settings) -> str:
    """The settings as TOML."""
    plain = [f for f in fields(settings) if f.name not in ("keys", "templates")]
    rows = [f"{f.name} = {_value(getattr(settings, f.name))}" for f in plain]
    keys = [f"{_value(name)} = {_value(keys)}" for name, keys in sorted(settings.keys.items())]
    used = [f"{_value(name)} = {count}" for name, count in sorted(settings.templates.items())]
    return "\n".join([*rows, "", "[templates]", *used, "", "[keys]", *keys]) + "\n"


def _value(value: str | bool | int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _faults(table: dict[str, object]) -> list[str]:
    """What is wrong with a settings table."""
    kinds = {f.name: type(getattr(Settings(), f.name)) for f in fields(Settings)}
    found = [f"{name!r} is not a setting" for name in table if name not in kinds]
    for name, kind in kinds.items():
        if name in table and type(table[name]) is not kind:
            found.append(f"{name!r} must be {kind.__name__}")
    if not found and table.get("theme", "dark") not in NAMES:
        found.append(f"theme must be one of {', '.join(NAMES)}")
    used = table.get("templates", {})
    if isinstance(used, dict) and not all(type(n) is int for n in used.values()):
        found.append("templates must be numbers of drafts, such as soap = 3")
    keys = table.get("keys", {})
    if isinstance(keys, dict) and not all(isinstance(v, str) for v in keys.values()):
        found.append('keys must be strings, such as "ctrl+g,f5"')
    return found

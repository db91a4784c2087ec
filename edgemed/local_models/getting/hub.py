"""A file of a Hugging Face repository, through the huggingface_hub library (extra `hub`)."""

import os
from pathlib import Path

from edgemed.errors import EdgemedError
from edgemed.local_models.getting.part import PartFile
from edgemed.local_models.getting.places import HubFile
from edgemed.storage.scratch import scratch_folder

PIECE = 1 << 20


def fetch(place: HubFile, part: PartFile) -> None:
    """Add the file. EdgemedError if the library is missing or the hub refuses."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise EdgemedError(
            "huggingface_hub is not installed",
            "pip install 'edgemed[hub]', or take the file from a stick",
        ) from error
    with scratch_folder(part.target.parent, "fetching") as scratch:
        try:
            found = hf_hub_download(place.repository, place.file, local_dir=scratch)
        except Exception as error:  # the library raises many types of its own
            kind = type(error).__name__
            raise EdgemedError(
                f"cannot fetch {place.file} of {place.repository} from the hub ({kind})",
                "run `hf auth login` if the model's page needs a login; "
                "or take the file from a stick",
            ) from error
        part.restart()
        with Path(found).open("rb") as file:
            part.add(iter(lambda: file.read(PIECE), b""))

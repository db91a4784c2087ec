"""Where the files of tasks are, and where results go."""

import argparse
from pathlib import Path

from edgemed.cli.evals.example_options import (
    refuse_shots,
)
from edgemed.errors import EdgemedError, UsageError
from edgemed.evals.shots import suffix_of
from edgemed.evals.tasks.task import Task, task_names
from edgemed.storage.whole import private_folder


def refuse_tasks(args: argparse.Namespace) -> None:
    """UsageError unless tasks and data are named."""
    if not args.tasks:
        raise UsageError("no task is named", f"give --tasks with one of {', '.join(task_names())}")
    if len({name.partition(":")[0] for name in args.tasks}) < len(args.tasks):
        raise UsageError("a task is named twice", "run its splits one after the other")
    refuse_shots(args)
    if args.data is not None and not args.data.is_dir():
        raise UsageError(f"there is no folder {args.data}", "name the folder with the files")


def data_folder() -> Path:
    """Where the files of tasks are looked for if no folder is named."""
    return user_folder() / "tasks"


def user_folder() -> Path:
    """The user's folder of edgemed's data."""
    from platformdirs import user_data_path

    return user_data_path("edgemed", appauthor=False)


def make_folder(folder: Path) -> None:
    """The folder of results, created if it is missing."""
    try:
        private_folder(folder)
    except OSError as error:
        raise EdgemedError(
            f"cannot create the folder {folder}: {error.strerror}", "name another with -o"
        ) from None


def file_in(folder: Path, task: Task) -> Path:
    """The file of a task's results; results with examples have a file of their own."""
    return folder / f"{task.name}.{task.split.name}{suffix_of(task)}.jsonl"

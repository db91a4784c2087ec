"""What llama.cpp itself does with a model file: loads it, refuses it, or ends the process.

One child imports llama_cpp, then forks for every file: an abort takes a grandchild only.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

CHILD = """
import json, os, sys, tempfile
from tests.oracles.bare_llama import llama_cpp
llama = llama_cpp.llama_cpp
llama.llama_backend_init()
@llama.llama_log_callback
def say(level, text, data):
    os.write(2, text)
llama.llama_log_set(say, None)
texts = json.loads(sys.argv[1])
for path in sys.argv[2:]:
    log = tempfile.TemporaryFile()
    pid = os.fork()
    if not pid:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        params = llama.llama_model_default_params()
        params.n_gpu_layers = 0
        model = llama.llama_model_load_from_file(path.encode(), params)
        if model:
            options = llama.llama_context_default_params()
            options.n_ctx = options.n_batch = 64
            options.n_threads = options.n_threads_batch = 1
            context = llama.llama_init_from_model(model, options)
            token = (llama.llama_token * 1)(3)
            batch = llama.llama_batch_get_one(token, 1)
            vocab, room = llama.llama_model_get_vocab(model), (llama.llama_token * 64)()
            for text in map(str.encode, texts):
                llama.llama_tokenize(vocab, text, len(text), room, 64, False, False)
            os._exit(0 if context and not llama.llama_decode(context, batch) else 5)
        os._exit(4)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").splitlines()
    print(json.dumps([status, lines]), flush=True)
"""

ROOT = Path(__file__).parents[2]
QUIET = os.environ | {"GGML_NO_BACKTRACE": "1"}
TELLING = ("error loading", "assert", "invalid", "failed")


class Outcome(NamedTuple):
    """`status` 0: loaded, and one token decoded; 4: refused; 5: not decoded; below 0: a signal."""

    status: int
    lines: tuple[str, ...]

    @property
    def loads(self) -> bool:
        return self.status == 0

    @property
    def reason(self) -> str:
        """The first line that sounds like one."""
        return next((x for x in self.lines if any(w in x.lower() for w in TELLING)), "")


def loaded(paths: Sequence[Path], texts: Sequence[str] = ()) -> list[Outcome]:
    """What llama.cpp does with each file: loads it whole, reads these texts, decodes one token.

    The test is skipped where processes cannot be forked.
    """
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    words = [sys.executable, "-c", CHILD, json.dumps(texts), *map(str, paths)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, env=QUIET, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [Outcome(status, tuple(lines)) for status, lines in found]

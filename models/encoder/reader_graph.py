"""The second reader as an int8 ONNX graph: one pair a run, ids and segments to three scores."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from models.encoder.export import LAYERS, Graph
from models.encoder.reader_rows import LABELS


class ReaderGraph(Graph):
    """The sentence encoder's graph with segments and, for pooling, the head of `reader_model`."""

    def build(self) -> onnx.ModelProto:
        """Token ids and segments (0 claim, 1 evidence), int64 [1, length], to f32 [1, 3]."""
        x = self.embed()
        bias = self.constant("nothing", np.zeros((1, 1, 1), np.float32))
        for layer in range(LAYERS):
            x = self.layer(f"encoder.layer.{layer}", x, bias)
        self.op("Identity", self.head(x), out="scores")
        graph = helper.make_graph(
            self.nodes,
            "second reader",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, [1, "length"])
                for name in ("ids", "segments")
            ],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, len(LABELS)])],
            list(self.constants.values()),
        )
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="edgemed")

    def embed(self) -> str:
        """Word, position and segment vectors added, then normalized."""
        word = self.rows("embeddings.word_embeddings.weight", "ids")
        length = self.op("Gather", self.op("Shape", "ids"), self.ints("1", 1), axis=0)
        position = self.op("Range", self.ints("0", 0), length, self.ints("1", 1))
        table = self.constant("positions", self.tensors["embeddings.position_embeddings.weight"])
        place = self.op("Gather", table, position, axis=0)
        kinds = self.constant("segment table", self.tensors["segments"])
        summed = self.op("Add", self.op("Add", word, place), self.op("Gather", kinds, "segments"))
        return self.norm("embeddings.LayerNorm", summed)

    def head(self, x: str) -> str:
        """[CLS] beside the claim's tokens weighted by how wrong they score, to the three scores."""
        wrong = self.plain("token", x)
        away = self.op("Unsqueeze", self.op("Cast", "segments", to=1), self.ints("last", [-1]))
        far = self.op("Mul", away, self.constant("far", np.float32(-1e9)))
        share = self.op("Softmax", self.op("Add", wrong, far), axis=1)
        looked = self.op("ReduceSum", self.op("Mul", share, x), self.ints("along", [1]), keepdims=0)
        first = self.op("Gather", x, self.ints("0", 0), axis=1)
        return self.plain("verdict", self.op("Concat", first, looked, axis=1))

    def plain(self, name: str, x: str) -> str:
        """x W^T + b in floats."""
        weight = np.ascontiguousarray(self.tensors[f"{name}.weight"].T)
        product = self.op("MatMul", x, self.constant(f"{name}.weight", weight))
        return self.op("Add", product, self.constant(f"{name}.bias", self.tensors[f"{name}.bias"]))

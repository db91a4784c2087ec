"""The second reader as a torch module: MiniLM's layers over claim and evidence, and a head.

Its weights begin as those of the shipped sentence encoder, read back from the 8-bit graph.
Segments (claim or evidence) begin as zero: MiniLM was trained with one segment.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from edgemed_models.encoder import FOLDER
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from models.encoder.export import EPSILON, HEADS, HIDDEN, LAYERS
from models.encoder.reader_rows import LABELS

LINEAR = (
    "attention.self.query", "attention.self.key", "attention.self.value",
    "attention.output.dense", "intermediate.dense", "output.dense",
)  # fmt: skip
NORMS = ("attention.output.LayerNorm", "output.LayerNorm")


def shipped(path: Path = FOLDER / "minilm.onnx") -> dict[str, np.ndarray]:
    """The encoder's tensors as f32 under BERT's names, matrices [out, in], from its int8 graph."""
    held = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    whole = {name[:-2] for name in held if name.endswith(".q")}
    found = {f"{n}.weight": (held[f"{n}.q"] * held[f"{n}.s"]).T for n in whole}
    words = "embeddings.word_embeddings.weight"
    found[words] = found.pop(f"{words}.weight").T
    found |= {n: a for n, a in held.items() if n.endswith(("LayerNorm.weight", ".bias"))}
    found["embeddings.position_embeddings.weight"] = held["positions"]
    return {name: np.array(array, np.float32, order="C") for name, array in found.items()}


class Layer(nn.Module):
    """Attention and feed-forward, each with its residual and norm (BERT, post-norm)."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.mixed = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.wide, self.narrow = nn.Linear(HIDDEN, 4 * HIDDEN), nn.Linear(4 * HIDDEN, HIDDEN)
        self.first, self.second = (nn.LayerNorm(HIDDEN, EPSILON) for _ in range(2))

    def parts(self) -> dict[str, nn.Module]:
        """The modules by BERT's names, in the order of LINEAR and NORMS."""
        linear = (self.query, self.key, self.value, self.mixed, self.wide, self.narrow)
        return dict(zip((*LINEAR, *NORMS), (*linear, self.first, self.second), strict=True))

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """f32 [batch, length, hidden]; `seen` is true for tokens, bool [batch, 1, 1, length]."""
        size = (*x.shape[:2], HEADS, HIDDEN // HEADS)
        q, k, v = (m(x).view(size).transpose(1, 2) for m in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        x = self.first(x + self.mixed(mixed.transpose(1, 2).flatten(2)))
        return self.second(x + self.narrow(F.gelu(self.wide(x))))


class Reader(nn.Module):
    """Token ids of claim and evidence to scores of LABELS, and one score for each token.

    The verdict looks at [CLS] and at the claim's tokens, most at those that score as wrong.
    """

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(30522, HIDDEN), nn.Embedding(512, HIDDEN)
        self.segments = nn.Parameter(torch.zeros(2, HIDDEN))
        self.norm = nn.LayerNorm(HIDDEN, EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.token, self.verdict = nn.Linear(HIDDEN, 1), nn.Linear(2 * HIDDEN, len(LABELS))

    def hidden(self, ids: Tensor, segments: Tensor) -> Tensor:
        """The last layer's output, f32 [batch, length, hidden]. Id 0 is padding."""
        places = self.places.weight[: ids.shape[1]]
        seen = (ids > 0)[:, None, None, :]
        x = self.norm(self.words(ids) + places + self.segments[segments])
        for layer in self.layers:
            x = layer(x, seen)
        return x

    def forward(self, ids: Tensor, claim: Tensor) -> tuple[Tensor, Tensor]:
        """Scores f32 [batch, 3] and [batch, length]; `claim` is true for the claim's tokens."""
        x = self.hidden(ids, (~claim).long())
        wrong = self.token(x).squeeze(-1)
        share = torch.softmax(wrong.masked_fill(~claim, -1e9), dim=1)
        looked = torch.einsum("bl,blh->bh", share, x)
        return self.verdict(torch.cat([x[:, 0], looked], dim=1)), wrong

    def named(self) -> dict[str, nn.Module | nn.Parameter]:
        """Everything with weights, by the names of the graph."""
        found: dict[str, nn.Module | nn.Parameter] = {
            "embeddings.word_embeddings": self.words,
            "embeddings.position_embeddings": self.places,
            "embeddings.LayerNorm": self.norm,
            "token": self.token,
            "verdict": self.verdict,
        }
        for i, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            found |= {f"encoder.layer.{i}.{n}": m for n, m in layer.parts().items()}
        return found

    def tensors(self) -> dict[str, np.ndarray]:
        """All weights as f32 by the names of the graph."""
        found = {"segments": self.segments.detach().numpy()}
        for name, module in self.named().items():
            found |= {f"{name}.{n}": p.detach().numpy() for n, p in module.named_parameters()}
        return found

    def begin(self, tensors: dict[str, np.ndarray]) -> "Reader":
        """Takes over the encoder's weights; the head keeps its own."""
        with torch.no_grad():
            for name, module in self.named().items():
                for n, p in module.named_parameters():
                    if name not in ("token", "verdict"):
                        p.copy_(torch.from_numpy(tensors[f"{name}.{n}"]))
        return self

"""The larger networks in PyTorch, with the sizes, weights and definitions of Étude's."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CNN(nn.Module):
    """Blocks of convolution, batch normalization, ReLU and pooling, then fully connected layers.

    Maxima are taken before ReLU, which then has a quarter of the numbers and gives the same.

    Args:
        image: height, width and channels of the inputs.
        channels: of each block.
        hidden: units of each layer between the last block and the outputs.
        classes: outputs.
    """

    def __init__(
        self, image: list[int], channels: list[int], hidden: list[int], classes: int
    ) -> None:
        super().__init__()
        height, width, before = image
        blocks: list[nn.Module] = []
        for after in channels:
            # The norm has a shift of its own, so that a bias would add nothing.
            blocks += [
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.MaxPool2d(2),
                nn.ReLU(inplace=True),
            ]
            before, height, width = after, height // 2, width // 2
        sizes = [before * height * width, *hidden]
        layers: list[nn.Module] = []
        for inputs, outputs in zip(sizes, hidden, strict=False):
            layers += [
                nn.Linear(inputs, outputs, bias=False),
                nn.BatchNorm1d(outputs),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*blocks, nn.Flatten(), *layers, nn.Linear(sizes[-1], classes))
        self.to(memory_format=torch.channels_last)

    def draw(self) -> None:
        """He's uniform initializer, biases 0."""
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.reset_parameters()

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits `[batch, classes]` of images `[batch, channels, height, width]`."""
        return self.layers(inputs)


class Block(nn.Module):
    """Causal attention, then two layers at each step; each is added to what it was given."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])
        self.inputs = nn.Linear(width, 3 * width)
        self.outputs = nn.Linear(width, width)
        self.first = nn.Linear(width, 4 * width)
        self.second = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """From `[batch, steps, width]` to the same shape."""
        batch, steps, width = x.shape
        parts = self.inputs(self.norms[0](x)).view(batch, steps, 3, self.heads, -1)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x = x + self.outputs(mixed.transpose(1, 2).reshape(batch, steps, width))
        return x + self.second(F.gelu(self.first(self.norms[1](x))))


class GPT(nn.Module):
    """The language model of GPT-2: norms first, learned positions, tied embedding, no dropout."""

    def __init__(self, vocabulary: int, steps: int, layers: int, heads: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.empty(steps, width))
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def draw(self) -> None:
        """N(0, 0.02²), less where outputs are added; biases 0."""
        last = 0.02 / math.sqrt(2 * len(self.blocks))
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.positions, std=0.02)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.LayerNorm):
                module.reset_parameters()
        for block in self.blocks:
            nn.init.normal_(block.outputs.weight, std=last)
            nn.init.normal_(block.second.weight, std=last)

    def forward(self, symbols: Tensor) -> Tensor:
        """Logits `[batch, steps, vocabulary]` of symbols `[batch, steps]`."""
        x = self.embedding(symbols) + self.positions
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.embedding.weight)


class LSTM(nn.Module):
    """An embedding, a layer of memory cells, and a readout at every step."""

    def __init__(self, vocabulary: int, embedding: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.cells = nn.LSTM(embedding, width)
        self.readout = nn.Linear(width, vocabulary)

    def draw(self) -> None:
        """Glorot and Bengio's initializer, orthogonal recurrent weights, open forget gates."""
        width = self.cells.hidden_size
        nn.init.normal_(self.embedding.weight)
        for gate in range(4):
            rows = slice(gate * width, (gate + 1) * width)
            nn.init.xavier_uniform_(self.cells.weight_ih_l0.data[rows])
            nn.init.orthogonal_(self.cells.weight_hh_l0.data[rows])
        nn.init.zeros_(self.cells.bias_ih_l0)
        nn.init.zeros_(self.cells.bias_hh_l0)
        nn.init.ones_(self.cells.bias_ih_l0.data[width : 2 * width])
        nn.init.xavier_uniform_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)

    def forward(self, symbols: Tensor) -> Tensor:
        """Logits `[batch, steps, vocabulary]` of symbols `[batch, steps]`."""
        hidden, _ = self.cells(self.embedding(symbols.t()))
        return self.readout(hidden).transpose(0, 1)


NETWORKS: dict[str, Any] = {"cnn": CNN, "gpt": GPT, "lstm": LSTM}

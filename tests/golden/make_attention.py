"""Golden values from PyTorch for normalization, attention and Transformers.

Run where PyTorch is installed; Étude need not be installed:

    pip install torch==2.13.0
    python tests/golden/make_attention.py

Everything is in double precision and without dropout. Weights and gradients stand under the
names and in the layout that Étude gives them.
"""

import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

torch.set_default_dtype(torch.float64)


def numbers(tensor: Tensor) -> list:
    return tensor.detach().tolist()


def of_linear(name: str, weight: Tensor, bias: Tensor) -> dict[str, tuple[Tensor, bool]]:
    """Étude's names for a linear layer, and whether PyTorch keeps the array transposed."""
    return {f"{name}/kernel": (weight, True), f"{name}/bias": (bias, False)}


def of_norm(name: str, norm: nn.LayerNorm) -> dict[str, tuple[Tensor, bool]]:
    return {f"{name}/scale": (norm.weight, False), f"{name}/bias": (norm.bias, False)}


def told(arrays: dict[str, tuple[Tensor, bool]]) -> dict:
    """Weights and gradients by name."""
    return {
        "weights": {name: numbers(a.T if turned else a) for name, (a, turned) in arrays.items()},
        "gradients": {
            name: numbers(a.grad.T if turned else a.grad) for name, (a, turned) in arrays.items()
        },
    }


def shaken(module: nn.Module) -> None:
    """Every weight away from 0 and 1, where mistakes could hide."""
    for weight in module.parameters():
        weight.data += 0.3 * torch.randn_like(weight)


def layer_norm() -> dict:
    """Outputs of `[3, 4, 5]` numbers, and gradients of a weighted sum of them."""
    torch.manual_seed(1)
    norm = nn.LayerNorm(5)
    shaken(norm)
    x, slopes = (3 * torch.randn(3, 4, 5) + 1).requires_grad_(), torch.randn(3, 4, 5)
    outputs = norm(x)
    (outputs * slopes).sum().backward()
    return {
        "inputs": numbers(x),
        "slopes": numbers(slopes),
        "outputs": numbers(outputs),
        "input_gradient": numbers(x.grad),
        **told({"scale": (norm.weight, False), "bias": (norm.bias, False)}),
    }


def batch_norm() -> dict:
    """Two batches of `[6, 3, 4]` numbers in training, then one in evaluation."""
    torch.manual_seed(2)
    norm = nn.BatchNorm1d(4)
    shaken(norm)
    steps = []
    for training in (True, True, False):
        norm.train(training)
        norm.zero_grad()
        x, slopes = (2 * torch.randn(6, 3, 4) + 1).requires_grad_(), torch.randn(6, 3, 4)
        # PyTorch has the features before the places.
        outputs = norm(x.transpose(1, 2)).transpose(1, 2)
        (outputs * slopes).sum().backward()
        steps.append(
            {
                "training": training,
                "inputs": numbers(x),
                "slopes": numbers(slopes),
                "outputs": numbers(outputs),
                "input_gradient": numbers(x.grad),
                "mean": numbers(norm.running_mean),
                "variance": numbers(norm.running_var),
                **told({"scale": (norm.weight, False), "bias": (norm.bias, False)}),
            }
        )
    return {"steps": steps}


def multi_head_attention() -> dict:
    """Causal and not, 2 heads of 3 on `[2, 5, 6]`."""
    found = {}
    for causal in (False, True):
        torch.manual_seed(3)
        attention = nn.MultiheadAttention(6, 2, batch_first=True)
        shaken(attention)
        x, slopes = torch.randn(2, 5, 6, requires_grad=True), torch.randn(2, 5, 6)
        hidden = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1) if causal else None
        outputs, _ = attention(x, x, x, attn_mask=hidden)
        (outputs * slopes).sum().backward()
        found["causal" if causal else "full"] = {
            "inputs": numbers(x),
            "slopes": numbers(slopes),
            "outputs": numbers(outputs),
            "input_gradient": numbers(x.grad),
            **told(of_attention("", attention)),
        }
    return found


def of_attention(name: str, attention: nn.MultiheadAttention) -> dict[str, tuple[Tensor, bool]]:
    out = attention.out_proj
    inputs = of_linear(f"{name}inputs", attention.in_proj_weight, attention.in_proj_bias)
    return inputs | of_linear(f"{name}outputs", out.weight, out.bias)


def of_layer(layer: nn.TransformerEncoderLayer, prefix: str = "") -> dict:
    return {
        **of_attention(f"{prefix}attention/", layer.self_attn),
        **of_linear(f"{prefix}first", layer.linear1.weight, layer.linear1.bias),
        **of_linear(f"{prefix}second", layer.linear2.weight, layer.linear2.bias),
        **of_norm(f"{prefix}norms/0", layer.norm1),
        **of_norm(f"{prefix}norms/1", layer.norm2),
    }


def encoder_layer() -> dict:
    """Layer normalization first and last, ReLU and GELU, on `[2, 5, 6]`."""
    found = {}
    for norm_first, activation in ((True, "gelu"), (False, "relu")):
        torch.manual_seed(4)
        layer = nn.TransformerEncoderLayer(
            6, 2, 12, 0.0, activation, batch_first=True, norm_first=norm_first
        )
        shaken(layer)
        x, slopes = torch.randn(2, 5, 6, requires_grad=True), torch.randn(2, 5, 6)
        outputs = layer(x)
        (outputs * slopes).sum().backward()
        found[activation] = {
            "norm_first": norm_first,
            "inputs": numbers(x),
            "slopes": numbers(slopes),
            "outputs": numbers(outputs),
            "input_gradient": numbers(x.grad),
            **told(of_layer(layer)),
        }
    return found


VOCABULARY, STEPS, WIDTH = 7, 5, 8


class GPT(nn.Module):
    """Two causal encoder layers between embeddings and the transposed embedding of symbols."""

    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        self.symbols = nn.Embedding(VOCABULARY, WIDTH)
        self.places = nn.Embedding(STEPS, WIDTH)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                WIDTH, 2, 2 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=norm_first
            )
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(WIDTH) if norm_first else None

    def forward(self, symbols: Tensor) -> Tensor:
        x = self.symbols(symbols) + self.places(torch.arange(STEPS))
        hidden = torch.triu(torch.ones(STEPS, STEPS, dtype=torch.bool), 1)
        for layer in self.layers:
            x = layer(x, src_mask=hidden)
        if self.norm is not None:
            x = self.norm(x)
        return x @ self.symbols.weight.T


def gpt() -> dict:
    """Logits, next-token loss and its gradient, pre- and post-norm."""
    found = {}
    for norm_first in (True, False):
        torch.manual_seed(5)
        net = GPT(norm_first)
        shaken(net)
        symbols = torch.randint(0, VOCABULARY, (3, STEPS + 1))
        logits = net(symbols[:, :-1])
        loss = functional.cross_entropy(logits.reshape(-1, VOCABULARY), symbols[:, 1:].reshape(-1))
        loss.backward()
        arrays = {
            "embedding/table": (net.symbols.weight, False),
            "positions/table": (net.places.weight, False),
        }
        for place, layer in enumerate(net.layers):
            arrays |= of_layer(layer, f"blocks/{place}/")
        if net.norm is not None:
            arrays |= of_norm("norm", net.norm)
        found["pre" if norm_first else "post"] = {
            "symbols": numbers(symbols),
            "logits": numbers(logits),
            "loss": loss.item(),
            **told(arrays),
        }
    return found


if __name__ == "__main__":
    golden = {
        "torch": torch.__version__.split("+")[0],
        "layer_norm": layer_norm(),
        "batch_norm": batch_norm(),
        "multi_head_attention": multi_head_attention(),
        "encoder_layer": encoder_layer(),
        "gpt": gpt(),
    }
    Path(__file__).with_name("attention.json").write_text(json.dumps(golden) + "\n")

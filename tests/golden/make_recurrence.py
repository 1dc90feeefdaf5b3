"""Makes recurrence.json: recurrent networks of PyTorch, with their gradients, in double precision.

Run it in an environment of its own, where Étude need not be installed:

    pip install torch==2.13.0 numpy==2.4.6
    python tests/golden/make_recurrence.py

Weights are kept as PyTorch names them and lays them out: `[gates · width, inputs]`.
"""

import json
from pathlib import Path

import torch
from torch import nn

torch.set_default_dtype(torch.float64)
BATCH, STEPS, INPUTS, WIDTH, OUTPUTS = 3, 6, 2, 4, 2
NETWORKS = {
    "lstm": lambda layers: nn.LSTM(INPUTS, WIDTH, layers, batch_first=True),
    "gru": lambda layers: nn.GRU(INPUTS, WIDTH, layers, batch_first=True),
    "rnn_tanh": lambda layers: nn.RNN(INPUTS, WIDTH, layers, batch_first=True),
    "rnn_relu": lambda layers: nn.RNN(INPUTS, WIDTH, layers, batch_first=True, nonlinearity="relu"),
}


def network(name: str, layers: int) -> dict:
    """Outputs at every step, and every gradient of Σ c · output with fixed numbers c."""
    torch.manual_seed(7 * layers + len(name))
    recurrent, readout = NETWORKS[name](layers), nn.Linear(WIDTH, OUTPUTS)
    with torch.no_grad():
        for weights in recurrent.parameters():
            weights.mul_(1.6)
    inputs = torch.randn(BATCH, STEPS, INPUTS, requires_grad=True)
    coefficients = torch.randn(BATCH, STEPS, OUTPUTS)
    outputs = readout(recurrent(inputs)[0])
    (outputs * coefficients).sum().backward()
    named = [*recurrent.named_parameters(), *readout.named_parameters(prefix="readout")]
    return {
        "inputs": inputs.tolist(),
        "coefficients": coefficients.tolist(),
        "outputs": outputs.tolist(),
        "inputs_gradient": inputs.grad.tolist(),
        "weights": {key: value.tolist() for key, value in named},
        "gradients": {key: value.grad.tolist() for key, value in named},
    }


def main() -> None:
    found = {name: {str(layers): network(name, layers) for layers in (1, 2)} for name in NETWORKS}
    found = {"torch": torch.__version__, "networks": found}
    Path(__file__).with_name("recurrence.json").write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

"""The network of the grid for skorch, in a module that its worker processes can import."""

import torch
from torch import Tensor, nn

from sides.grid_work import HIDDEN

# The first optimizer imports seconds' worth of modules, which belong to a worker's start-up.
torch.optim.SGD([torch.zeros(1)], 0.1)


class Network(nn.Module):
    """One hidden layer with ReLU, drawn by Glorot and Bengio's uniform initializer.

    Args:
        inputs, classes: sizes.
        seed: of the initial weights and the order of rows.
    """

    def __init__(self, inputs: int, classes: int, seed: int) -> None:
        super().__init__()
        # One thread a worker; a network so small only loses by more.
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        self.layers = nn.Sequential(
            nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes)
        )
        for layer in (self.layers[0], self.layers[2]):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits."""
        return self.layers(inputs)

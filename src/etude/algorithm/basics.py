"""The eight rules of the field's basics, which share one program wherever members are looped.

The set is fixed, so that the program of a network, and with it every bit of its result, does
not depend on which of the eight its study contains.
"""

from etude.algorithm.adadelta import Adadelta
from etude.algorithm.adagrad import Adagrad
from etude.algorithm.adam import Adam
from etude.algorithm.adamw import AdamW
from etude.algorithm.base import Algorithm
from etude.algorithm.momentum import Momentum
from etude.algorithm.nesterov import Nesterov
from etude.algorithm.rmsprop import RMSprop
from etude.algorithm.sgd import SGD

BASICS: tuple[type[Algorithm], ...] = (
    SGD,
    Momentum,
    Nesterov,
    Adagrad,
    Adadelta,
    RMSprop,
    Adam,
    AdamW,
)

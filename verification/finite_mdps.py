"""Random finite Markov decision processes, small enough to enumerate."""

import itertools
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FiniteMDP:
    """A discounted chain of state-action pairs under a fixed policy: `transition[i, j]` is the probability
    that pair i is followed by pair j, 0 everywhere in the row of a pair that ends the episode."""

    transition: np.ndarray
    reward: np.ndarray
    discount: float

    @classmethod
    def random(cls, rng: np.random.Generator, pairs: int, discount: float) -> "FiniteMDP":
        """Dense random transitions; the last pair ends the episode."""
        transition = rng.dirichlet(np.ones(pairs), size=pairs)
        transition[-1] = 0.0
        return cls(transition, rng.uniform(-1.0, 1.0, pairs), discount)

    @property
    def q(self) -> np.ndarray:
        """The policy's values: the solution of Q = r + discount · P Q."""
        return np.linalg.solve(np.eye(len(self.reward)) - self.discount * self.transition, self.reward)


@dataclass(frozen=True)
class FiniteTree:
    """A finite-horizon MDP whose reference policy picks one of equally likely tickets in every state.

    Tickets may repeat an action, so that the policy over actions is any rational one. `successor[s, k]` and
    `reward[s, k]` belong to ticket k in state s.
    """

    successor: np.ndarray
    reward: np.ndarray
    horizon: int

    @classmethod
    def random(cls, rng: np.random.Generator, states: int, tickets: int, horizon: int) -> "FiniteTree":
        """Three actions with their own successor and reward; tickets point to them at random."""
        action = rng.integers(3, size=(states, tickets))
        successor = np.take_along_axis(rng.integers(states, size=(states, 3)), action, axis=1)
        reward = np.take_along_axis(rng.uniform(-1.0, 1.0, (states, 3)), action, axis=1)
        return cls(successor, reward, horizon)

    def returns(self, state: int) -> np.ndarray:
        """The undiscounted return of every sequence of tickets from `state`, (tickets**horizon,)."""
        totals = []
        for sequence in itertools.product(range(self.reward.shape[1]), repeat=self.horizon):
            s, total = state, 0.0
            for ticket in sequence:
                total += self.reward[s, ticket]
                s = self.successor[s, ticket]
            totals.append(total)
        return np.array(totals)

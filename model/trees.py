"""Trees from anywhere as one xgboost booster.

Every family of models here ends as a sum of trees: gradient boosting and forests are some, a
decision tree is one, and a logistic regression over binned features is a tree for each feature. So
there is one way to score them, to export them and to explain them (TreeSHAP), and unknown values
need no step before it: each split says where they go.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray

LEAF = -1
_NO_PARENT = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """k nodes, the root first.

    Attributes:
        feature: the column that a node asks for, ``LEAF`` where it asks nothing, int, shape (k,).
        below: rows whose value is below it go left, float32, shape (k,).
        left, right: the next nodes, int, shape (k,); of leaves of no meaning.
        unknown_left: whether rows without a value go left, shape (k,).
        value: what a leaf adds to the sum, float32, shape (k,).
        cover: weight of the training rows that came by, above 0, float32, shape (k,).
    """

    feature: NDArray[np.int64]
    below: NDArray[np.float32]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    unknown_left: NDArray[np.bool_]
    value: NDArray[np.float32]
    cover: NDArray[np.float32]


def booster_of(trees: Sequence[Tree], width: int) -> xgboost.Booster:
    """A booster whose margin is the sum of these trees.

    Args:
        trees: at least one.
        width: number of features.
    """
    model = json.loads(_template(width))
    ensemble = model["learner"]["gradient_booster"]["model"]
    pattern = ensemble["trees"][0]
    ensemble["trees"] = [_as_json(tree, number, pattern) for number, tree in enumerate(trees)]
    ensemble["tree_info"] = [0] * len(trees)
    ensemble["iteration_indptr"] = list(range(len(trees) + 1))
    ensemble["gbtree_model_param"]["num_trees"] = str(len(trees))
    return load_booster(json.dumps(model).encode())


def load_booster(raw: bytes) -> xgboost.Booster:
    """A booster from what ``save_raw`` gave, which works on one thread.

    Raises:
        XGBoostError: it is none.
    """
    if not raw:  # which would end the process
        raise xgboost.core.XGBoostError("it is empty")
    booster = xgboost.Booster()
    booster.load_model(bytearray(raw))
    # Otherwise it uses all processors, and waits for its threads longer than it works.
    booster.set_param({"nthread": 1})
    return booster


def _template(width: int) -> bytes:
    """A booster of one tree without a split, in the format of the installed library."""
    data = xgboost.DMatrix(
        np.zeros((2, width), np.float32), label=np.array([0.0, 1.0], np.float32), nthread=1
    )
    parameters = {"objective": "binary:logistic", "base_score": 0.5, "nthread": 1}
    return bytes(xgboost.train(parameters, data, 1).save_raw("json"))


def _as_json(tree: Tree, number: int, pattern: dict[str, object]) -> dict[str, object]:
    order = _breadth_first(tree)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    leaf = tree.feature[order] == LEAF
    left, right = place[tree.left[order]], place[tree.right[order]]
    nodes = np.flatnonzero(~leaf)
    parents = np.full(len(order), _NO_PARENT)
    parents[left[nodes]] = nodes
    parents[right[nodes]] = nodes
    return {
        **pattern,
        "id": number,
        "base_weights": np.where(leaf, tree.value[order], 0).tolist(),
        "default_left": (tree.unknown_left[order] & ~leaf).astype(int).tolist(),
        "left_children": np.where(leaf, LEAF, left).tolist(),
        "right_children": np.where(leaf, LEAF, right).tolist(),
        "parents": parents.tolist(),
        "loss_changes": [0.0] * len(order),
        "split_conditions": np.where(leaf, tree.value[order], tree.below[order]).tolist(),
        "split_indices": np.where(leaf, 0, tree.feature[order]).tolist(),
        "split_type": [0] * len(order),
        "sum_hessian": tree.cover[order].tolist(),
        "tree_param": {
            **pattern["tree_param"],  # type: ignore[dict-item]
            "num_nodes": str(len(order)),
            "num_deleted": "0",
        },
    }


def _breadth_first(tree: Tree) -> NDArray[np.int64]:
    """Nodes in an order in which brothers are neighbours: xgboost's TreeSHAP supposes it."""
    order = [0]
    for node in order:  # which grows meanwhile
        if tree.feature[node] != LEAF:
            order += [int(tree.left[node]), int(tree.right[node])]
    return np.array(order)


def staircase(
    column: int,
    edges: NDArray[np.floating],
    values: NDArray[np.floating],
    cover: NDArray[np.floating],
) -> Tree:
    """A function of one feature that is constant between edges, as a balanced search tree.

    Args:
        column: the feature.
        edges: lowest value of each step but the first, ascending, float32 values, shape (k − 1,).
        values: of the steps, shape (k,); unknown is on the first.
        cover: weight of the rows on each step, shape (k,).
    """
    feature: list[int] = []
    below: list[float] = []
    left: list[int] = []
    right: list[int] = []
    value: list[float] = []
    weight: list[float] = []

    def grow(first: int, last: int) -> int:
        """The subtree over steps ``first`` to ``last``; returns its root."""
        node = len(feature)
        is_leaf = first == last
        middle = (first + last) // 2
        feature.append(LEAF if is_leaf else column)
        below.append(0.0 if is_leaf else float(edges[middle]))
        value.append(float(values[first]) if is_leaf else 0.0)
        # TreeSHAP divides by it, and a step may have become empty.
        weight.append(max(float(cover[first : last + 1].sum()), 1e-6))
        left.append(0)
        right.append(0)
        if not is_leaf:
            left[node] = grow(first, middle)
            right[node] = grow(middle + 1, last)
        return node

    grow(0, len(values) - 1)
    return Tree(
        feature=np.array(feature),
        below=np.array(below, np.float32),
        left=np.array(left),
        right=np.array(right),
        unknown_left=np.ones(len(feature), np.bool_),
        value=np.array(value, np.float32),
        cover=np.array(weight, np.float32),
    )


def where_unknown_is_lowest(booster: xgboost.Booster) -> xgboost.Booster:
    """The same trees, with unknown values sent where a value below all others goes: left.

    For trees that were fitted to a matrix in which such a value stood for unknown ones.
    """
    model = json.loads(bytes(booster.save_raw("json")))
    for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
        tree["default_left"] = [int(child != LEAF) for child in tree["left_children"]]
    return load_booster(json.dumps(model).encode())


def explaining_cost(booster: xgboost.Booster) -> float:
    """Steps that TreeSHAP takes for one row: the sum over trees of leaves times depth squared.

    Lundberg et al., From local explanations to global understanding with explainable AI for trees,
    Nature Machine Intelligence 2 (2020), algorithm 2.
    """
    model = json.loads(bytes(booster.save_raw("json")))
    return float(
        sum(_cost(tree["left_children"], tree["right_children"])
            for tree in model["learner"]["gradient_booster"]["model"]["trees"])
    )  # fmt: skip


def _cost(left: list[int], right: list[int]) -> int:
    depth, leaves, ahead = 0, 0, [(0, 0)]
    while ahead:
        node, level = ahead.pop()
        if left[node] == LEAF:
            leaves += 1
            depth = max(depth, level)
        else:
            ahead += [(left[node], level + 1), (right[node], level + 1)]
    return leaves * depth * depth

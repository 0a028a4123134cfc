"""Layers that make channels and read channels: convolutions, linear layers, embeddings, recurrent layers."""

from __future__ import annotations

import torch

from heredity.anatomy.labels import Labels, constant_along
from heredity.anatomy.ride import Call, Ride
from heredity.anatomy.rules.registry import nobody, owned, rule


@rule("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def convolution(ride: Ride, call: Call) -> None:
    """A filter makes one channel and reads all channels of its group; transposed ones store (in, out, ...)."""
    data, weight, bias = call.data, call.argument(1, "weight"), call.argument(2, "bias")
    transposed = "transpose" in call.name
    groups: int = call.argument(6, "groups", 1)
    swept = data if transposed else call.result
    times = swept.shape[0] * swept.shape[2:].numel() // ride.batch
    if groups == 1:
        made = _make_and_read(ride, call, weight, bias, channel=1, read=0 if transposed else 1, times=times)
    else:
        made = _make_in_groups(ride, call, weight, bias, groups, transposed=transposed, times=times)
    shape = [-1] + [1] * (call.result.dim() - 2)
    ride.put(call.result, made.reshape(shape).expand(call.result.shape))


def _make_in_groups(
    ride: Ride,
    call: Call,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    groups: int,
    *,
    transposed: bool,
    times: int,
) -> Labels:
    """What a group reads and what it makes go together: in a depthwise convolution a channel with its own filter."""
    if (name := ride.name(weight)) is None:
        return _computed(ride, call, weight, channel=1, times=times)
    read = ride.channels(ride.labels(call.data), 1)
    made = ride.ledger.new(call.result.shape[1])
    where = "grouped convolution of what no cluster owns"
    for labels in (read, made):
        ride.ledger.join(made.reshape(groups, -1)[:, :1], labels.reshape(groups, -1), where)
    ride.use(name, 0, "made", read if transposed else made)
    if bias is not None and (bias_name := ride.name(bias)):
        ride.use(bias_name, 0, "made", made)
    ride.multiplied(name, call.result, times)
    return made


@rule("linear")
def linear(ride: Ride, call: Call) -> None:
    """A unit makes one feature and reads all features, along the last dimension."""
    data, result = call.data, call.result
    labels = ride.labels(data)
    times = result.shape[:-1].numel() // ride.batch
    weight = call.argument(1, "weight")
    if owned(labels) and constant_along(labels, -1) and any(not constant_along(labels, d) for d in range(data.dim())):
        if name := ride.name(weight):  # mixes positions within every cluster, such as tokens of one channel
            ride.multiplied(name, result, times)
        return ride.put(result, labels.narrow(-1, 0, 1).expand(result.shape))
    made = _make_and_read(ride, call, weight, call.argument(2, "bias"), channel=-1, read=1, times=times)
    ride.put(result, made.expand(result.shape))


def _make_and_read(
    ride: Ride, call: Call, weight: torch.Tensor, bias: torch.Tensor | None, *, channel: int, read: int, times: int
) -> Labels:
    if (name := ride.name(weight)) is None:
        return _computed(ride, call, weight, channel=channel, times=times)
    ride.use(name, read, "read", ride.channels(ride.labels(call.data), channel))
    made = ride.ledger.new(call.result.shape[channel])
    ride.use(name, 1 - read, "made", made)
    if bias is not None and (bias_name := ride.name(bias)):
        ride.use(bias_name, 0, "made", made)
    ride.multiplied(name, call.result, times)
    return made


def _computed(ride: Ride, call: Call, weight: torch.Tensor, *, channel: int, times: int) -> Labels:
    """A weight that is no parameter has no slices to take away: what it reads must stay, what it makes is nobody's."""
    ride.ledger.fix(ride.labels(call.data), f"{call.name} with a computed weight")
    ride.computes(nobody(weight.shape), times * ride.batch)
    return nobody(torch.Size([call.result.shape[channel]]))


@rule("embedding")
def embedding(ride: Ride, call: Call) -> None:
    """A table's columns are channels; looking a row up multiplies nothing."""
    name = ride.name(table := call.argument(1, "weight"))
    if name is None:
        return ride.put(call.result, nobody(call.result.shape))
    made = ride.ledger.new(table.shape[1])
    ride.use(name, 1, "made", made)
    ride.multiplied(name, call.result, 0)
    ride.put(call.result, made.expand(call.result.shape))


_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


@rule(*_GATES)
def recurrent(ride: Ride, call: Call) -> None:
    """Hidden unit j is row j of every gate, column j of the recurrent weights, and what the next layer reads.

    Layers and directions of one module have one width, so that unit j of all of them is one cluster.
    """
    data, state, weights, _, layers, _, _, bidirectional, batch_first = call.arguments
    results = [t for t in call.result if isinstance(t, torch.Tensor)]
    names = [ride.name(w) for w in weights]
    directions, ways = 2 if bidirectional else 1, len(weights) // (layers * (2 if bidirectional else 1))
    hidden = results[1].shape[-1]
    if not isinstance(batch_first, bool) or None in names or ways not in (2, 4):
        ride.ledger.fix(ride.labels(data), f"{call.name} with packed sequences or projections")
        for tensor in results:
            ride.put(tensor, nobody(tensor.shape))
        return
    units = ride.ledger.new(hidden)
    for tensor in state if isinstance(state, tuple) else (state,):
        if owned(ride.labels(tensor)):
            ride.ledger.join(units, ride.labels(tensor), f"{call.name} from a given state")
    read, gates = ride.channels(ride.labels(data), -1), units.repeat(_GATES[call.name])
    times = data.shape[:-1].numel() // ride.batch
    for layer in range(layers):
        for direction in range(directions):
            first = (layer * directions + direction) * ways
            inputs, recurrence, *biases = (str(name) for name in names[first : first + ways])
            ride.use(inputs, 1, "read", read)
            ride.use(recurrence, 1, "read", units)
            for name in (inputs, recurrence, *biases):
                ride.use(name, 0, "made", gates)
            for name in (inputs, recurrence):
                ride.positions[name] += times
        read = units.repeat(directions)
    output, *states = results
    ride.put(output, read.expand(output.shape))
    for tensor in states:
        ride.put(tensor, units.expand(tensor.shape))

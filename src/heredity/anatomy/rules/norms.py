"""Norms: some keep to a channel, some to a group of channels, some see all channels."""

from __future__ import annotations

from heredity.anatomy.ride import Call, Ride
from heredity.anatomy.rules.registry import apart, put_all, rule
from heredity.anatomy.tensors import tensors_in

ALL = "sees all of its channels"
"""Why what is under such a norm must stay: its statistics would be others."""


@rule("batch_norm", "instance_norm")
def by_channel(ride: Ride, call: Call) -> None:
    """Statistics and affine weights belong to the channels they normalise."""
    data, labels = call.data, ride.labels(call.data)
    channels = ride.channels(labels, 1)
    names = [n for t in tensors_in((call.arguments[1:], call.keywords)) if (n := ride.name(t)) is not None]
    for name in names:
        ride.use(name, 0, "made", channels)
    if call.name == "batch_norm":
        ride.normalises(names, data)
    ride.put(call.result, labels)


@rule("group_norm")
def by_group(ride: Ride, call: Call) -> None:
    """Channels that are normalised together go together."""
    data, groups = call.data, call.argument(1, "num_groups")
    labels = ride.labels(data)
    channels = ride.channels(labels, 1)
    grouped = channels.reshape(groups, -1)
    ride.ledger.join(grouped[:, :1], grouped, "group norm with what no cluster owns")
    for tensor in (call.argument(2, "weight"), call.argument(3, "bias")):
        if tensor is not None and (name := ride.name(tensor)):
            ride.use(name, 0, "made", channels)
    ride.put(call.result, labels)


@rule("layer_norm", "rms_norm")
def over_last(ride: Ride, call: Call) -> None:
    """Statistics run over the last dimensions, whose clusters must all stay."""
    put_all(ride, call, apart(ride, call, range(-len(call.argument(1, "normalized_shape")), 0), ALL))


@rule("softmax", "log_softmax", "softmin", "cumsum", "logcumsumexp", "sort", "topk", "argmax", "argmin")
def over_dimension(ride: Ride, call: Call) -> None:
    """What a dimension is summed, ranked or divided over."""
    given = call.argument(2 if call.name == "topk" else 1, "dim", -1)
    put_all(ride, call, apart(ride, call, [given], ALL))


@rule("normalize")
def over_chosen(ride: Ride, call: Call) -> None:
    """`torch.nn.functional.normalize`: to length one along a dimension."""
    given = call.argument(2, "dim", 1)
    put_all(ride, call, apart(ride, call, [given] if isinstance(given, int) else given, ALL))


@rule("local_response_norm")
def over_neighbours(ride: Ride, call: Call) -> None:
    """Neighbouring channels enter each other's scale."""
    put_all(ride, call, apart(ride, call, [1], ALL))

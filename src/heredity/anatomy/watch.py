"""One forward pass of a network, and what its modules take and return meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Seen = Callable[[str, tuple[Any, ...], Any], None]
"""Is told of every call of a module: its name, what it takes, what it returns. What goes by keyword is one dict."""


def watched(network: nn.Module, batch: torch.Tensor, seen: Seen) -> Any:
    """What a network returns, in evaluation mode; `seen` is told of its modules' calls. It is left as it was."""

    def hook(name: str) -> Any:
        return lambda _, taken, named, returned: seen(name, (*taken, named) if named else taken, returned)

    layers = [(name, module) for name, module in network.named_modules() if name]
    hooks = [module.register_forward_hook(hook(name), with_kwargs=True) for name, module in layers]
    was = [module for module in network.modules() if module.training]
    try:
        with torch.no_grad():
            return network.eval()(batch)
    finally:
        for handle in hooks:
            handle.remove()
        for module in was:
            module.training = True

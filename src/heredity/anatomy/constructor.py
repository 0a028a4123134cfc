"""Constructors: how a network is named, so that another process can build it again.

A reference is a name from the zoo, from torchvision or timm, `package.module:callable` or `file.py:callable`. A module
handed over in Python has none: its structure is remembered, and whoever builds it again must hand it over again
(`provide`).
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import torch
from msgspec import Struct
from torch import nn

from heredity.errors import InputError, ModelError
from heredity.zoo import OFFERED, ZOO, vision

INSTANCE = "instance"
"""The reference of what was handed over in Python."""

_provided: dict[str, nn.Module] = {}


class Constructor(Struct, frozen=True):
    """Plain data that rebuilds the ancestor's module.

    `source` is the digest of the file that a `file.py:callable` came from, `structure` that of the module's layers and
    shapes, and of the options of one that was handed over: a module that comes out differently is refused.
    """

    reference: str
    keywords: dict[str, Any]
    structure: str
    source: str = ""

    @property
    def instance(self) -> nn.Module | None:
        """The module that was handed over in this process, if the reference says that one must be."""
        return _provided.get(self.structure) if self.reference == INSTANCE else None

    def build(self) -> nn.Module:
        """A fresh module; its initial weights follow torch's global random state.

        Raises:
            ModelError: the source or the structure is another one than when this constructor was made.
        """
        if self.reference == INSTANCE:
            if self.instance is None:
                raise ModelError.of("the module that this run was started with", "none", "hand it over again (model=)")
            return copy.deepcopy(self.instance)
        _, function, source = find_model(self.reference)
        if source != self.source:
            raise ModelError.of(
                f"{self.reference} as it was when the run began", "a changed file", "restore it, or start a new run"
            )
        module = _call(function, self.reference, self.keywords)
        if structure_of(module) != self.structure:
            raise ModelError.of(
                f"{self.reference} to build the network the run began with", "another", "restore it, or start a new run"
            )
        return module


def describe(model: str | nn.Module | Callable[..., nn.Module], offered: dict[str, Any]) -> Constructor:
    """The constructor of a model that a user named or handed over.

    `offered` are the keywords that a constructor may ask for by naming them in its signature (`heredity.zoo.OFFERED`);
    one that names none of them is called with none.
    """
    if isinstance(model, nn.Module):
        return provide(model)
    if not isinstance(model, str):
        return provide(_call(model, getattr(model, "__name__", repr(model)), _accepted(model, offered)))
    reference, function, source = find_model(model)
    keywords = _accepted(function, offered)
    with torch.random.fork_rng():
        structure = structure_of(_call(function, reference, keywords))
    # as they come back from a record, where tuples are lists, so that a constructor equals its record
    return Constructor(reference, msgspec.json.decode(msgspec.json.encode(keywords)), structure, source)


def keywords_of(constructor: Constructor) -> dict[str, Any]:
    """The keywords that could be given other values, with what they are; none of what was handed over in Python.

    What a constructor is told of the data is not among them.
    """
    if constructor.reference == INSTANCE:
        return {}
    _, function, _ = find_model(constructor.reference)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # builtins have none
        return {}
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in OFFERED]
    return {p.name: constructor.keywords.get(p.name, None if p.default is p.empty else p.default) for p in named}


def varied(constructor: Constructor, keywords: Mapping[str, Any]) -> Constructor:
    """The same constructor called with other keywords; without any, as it is.

    Raises:
        ModelError: it does not build with them.
    """
    if not keywords:
        return constructor
    _, function, _ = find_model(constructor.reference)
    every = {**constructor.keywords, **keywords}
    with torch.random.fork_rng(devices=[]):
        structure = structure_of(_call(function, constructor.reference, every))
    return msgspec.structs.replace(constructor, keywords=every, structure=structure)


def provide(module: nn.Module) -> Constructor:
    """Remember a module handed over in Python, in this process, and give the constructor that builds copies of it.

    Two that differ in a stride or a slope, which no tensor shows, are two: options count in its structure.
    """
    structure = _digest([structure_of(module), *_options(module)])
    _provided[structure] = module
    return Constructor(INSTANCE, {}, structure)


def called(reference: str, what: str) -> str:
    """A reference to a model or data for a page: a file without its folder, as pages travel and paths are private."""
    if reference == INSTANCE:
        return f"{what} handed over in Python"
    place, colon, name = reference.partition(":")
    return f"{Path(place).name}{colon}{name}" if place.endswith(".py") else reference


def structure_of(module: nn.Module) -> str:
    """Digest of a module's layer types, and of its tensors' names and shapes."""
    layers = [f"{name}:{type(m).__name__}" for name, m in module.named_modules()]
    tensors = [f"{name}:{tuple(t.shape)}" for name, t in (*module.named_parameters(), *module.named_buffers())]
    return _digest(layers + tensors)


def _options(module: nn.Module) -> list[str]:
    """What its layers have been told beside shapes: the plain attributes of each; and what is frozen."""
    frozen = [f"{name} frozen" for name, parameter in module.named_parameters() if not parameter.requires_grad]
    told = [
        f"{name}.{option}={value!r}"
        for name, layer in module.named_modules()
        for option, value in sorted(vars(layer).items())
        if option != "training" and not option.startswith("_") and _is_plain(value)
    ]
    return told + frozen


def _is_plain(value: object) -> bool:
    """Whether it is written alike in every process: a number, a word, or a tuple of such."""
    if isinstance(value, tuple):
        return all(_is_plain(one) for one in cast("tuple[object, ...]", value))
    return isinstance(value, bool | int | float | str)


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def find_model(reference: str) -> tuple[str, Callable[..., nn.Module], str]:
    """`(full reference, callable, source digest)` of a model; names of torchvision and timm get their package's.

    Raises:
        InputError: there is no such name, module, file or callable; or the package that has it is missing.
    """
    if reference in ZOO or ":" in reference:
        return reference, *resolve(reference, "model", ZOO)
    if full := vision.full_name(reference):
        return full, vision.constructor(full), ""
    raise _unknown(reference, "model", ZOO, vision.names(reference), vision.hint())


def resolve(reference: str, kind: str, known: dict[str, Callable[..., Any]]) -> tuple[Callable[..., Any], str]:
    """`(callable, source digest)` for a name among `known`, `package.module:callable` or `file.py:callable`.

    `kind` says in messages what was asked for ("model", "data").

    Raises:
        InputError: there is no such name, module, file or callable.
    """
    if reference in known:
        return known[reference], ""
    place, colon, attribute = reference.partition(":")
    if not colon or not attribute:
        raise _unknown(reference, kind, known)
    source = ""
    try:
        if place.endswith(".py"):
            module = _import_file(Path(place))
            source = hashlib.sha256(Path(place).read_bytes()).hexdigest()[:16]
        else:
            module = importlib.import_module(place)
    except (Exception, SystemExit) as error:
        raise InputError.of(
            f"a {kind} reference that can be imported", f"{type(error).__name__}: {error}", f"check {place}"
        ) from error
    if not callable(function := getattr(module, attribute, None)):
        public = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise InputError.of(f"a callable {attribute!r} in {place}", "none", remedy(attribute, public))
    return function, source


def _unknown(
    reference: str, kind: str, known: Iterable[str], unlisted: Iterable[str] = (), hint: str = ""
) -> InputError:
    forms = f"{hint}or give package.module:callable or file.py:callable"
    return InputError.of(f"a {kind} reference", f"{reference!r}", f"{remedy(reference, known, unlisted)}; {forms}")


def remedy(wanted: str, known: Iterable[str], unlisted: Iterable[str] = ()) -> str:
    """What to do about an unknown name: the closest that there is, and all `known` ones."""
    close = difflib.get_close_matches(wanted, [*known, *unlisted], 1)
    listed = f"known: {', '.join(sorted(known)) or 'none'}"
    return f"did you mean {close[0]!r}? {listed}" if close else listed


def _import_file(path: Path) -> Any:
    path = path.resolve()
    name = f"heredity_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.exists():
        raise FileNotFoundError(f"no file {path}")
    if str(path.parent) not in sys.path:  # a user's file may import its neighbours
        sys.path.insert(0, str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _accepted(function: Callable[..., Any], offered: dict[str, Any]) -> dict[str, Any]:
    try:
        names = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {name: value for name, value in offered.items() if name in names}


def _call(function: Callable[..., Any], reference: str, keywords: dict[str, Any]) -> nn.Module:
    # JSON has lists only, constructors of networks expect tuples
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in keywords.items()}
    try:
        module = function(**arguments)
    except ModelError:
        raise  # it says in one line what is wrong already
    except (Exception, SystemExit) as error:
        raise ModelError.of(
            f"{reference} to build a network", f"{type(error).__name__}: {error}", f"it was called with {arguments}"
        ) from error
    if not isinstance(module, nn.Module):
        raise ModelError.of(f"{reference} to return an nn.Module", f"a {type(module).__name__}", "return the network")
    return module

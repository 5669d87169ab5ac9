"""Shape checks and one thread: while tests run, every annotation of memscape is checked at each call.

`jaxtyping`'s own hook does the same with three compiled functions for each function, and looks at each
argument twice: a third of the suite's time went there. Here each function has one beartype wrapper; a memo of
axis names is opened only where an annotation has axes. A function inside a function is not wrapped: it is
made anew at each call, and would be compiled each time.
"""

import ast
import dataclasses
import functools
import importlib.abc
import importlib.machinery
import inspect
import os
import sys
import types
import typing

# Before torch and numba are imported: two xdist workers share the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")  # a pool of two waits three times as long as it works

import pytest

_PACKAGE = "memscape"
_NAME = "__checked__"
_TAG = "checked1"  # another number when the transformation below changes: it names the compiled files


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the setting known, and begin where it is on: what is imported from here on is checked."""
    parser.addini("check_shapes", "check memscape's annotations at each call", type="bool", default=False)
    # Here and not when pytest is configured: a conftest.py below this one imports memscape before that.
    config = pluginmanager.get_plugin("pytestconfig")
    if config is not None and config.getini("check_shapes"):
        sys.meta_path.insert(0, _Finder(_checker()))


# What a function becomes


def _checker() -> typing.Callable:
    from beartype import BeartypeConf, beartype
    from jaxtyping import AbstractArray, jaxtyped

    conf = BeartypeConf(is_pep484_tower=True, violation_type=TypeError)

    def has_axes(hint: typing.Any) -> bool:
        if isinstance(hint, type) and issubclass(hint, AbstractArray):
            return True
        return any(has_axes(part) for part in typing.get_args(hint))

    def checked_function(function: typing.Callable) -> typing.Callable:
        written = getattr(function, "__annotations__", None)
        if not written:
            return function
        hints = {name: _resolved(hint, function.__globals__) for name, hint in written.items()}
        function.__annotations__ = hints
        wanted = beartype(conf=conf)(function)
        function.__annotations__ = wanted.__annotations__ = written
        # A generator's values come when the memo is gone: what it is asked is checked, not what it gives.
        if not any(map(has_axes, hints.values())) or inspect.isgeneratorfunction(function):
            return wanted

        @functools.wraps(function)
        def within_a_memo(*args, **kwargs):
            __tracebackhide__ = True
            with jaxtyped("context"):
                return wanted(*args, **kwargs)

        return within_a_memo

    def checked(thing: typing.Any) -> typing.Any:
        if not inspect.isclass(thing):
            return checked_function(thing)
        made = vars(thing).get("__init__")
        # An __init__ that is written is wrapped where it is written; a dataclass has one that is not.
        if dataclasses.is_dataclass(thing) and made is not None and not hasattr(made, "__wrapped__"):
            thing.__init__ = checked_function(made)
        return thing

    return checked


def _resolved(hint: typing.Any, names: dict[str, typing.Any]) -> typing.Any:
    """The hint with its names looked up; Any where one is imported for the type checker alone."""
    if not _quoted(hint):
        return hint
    holder = types.SimpleNamespace(__annotations__={"it": hint})
    try:
        return typing.get_type_hints(holder, names, None, True)["it"]
    except NameError:
        return typing.Any


def _quoted(hint: typing.Any) -> bool:
    return isinstance(hint, str | typing.ForwardRef) or any(map(_quoted, typing.get_args(hint)))


# How every function comes to it


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, checked: typing.Callable) -> None:
        self.checked = checked

    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] != _PACKAGE:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                break
        else:
            return None
        if isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(self.checked, spec.loader.name, spec.loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, checked: typing.Callable, *place: str) -> None:
        super().__init__(*place)
        self.checked = checked

    def exec_module(self, module) -> None:
        setattr(module, _NAME, self.checked)
        super().exec_module(module)

    def source_to_code(self, data, path, *, _optimize=-1):
        tree = ast.parse(data, path)
        _mark(tree.body)
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True, optimize=_optimize)

    # The compiled files of the transformed modules lie beside the ordinary ones.

    def get_data(self, path):
        return super().get_data(_beside(path))

    def set_data(self, path, data, **how):
        super().set_data(_beside(path), data, **how)


def _beside(path: str) -> str:
    return f"{path[:-4]}.{_TAG}.pyc" if path.endswith(".pyc") else path


def _mark(body: list[ast.stmt]) -> None:
    """Decorate the functions and classes of a body: functions innermost, dataclasses when they are made."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            if any(ast.unparse(one).endswith("no_type_check") for one in node.decorator_list):
                continue
            mark = ast.copy_location(ast.Name(_NAME, ast.Load()), node)
            if isinstance(node, ast.ClassDef):
                node.decorator_list.insert(0, mark)
                _mark(node.body)
            else:
                node.decorator_list.append(mark)
        else:
            for part in ("body", "orelse", "finalbody"):
                _mark(getattr(node, part, []))

"""The statements of `include/sql`, with the macros of the dbt project filled in."""

from __future__ import annotations

import functools
from typing import Any, NoReturn

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.runtime import Context, Macro

from greenery.settings import REPOSITORY

SQL = REPOSITORY / "include" / "sql"
MACROS = REPOSITORY / "include" / "dbt" / "macros"
# The files whose macros the statements use: of dbt's macros only those that need nothing of dbt but `return`.
MACRO_FILES = ("steps.sql", "macros/weeks.sql")


class _Returned(Exception):
    """What a macro returns with dbt's `return`."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _Context(Context):
    """Gives a macro's value to its caller, as dbt does."""

    def call(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call `obj`, which a template names."""
        try:
            return super().call(obj, *args, **kwargs)
        except _Returned as returned:
            if isinstance(obj, Macro):
                return returned.value
            raise


def _return(value: Any) -> NoReturn:
    raise _Returned(value)


@functools.cache
def _environment() -> Environment:
    # The texts are SQL, and only files of this repository are filled in: nothing is to be escaped.
    found = Environment(loader=FileSystemLoader([SQL, MACROS]), undefined=StrictUndefined)  # noqa: S701
    found.context_class = _Context
    found.globals["return"] = _return
    for file in MACRO_FILES:
        module = found.get_template(file).module
        found.globals.update({name: macro for name, macro in vars(module).items() if isinstance(macro, Macro)})
    return found


@functools.cache
def statement(
    name: str,
    history: str = "intermediate",
    sessions: str = "known_sessions",
    session_products: str = "known_session_products",
) -> str:
    """Return the text of `include/sql/<name>.sql`, with its macros filled in.

    history: the schema of the relations that are no marts. They are published in another one than they are built in.
    sessions, session_products: the relations that show these as known at a week's end, as `build.known` returns them.
    """
    text = _environment().get_template(f"{name}.sql")
    return text.render(history=history, sessions=sessions, session_products=session_products)

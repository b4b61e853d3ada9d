"""Finds in a statement what Snowflake does not take, or takes otherwise than DuckDB, in the tree that sqlglot makes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType

# The functions that statements may call: both warehouses have them, with one meaning. A new one is looked up in the
# documentation of both, then added.
SHARED_FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        "abs and avg cast ceil coalesce concat count current_database current_timestamp datediff date_trunc floor "
        "lag lead left ln lower max md5 median min mod nullif or percentile_cont rank row_number stddev substring "
        "sum within_group",
    )
)
# Only what is sent to Snowflake alone may call these.
SNOWFLAKE_FUNCTIONS = frozenset(["current_schema", "current_version", "current_warehouse", "to_char"])
# Snowflake's reserved words, from its documentation; SQL's own that nobody takes for a name are left out.
RESERVED = frozenset(
    re.findall(
        r"\w+",
        "account all any check column connect connection constraint current database following full gscluster ilike "
        "increment inner intersect issue lateral localtime localtimestamp minus natural of organization qualify regexp "
        "rlike row rows sample schema some start table tablesample to trigger try_cast union unique using values view "
        "when whenever",
    )
)
NO_SELECT = "a query without SELECT"
# These read fractions of whole numbers or decimals to six places on Snowflake.
AVERAGES = (exp.Avg, exp.Median, exp.PercentileCont, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Variance)


def violations(text: str) -> list[str]:
    """Return what is wrong with the statements of a text on Snowflake: one line each, sorted."""
    try:
        trees = [tree for tree in sqlglot.parse(text, read="snowflake") if tree]
    except SqlglotError as error:
        return [f"unreadable: {str(error).splitlines()[0]}"]
    found = {f"{name}: {node.sql('snowflake')}" for tree in trees for name, node in _violations(tree)}
    return sorted(found | ({NO_SELECT} if _begins_with_from(text) else set()))


def _begins_with_from(text: str) -> bool:
    """Return whether a query has no SELECT. The tree has one then, too."""
    tokens = [token.token_type for token in sqlglot.tokenize(text, read="snowflake")]
    before = (None, TokenType.L_PAREN, TokenType.SEMICOLON, TokenType.ALIAS, TokenType.ALL, TokenType.EXCEPT)
    return any(
        token is TokenType.FROM and ahead in before for ahead, token in zip([None, *tokens], tokens, strict=False)
    )


def _violations(tree: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    for node in tree.walk():
        for name, rule in RULES.items():
            if rule(node):
                yield name, node


def _function(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Func) or isinstance(node, (exp.Case, exp.If, exp.Exists)):
        return False
    name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
    return name.lower() not in SHARED_FUNCTIONS | SNOWFLAKE_FUNCTIONS


def _subquery_under_or(node: exp.Expr) -> bool:
    is_subquery = isinstance(node, exp.Exists) or (isinstance(node, exp.In) and bool(node.args.get("query")))
    return is_subquery and _is_under_or(node)


def _is_under_or(node: exp.Expr) -> bool:
    above = node.parent
    while isinstance(above, (exp.Not, exp.Paren, exp.And, exp.Or)):
        if isinstance(above, exp.Or):
            return True
        above = above.parent
    return False


def _is_double(node: exp.Expr | None) -> bool:
    return isinstance(node, exp.Cast) and node.to.is_type("double")


def _whole_division(node: exp.Expr) -> bool:
    return isinstance(node, exp.Div) and not _is_double(node.left.unnest())


def _inexact_average(node: exp.Expr) -> bool:
    if not isinstance(node, AVERAGES):
        return False
    argument = node.this
    if isinstance(node, exp.PercentileCont):
        group = node.find_ancestor(exp.WithinGroup)
        argument = group.expression.expressions[0].this if group else None
    # A logarithm is a double, and so is a case of one.
    return not (_is_double(argument) or (argument is not None and argument.find(exp.Ln)))


def _nullable_concat(node: exp.Expr) -> bool:
    if not isinstance(node, exp.Concat):
        return False
    return any(not _is_filled(part) for part in node.expressions)


def _is_filled(node: exp.Expr) -> bool:
    if isinstance(node, exp.Case):
        return _is_filled(node.args["default"]) if node.args.get("default") else False
    return isinstance(node, (exp.Literal, exp.Coalesce))


def _reserved_name(node: exp.Expr) -> bool:
    return isinstance(node, exp.Identifier) and not node.quoted and node.name.lower() in RESERVED


def _windowless_qualify(node: exp.Expr) -> bool:
    return isinstance(node, exp.Qualify) and node.find(exp.Window) is None


RULES: dict[str, Callable[[exp.Expr], bool]] = {
    "Snowflake runs no such statement": lambda node: isinstance(node, (exp.Command, exp.Pragma)),
    "a function that only one of the two has": _function,
    "a subquery under OR": _subquery_under_or,
    "an interval is multiplied": lambda node: isinstance(node, exp.Mul) and node.find(exp.Interval) is not None,
    "a list of a window": lambda node: isinstance(node, exp.Window) and isinstance(node.this, exp.GroupConcat),
    "a division of what is no double": _whole_division,
    "an average of what is no double": _inexact_average,
    "concat of what may be null": _nullable_concat,
    "an aggregate with FILTER": lambda node: isinstance(node, exp.Filter),
    "a parameter without a name": lambda node: isinstance(node, exp.Placeholder),
    "a CHECK constraint": lambda node: isinstance(node, exp.CheckColumnConstraint),
    "a reserved word as a name": _reserved_name,
    "an insert that replaces": lambda node: isinstance(node, exp.Insert) and bool(node.args.get("alternative")),
    "QUALIFY without a window": _windowless_qualify,
    "a subquery in ORDER BY": lambda node: isinstance(node, exp.Ordered) and node.find(exp.Select) is not None,
}


def without_comments(text: str) -> str:
    """Return a statement without its comments, which may hold anything."""
    return re.sub(r"--[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)

"""Both warehouses read every statement: what one of them does not take is found."""

from __future__ import annotations

import pytest
import sqlfluff
from greenery.warehouse.statements import MACRO_FILES, SQL, statement

from tests.snowflake import grammar

# Only DuckDB runs these: they read the published files, or simulate a shop.
DUCKDB_ONLY = ("funnel/", "simulator/")
# sqlglot knows no roles, users and grants: sqlfluff reads this one.
SETUP = "snowflake/setup"
STATEMENTS = [
    name
    for path in sorted(SQL.rglob("*.sql"))
    if not (name := path.relative_to(SQL).with_suffix("").as_posix()).startswith(DUCKDB_ONLY)
    and f"{name}.sql" not in MACRO_FILES
    and name != SETUP
]
# What breaks each rule.
BREAKS = {
    "Snowflake runs no such statement": "pragma threads = 1",
    "a function that only one of the two has": "select strftime(as_of, '%Y') from pairs",
    "a subquery under OR": "select a from t where a = 1 or (a = 2 and not exists (select b from u))",
    "an interval is multiplied": "select $as_of - weeks * interval '7 days' from t",
    "a list of a window": "select listagg(a, ' ') over (order by a) from t",
    "a division of what is no double": "select count(*) / 8.0 from t",
    "an average of what is no double": "select percentile_cont(0.95) within group (order by a) from t",
    "concat of what may be null": "select concat(a, 'x') from t",
    "an aggregate with FILTER": "select count(*) filter (where a = 1) from t",
    "a parameter without a name": "select a from t where a = ?",
    "a CHECK constraint": "create table t (a integer check (a > 1))",
    "a reserved word as a name": "with rows as (select 1 as a) select a from rows",
    "QUALIFY without a window": "select a from t qualify a = 1",
    "a subquery in ORDER BY": "select a from t order by a in (select b from u)",
    "an insert that replaces": "insert or replace into t values (1)",
    grammar.NO_SELECT: "create table t as from u",
    "unreadable": "attach 'file' as other",
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_of_include_sql_is_for_both(name):
    assert grammar.violations(statement(name)) == []


def test_snowflake_reads_the_script_that_sets_it_up():
    text = statement(SETUP)
    assert sqlfluff.parse(text, dialect="snowflake")
    with pytest.raises(sqlfluff.api.APIParsingError):
        sqlfluff.parse(text.replace("grant usage", "grant useage"), dialect="snowflake")


@pytest.mark.parametrize("rule", [*grammar.RULES, grammar.NO_SELECT, "unreadable"])
def test_a_planted_violation_is_found(rule):
    found = grammar.violations(BREAKS[rule])
    assert any(line.startswith(f"{rule}") for line in found), found

"""What is recorded of a failed dbt test: the model that it tests, and what it means."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from greenery.build import dbt_tests
from greenery.settings import REPOSITORY

DBT = REPOSITORY / "include" / "dbt"
BY_HAND = sorted(path for path in (DBT / "tests").rglob("*.sql") if path.parent.name != "generic")


def failure(**node: object) -> dict:
    """Return what is recorded of a test that found two rows."""
    test = SimpleNamespace(resource_type="test", name="sums_agree", unique_id="test.greenery.sums_agree", **node)
    result = SimpleNamespace(node=test, status="fail", failures=2, message="Got 2 results")
    [found] = dbt_tests.failures([result])
    return found


def test_a_test_that_is_written_by_hand_is_recorded_with_the_model_it_names_and_its_first_comment():
    text = "\n-- The sums of both\n-- agree.\n{{ config(meta={'model': 'fct_sums'}) }}\n\n-- The rest.\nselect 1\n"
    # dbt attaches it to no model, and names the sources that it reads first.
    depends_on = SimpleNamespace(nodes=["source.greenery.landing.build_lock", "model.greenery.int_sums"])
    found = failure(raw_code=text, config=SimpleNamespace(meta={"model": "fct_sums"}), depends_on=depends_on)
    assert found.model_dump() == {
        "test": "sums_agree",
        "model": "fct_sums",
        "meaning": "The sums of both agree.",
        "failures": 2,
        "message": "Got 2 results",
    }


def test_a_test_of_a_model_s_yml_is_recorded_with_that_model():
    found = failure(
        raw_code="{{ test_unique(**_dbt_generic_test_kwargs) }}",
        config=SimpleNamespace(meta={}),
        attached_node="model.greenery.fct_sums",
    )
    assert (found.model, found.meaning) == ("fct_sums", "fct_sums passes dbt's test sums_agree.")


def test_a_test_that_names_no_model_is_recorded_with_the_models():
    assert failure(raw_code="select 1", config=SimpleNamespace(meta={})).model == "models"


def test_a_build_of_which_dbt_has_run_no_test_is_not_tested():
    with pytest.raises(dbt_tests.TestsBrokenError, match="no test"):
        dbt_tests.failures([])


@pytest.mark.parametrize("path", BY_HAND, ids=lambda path: path.stem)
def test_each_test_that_is_written_by_hand_says_its_meaning_and_names_a_model(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("-- ")
    [model] = re.findall(r"^\{\{ config\(meta=\{'model': '(\w+)'\}\) \}\}$", text, re.MULTILINE)
    assert list((DBT / "models").rglob(f"{model}.sql"))

"""Every case of delivery, against servers that answer as the real ones do."""

import pytest

from tests.delivery.cases import CASES
from tests.delivery.world import world


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.channel}-{case.play.__name__}")
def test_case(case, tmp_path):
    with world(tmp_path) as made:
        assert case.play(made)

"""What the tests of delivery share."""

import pytest

from tests.delivery.world import World, world


@pytest.fixture
def made(tmp_path) -> World:
    """A world with a report, a Slack and a mail server, both connected."""
    with world(tmp_path) as found:
        yield found

"""Deliver the week's digest over the channel that is named: the process that a test kills."""

import sys

from greenery.channels.channel import CHANNELS
from greenery.delivery import delivering
from greenery.settings import load

from tests.delivery.world import AS_OF

print(delivering.deliver(load(), AS_OF, CHANNELS[sys.argv[1]], "always", is_scheduled=False))

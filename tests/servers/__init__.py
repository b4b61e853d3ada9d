"""Servers on loopback that refuse what the real ones refuse."""

# How often a server looks whether it is to stop; a test waits for it.
POLL_SECONDS = 0.02

"""The program greenery: one module a command."""

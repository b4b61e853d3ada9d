"""Connect to the warehouse; run statements and transactions."""

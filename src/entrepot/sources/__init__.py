"""Clients of public statistics from which ledgers are built."""

"""Embedded tables; SOURCES.md says what each is and how it was made."""

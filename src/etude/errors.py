"""Errors that tell a user what to change."""


class InputError(ValueError):
    """Something the user gave cannot be used. The message names the field, rule and value."""

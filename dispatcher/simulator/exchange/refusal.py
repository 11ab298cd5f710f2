"""What an exchange does not do, with the vendor's code for it."""


class Refusal(Exception):
    """A request that the PBX refuses; `code` is the vendor's own."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

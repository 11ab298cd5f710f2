"""Telephone numbers of alarms, contacts and lists: what people write, as E.164."""

import phonenumbers


def e164(number: str, region: str) -> str:
    """``number`` as E.164. Raises ``ValueError`` when it can't be one.

    Only its length is checked against the country's plan: ranges are opened faster than any list of
    them is brought up to date, and the PBX says when a number does not exist.
    """
    try:
        parsed = phonenumbers.parse(number, region or None)
    except phonenumbers.NumberParseException:
        if not region and not number.startswith("+"):
            mend = "write it with + and the country code, or set alarms.region"
            raise ValueError(f"the number has no country code; {mend}") from None
        raise ValueError("this is not a telephone number") from None
    if not phonenumbers.is_possible_number(parsed) or parsed.extension:
        raise ValueError("this is not a telephone number that can be dialled: its length is wrong")
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))

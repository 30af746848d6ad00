"""What ClickSend's answers look like, key by key and type by type.

Strict on purpose: the Java SDK rejects a key it does not know and the Go SDK does so in registrations, and the Python
SDK rejects a number where a string belongs. A shape is a type, a tuple of alternatives, a dict (exactly these keys,
those under OPTIONAL may be absent) or a one-element list (any number of these).
"""

NONE = type(None)
TEXT = (str, NONE)
COUNT = (int, NONE)
OPTIONAL = object()

CURRENCY = {
    "currency_name_short": str,
    "currency_prefix_d": str,
    "currency_prefix_c": str,
    "currency_name_long": str,
    OPTIONAL: {"min_recharge_amount": str, "max_recharge_amount": str},
}

STATUS = {"value": int, "label": str, "description": str, "name": str}

OWNED = {
    "dedicated_number": str,
    "country": str,
    "price": str,
    "_country_name": str,
    OPTIONAL: {
        "notes": TEXT,
        "type": TEXT,
        "number_type": TEXT,
        "number_category": TEXT,
        "number_guid": TEXT,
        "form_submission_id": TEXT,
        "status": (STATUS, NONE),
    },
}

OFFER = {
    "country": str,
    "country_name": str,
    "dedicated_number": str,
    "price_setup": str,
    "price_monthly": str,
    "price_total": str,
    "address_requirement": TEXT,
}

BOUGHT = {
    "dedicated_number": str,
    "country": str,
    "price_total": str,
    "_price_setup": str,
    "_price_monthly": str,
    "_currency": CURRENCY,
}


def page_of(row: dict) -> dict:
    return {
        "total": int,
        "per_page": int,
        "current_page": int,
        "last_page": int,
        "next_page_url": TEXT,
        OPTIONAL: {"prev_page_url": TEXT, "from": COUNT, "to": COUNT, "data": [row]},
        "_currency": (CURRENCY, NONE),
    }


def envelope(data) -> dict:
    return {"http_code": int, "response_code": str, "response_msg": str, "data": data}


LIST = envelope(page_of(OWNED))
SEARCH = envelope(page_of(OFFER))
BUY = envelope(BOUGHT)
REGISTERED = envelope(NONE)
REFUSED = envelope(NONE)
FAULTY = envelope((NONE, dict))


def faults(value, shape, at: str = "$") -> list[str]:
    """Every way in which the value is not of the shape."""
    if isinstance(shape, tuple):
        tried = [faults(value, alternative, at) for alternative in shape]
        return min(tried, key=len) if all(tried) else []
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{at}: {type(value).__name__}, not a list"]
        return [fault for i, row in enumerate(value) for fault in faults(row, shape[0], f"{at}[{i}]")]
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{at}: {type(value).__name__}, not an object"]
        return _key_faults(value, shape, at)
    # bool is an int in Python and is not one in JSON.
    fits = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
    return [] if fits else [f"{at}: {type(value).__name__}, not {shape.__name__}"]


def _key_faults(value: dict, shape: dict, at: str) -> list[str]:
    optional = shape.get(OPTIONAL, {})
    needed = {key: inner for key, inner in shape.items() if key is not OPTIONAL}
    found = [f"{at}.{key}: unknown" for key in value if key not in needed and key not in optional]
    found += [f"{at}.{key}: missing" for key in needed if key not in value]
    for key, inner in {**needed, **optional}.items():
        if key in value:
            found += faults(value[key], inner, f"{at}.{key}")
    return found

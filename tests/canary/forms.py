"""How a secret may look when it leaks, and where in some bytes it does.

Every form is found by its bytes, so a secret inside of a longer encoded text counts as well: base64 is searched at each
of its three alignments, without the characters that depend on what stands beside.
"""

import base64
import re
import urllib.parse
from pathlib import Path

# A shorter piece would be found by chance.
SHORTEST = 12


def base64_inside(secret: bytes, encode) -> set[bytes]:
    """What of its base64 is the same whatever stands before and after it."""
    found = set()
    for before in range(3):
        text = encode(b"\0" * before + secret)
        first = -(-before * 8 // 6)
        last = (before + len(secret)) * 8 // 6
        found.add(text[first:last])
    return found


def forms(secret: bytes, user: bytes) -> dict[str, set[bytes]]:
    """The secret by the name of its form."""
    quoted = urllib.parse.quote_from_bytes(secret, safe="").encode()
    every_byte = b"".join(b"%%%02X" % byte for byte in secret)
    pairs = [user + b":" + secret, secret + b":" + user]
    return {
        "raw": {secret, secret[::-1]},
        "base64": base64_inside(secret, base64.b64encode),
        "base64url": base64_inside(secret, base64.urlsafe_b64encode),
        "basic": {base64.b64encode(pair) for pair in pairs} | {pair[::-1] for pair in pairs},
        "url": {quoted, quoted.lower(), every_byte, every_byte.lower()},
        "hex": {secret.hex().encode(), secret.hex().upper().encode()},
        "bytes": {str(list(secret)).encode(), ",".join(str(byte) for byte in secret).encode()},
    }


class Hunt:
    """Looks for many secrets at once."""

    def __init__(self, secrets: dict[str, bytes], user: str):
        self.named = {}
        for name, secret in secrets.items():
            assert len(secret) >= SHORTEST, f"{name} is too short to be looked for"
            for form, texts in forms(secret, user.encode()).items():
                for text in texts:
                    self.named.setdefault(text, f"{name} ({form})")
        self._any = re.compile(b"|".join(re.escape(text) for text in sorted(self.named, key=len, reverse=True)))

    def in_bytes(self, data: bytes) -> set[str]:
        return {self.named[found] for found in self._any.findall(data)}

    def in_file(self, path: Path) -> set[str]:
        return self.in_bytes(path.read_bytes())

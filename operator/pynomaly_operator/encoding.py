"""What is sent to the API server: JSON that is YAML too, for it reads an apply as YAML."""

import json
import re

_BASIC_PLANE = re.compile("[\x7f-\uffff]")


def encoded(body: object) -> bytes:
    """The body as JSON, which a reader of YAML understands as one of JSON does.

    Characters beyond the Basic Multilingual Plane stand for themselves: JSON escapes them as surrogates, which are none
    to YAML. All others but ASCII are escaped: some YAML forbids, and some it takes for line breaks
    (https://yaml.org/spec/1.2.2/#51-character-set, section 5.4).
    """
    text = json.dumps(body, ensure_ascii=False)
    if not text.isascii() or "\x7f" in text:
        text = _BASIC_PLANE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.encode()

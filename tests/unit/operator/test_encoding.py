import json
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pynomaly_operator.encoding import encoded

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
CONTENT = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(CONTENT)
@example("température 温度 🌡")
@example(r"\ud83c\udf21 is written so")
@example("\x7f\x85\u2028\u2029\ufeff\ufffe\uffff\U0010ffff")
def test_json_and_yaml_read_the_same_as_was_written(content: Any) -> None:
    raw = encoded({"content": content})

    assert json.loads(raw) == {"content": content}
    assert yaml.safe_load(raw) == {"content": content}


def test_what_is_ascii_is_plain_json() -> None:
    assert encoded({"a": ["b", 1]}) == b'{"a": ["b", 1]}'

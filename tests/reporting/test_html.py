import base64
import io

import numpy as np
from PIL import Image

from gendistill.reporting.html import join, number, picture, table, tag


def test_text_is_escaped_and_markup_is_not():
    inner = tag("b", "<script>&")
    assert inner == "<b>&lt;script&gt;&amp;</b>"
    assert tag("p", inner, ' "x"', class_="a\"b'") == ('<p class="a&quot;b&#x27;"><b>&lt;script&gt;&amp;</b> "x"</p>')
    assert join(["a<b", inner]) == f"a&lt;b{inner}"


def test_attributes():
    assert tag("line", x1=0.0, x2=-0.001, stroke_width=12.3456) == '<line x1="0" x2="-0" stroke-width="12.35"/>'
    assert tag("meta", http_equiv="x", name="y", id=None) == '<meta http-equiv="x" name="y">'
    assert [number(value) for value in (0.0, 100.0, 0.5, 1 / 3)] == ["0", "100", "0.5", "0.33"]


def test_a_picture_holds_its_pixels():
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    written = picture(pixels, "six <dots>")
    assert 'alt="six &lt;dots&gt;" width="3" height="2"' in written
    data = base64.b64decode(written.split("base64,")[1].split('"')[0])
    with Image.open(io.BytesIO(data)) as opened:
        assert (np.asarray(opened) == pixels).all()


def test_a_table_names_its_rows_and_columns():
    written = table(["", "a"], [["first", "1"], ["second", "2"]], "what", strong=lambda label: label == "second")
    assert "<caption><span>what</span></caption>" in written
    assert '<tr class="strong"><th scope="row">second</th><td>2</td></tr>' in written
    assert '<tr><th scope="row">first</th><td>1</td></tr>' in written

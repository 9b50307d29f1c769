"""The colors of the shell's style sheet can be read, in light and in dark."""

import re

import pytest

from ayrix_foundation.assets import STATIC

TEXT = 4.5  # WCAG 2.2, 1.4.3, at any size
SHAPE = 3.0  # WCAG 2.2, 1.4.11: edges, bars, the ring of the focus

STATES = ("ok", "warn", "bad", "info")
BACKGROUNDS = ("bg", "surface", "surface-2")
SOFT = tuple(f"{state}-soft" for state in STATES)

PAIRS = [
    *[("text", behind, TEXT) for behind in (*BACKGROUNDS, *SOFT, "brand-soft")],
    *[("muted", behind, TEXT) for behind in (*BACKGROUNDS, "brand-soft")],
    *[("brand", behind, TEXT) for behind in (*BACKGROUNDS, "brand-soft")],
    *[(state, behind, TEXT) for state in STATES for behind in ("surface", f"{state}-soft")],
    *[("brand-hover", behind, TEXT) for behind in BACKGROUNDS],
    *[
        (f"on-{fill}", shade, TEXT)
        for fill in ("brand", "add", "danger")
        for shade in (fill, f"{fill}-hover")
    ],
    ("surface", "text", TEXT),  # the toast
    *[("control", behind, SHAPE) for behind in ("bg", "surface")],
    *[("brand", behind, SHAPE) for behind in SOFT],
    ("add", "surface", SHAPE),
    ("danger", "surface", SHAPE),
    *[(bar, "surface", SHAPE) for bar in ("bar", "bar-warn", "bar-bad")],
    *[(bar, "track", SHAPE) for bar in ("bar", "bar-warn", "bar-bad")],
]


def tokens() -> dict[str, dict[str, str]]:
    """The colors by theme and name, as app.css declares them."""
    css = (STATIC / "shell/app.css").read_text()
    declared = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", css)
    return {
        "light": {name: light for name, light, _ in declared},
        "dark": {name: dark for name, _, dark in declared},
    }


def luminance(color: str) -> float:
    """Relative luminance of #rrggbb, as WCAG 2.2 defines it."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = [
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in channels
    ]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_black_on_white_has_the_highest_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("front", "behind", "least"), PAIRS)
def test_colors_can_be_told_apart(theme: str, front: str, behind: str, least: float) -> None:
    colors = tokens()[theme]
    assert contrast(colors[front], colors[behind]) >= least

"""What all pages have: one HTML file each, which opens anywhere and asks the network for nothing."""

from __future__ import annotations

import html
from importlib import resources
from string import Template

# Content-Security-Policy: what a page may do. All that it has stands in it.
STILL = "style-src 'unsafe-inline'"
SCRIPTED = f"script-src 'unsafe-inline'; {STILL}"


def asset(name: str) -> str:
    """A file beside this one."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def framed(
    name: str,
    *,
    title: str,
    subtitle: str,
    css: str = "",
    nav: str = "",
    policy: str = SCRIPTED,
    **parts: str,
) -> str:
    """The page whose body is the asset `name` with its `parts`. css: beside that of all pages; nav: a line
    below the subtitle."""
    return Template(asset("frame.html")).substitute(
        title=html.escape(title),
        subtitle=html.escape(subtitle),
        css=asset("page.css") + css,
        nav=nav,
        policy=policy,
        body=Template(asset(name)).substitute(parts).rstrip("\n"),
    )

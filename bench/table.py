"""Markdown tables of medians and ratios."""

from proxies import TITLES

BASE = "evenkeel"
# Caddy is shown, but a ratio to it says little: it does more, in a language with a garbage collector.
RATIOS = ("other", "nginx", "haproxy", "floor")


def row(cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def header(*columns):
    row(columns)
    print("|" + "---|" * len(columns), flush=True)


class Comparison:
    """A table with one column a proxy, and evenkeel's ratio to the others behind them."""

    def __init__(self, what, names, digits=1):
        self.names, self.digits = names, digits
        self.against = [name for name in RATIOS if name in names] if BASE in names else []
        header(what, *(TITLES[name] for name in names), *(f"{BASE}/{TITLES[name]}" for name in self.against))

    def add(self, title, values):
        row([title, *(f"{values[name]:,.{self.digits}f}" for name in self.names),
             *(ratio(values[BASE], values[name]) for name in self.against)])


def ratio(one, other):
    return f"{one / other:.2f}" if other > 0 else "-"

"""`make audit`: what tools find that no one here wrote. One that could not look is a failure; `make audit TOOLS=semgrep,wapiti` chooses."""
from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from tests.audit import attacks, observatory, pages, sources
from tests.audit.installed import CouldNotLook

Tool = Callable[[], list[str]]
TOOLS: dict[str, Tool] = {
    "bandit": sources.bandit, "semgrep": sources.semgrep, "pip-audit": sources.pip_audit, "sbom": sources.sbom,
    "csp_evaluator": pages.csp_evaluator, "vnu": pages.html_checker, "lighthouse": pages.lighthouse, "observatory": observatory.observatory,
    "schemathesis": attacks.schemathesis, "wapiti": attacks.wapiti, "sqlmap": attacks.sqlmap,
}
SHOWN = 40      # findings of a tool


def main(names: str, tools: dict[str, Tool] = TOOLS) -> int:
    chosen = [name.strip() for name in names.split(",") if name.strip()] or list(tools)
    if unknown := sorted(set(chosen) - set(tools)):
        print(f"There is no tool called {', '.join(unknown)}. There are: {', '.join(tools)}", file=sys.stderr)
        return 2
    table = []
    for name in chosen:
        begun = time.monotonic()
        table.append((name, *looked(name, tools[name]), time.monotonic() - begun))
    print(f"\n{'tool':<15}{'seconds':>8}  result")
    for name, result, _, seconds in table:
        print(f"{name:<15}{seconds:>8.0f}  {result}")
    return 0 if all(passed for _, _, passed, _ in table) else 1


def looked(name: str, tool: Tool) -> tuple[str, bool]:
    """What the table says of it, and whether it passed."""
    try:
        found = tool()
    except (CouldNotLook, OSError, subprocess.SubprocessError, AssertionError, ValueError, KeyError) as reason:
        print(f"{name}: COULD NOT LOOK: {reason}", flush=True)
        return f"COULD NOT LOOK: {str(reason).splitlines()[0] if str(reason) else type(reason).__name__}", False
    for each in found[:SHOWN]:
        print(f"{name}: {each}", flush=True)
    return (f"{len(found)} FOUND", False) if found else ("nothing found", True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))

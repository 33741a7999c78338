"""`python -m benchmarks`: lists the benchmarks; `python -m benchmarks <name> […]` runs one, `all` runs each.

A benchmark is a module in this folder with a `main(arguments)`.
"""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType

import benchmarks


def found() -> dict[str, ModuleType]:
    """The benchmarks by name."""
    modules = {
        module.name: importlib.import_module(f"benchmarks.{module.name}")
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if module.name != "__main__"
    }
    return {name: module for name, module in modules.items() if hasattr(module, "main")}


def main(arguments: list[str]) -> int:
    """Run the benchmark named first. Returns the exit code."""
    known = found()
    if arguments == ["all"]:
        return max(_alone(name) for name in sorted(known))
    if not arguments or arguments[0] not in known:
        print("Usage: python -m benchmarks <name>|all\n")
        for name, module in sorted(known.items()):
            print(f"  {name:<10} {(module.__doc__ or '').splitlines()[0]}")
        return 0 if not arguments else 2
    return int(known[arguments[0]].main(arguments[1:]) or 0)


def _alone(name: str) -> int:
    """Run it in a process of its own: what another one has loaded or left warm would count."""
    print(f"\n== {name}", flush=True)
    return subprocess.run([sys.executable, "-m", "benchmarks", name], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

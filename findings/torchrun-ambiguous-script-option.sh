#!/usr/bin/env bash
# Does torchrun give a script its own options, as in `torchrun --nproc_per_node=2 train.py --run r`?
# Expected: yes; its usage says that all behind the script is the script's.
# Seen: torch 2.13.0 on CPython 3.11 ends with 2 before the script begins: "ambiguous option: --run could match
# --run-path, --run_path". So does every option of a script that begins one of torchrun's in two words (--max, --log,
# --node, --local), since torchrun gives these two spellings and argparse, which compares before it knows where the
# script begins, finds two. An option that begins nothing of torchrun's (--epochs) arrives.
# What works: `--` before or behind the script (`torchrun ... -m -- module --run r`).
# Why it matters: training commands that work alone, and under accelerate launch, fail under torchrun at once.
# Checked in two ways: by torchrun with a script and with a module; and by argparse alone, with a parser that has one
# option in two spellings and takes the rest as it is (with one spelling the rest arrives).
# Seen with numpy 2.4.6, Linux.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
cd "$folder"
export OMP_NUM_THREADS=1
cat >train.py <<'PYTHON'
import argparse

parser = argparse.ArgumentParser()
for option in ("--run", "--max", "--epochs"):
    parser.add_argument(option)
print("the script got", vars(parser.parse_args()))
PYTHON
launch() { "$folder/venv/bin/python" -m torch.distributed.run --standalone --nproc_per_node=1 "$@" 2>&1 | tail -n 1 || true; }

refused=$(launch train.py --run r)
module=$(launch -m train --max 3)
other=$(launch train.py --epochs 3)
dashes=$(launch -m -- train --run r)
printf '%s\n' "$refused" "$module" "$other" "$dashes"
[[ $refused == *"ambiguous option: --run could match --run-path, --run_path"* ]]
[[ $module == *"ambiguous option: --max could match --max-restarts, --max_restarts"* ]]
[[ $other == *"'epochs': '3'"* && $dashes == *"'run': 'r'"* ]]

"$folder/venv/bin/python" - <<'PYTHON'
import argparse


def refuses(*spellings):
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument(*spellings)
    parser.add_argument("script")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    try:
        return parser.parse_args(["train.py", "--run", "r"]).rest != ["--run", "r"]
    except (argparse.ArgumentError, SystemExit):
        return True


assert refuses("--run-path", "--run_path")
assert not refuses("--run-path")
print("argparse alone: two spellings of one option are refused, one is not")
PYTHON

"""Write the report: write_report.py --title=T --rejected=JSON --output=MD REGION..."""

import argparse
import json
import pathlib

parser = argparse.ArgumentParser()
parser.add_argument("--title", required=True)
parser.add_argument("--rejected", required=True, type=pathlib.Path)
parser.add_argument("--output", required=True, type=pathlib.Path)
parser.add_argument("regions", nargs="+", type=pathlib.Path)
args = parser.parse_args()

lines = [f"# {args.title}", ""]
for region in args.regions:
    lines += [f"## {region.stem.removesuffix('_best_sellers').title()}", ""]
    for line in region.read_text(encoding="utf-8").splitlines():
        sold, product = line.split(maxsplit=1)
        lines.append(f"- {product}: {sold}")
    lines.append("")
lines.append(f"{json.loads(args.rejected.read_text())} orders were rejected.")
args.output.write_text("\n".join(lines) + "\n", encoding="utf-8")

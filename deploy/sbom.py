#!/usr/bin/env python3
"""What the program is made of, as CycloneDX 1.6: every crate that is compiled into it or builds it, and Debian's packages in the
image.

    sbom.py [--debian FILE] > sbom.cdx.json

FILE has a line for each package: name, version, architecture. The same sources give the same document, byte for byte.
"""

import argparse
import json
import re
import subprocess
import uuid


def said(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def cargo() -> dict:
    here = re.search(r"^host: (.*)$", said("rustc", "-vV"), re.MULTILINE)[1]
    return json.loads(said("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", here))


def checksums() -> dict[tuple[str, str], str]:
    """SHA-256 of each crate, as Cargo.lock has it."""
    found = {}
    for package in open("Cargo.lock").read().split("[[package]]")[1:]:
        keys = dict(re.findall(r'^(name|version|checksum) = "(.*)"$', package, re.MULTILINE))
        if "checksum" in keys:
            found[keys["name"], keys["version"]] = keys["checksum"]
    return found


def compiled() -> set[tuple[str, str]]:
    """Name and version of what is in the program or builds it. `cargo metadata` alone would name more: it does not know which
    features the tests alone switch on."""
    tree = said("cargo", "tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}")
    return {re.match(r"(\S+) v(\S+)", line).groups() for line in tree.splitlines()}


def crate(package: dict, digests: dict) -> dict:
    component = {
        "type": "library", "bom-ref": purl(package), "name": package["name"], "version": package["version"],
        "purl": purl(package),
    }  # fmt: skip
    if digest := digests.get((package["name"], package["version"])):
        component["hashes"] = [{"alg": "SHA-256", "content": digest}]
    if licence := package["license"]:
        # An older way to write OR.
        component["licenses"] = [{"expression": re.sub(r" ?/ ?", " OR ", licence)}]
    return component


def purl(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version'].replace('+', '%2B')}"


def of_debian(line: str) -> dict:
    name, version, architecture = line.split()
    escaped = version.replace("+", "%2B").replace(":", "%3A")
    return {
        "type": "library", "name": name, "version": version,
        "bom-ref": f"debian/{name}", "purl": f"pkg:deb/debian/{name}@{escaped}?arch={architecture}",
    }  # fmt: skip


def document(debian: list[str]) -> dict:
    metadata, digests, names = cargo(), checksums(), compiled()
    packages = {one["id"]: one for one in metadata["packages"] if (one["name"], one["version"]) in names}
    root = packages[metadata["resolve"]["root"]]
    crates = sorted((one for one in packages.values() if one is not root), key=purl)
    edges = {
        purl(packages[node["id"]]): sorted({purl(packages[one]) for one in node["dependencies"] if one in packages})
        for node in metadata["resolve"]["nodes"] if node["id"] in packages
    }  # fmt: skip
    body = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {**crate(root, digests), "type": "application"}},
        "components": [crate(one, digests) for one in crates] + [of_debian(line) for line in sorted(debian)],
        "dependencies": [{"ref": ref, "dependsOn": edges[ref]} for ref in sorted(edges)],
    }  # fmt: skip
    # A name made of what it says, so that it changes only when that does.
    return {"serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(body)).urn, **body}


arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--debian", type=argparse.FileType())
given = arguments.parse_args()
print(json.dumps(document(given.debian.read().splitlines() if given.debian else []), indent=1))

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Content of the test volumes, and the manifests.

Block n (512 bytes) of a volume written as TEXT ("<volume> <generation>")
holds the line "TEXT n\n" repeated, cut at 512 bytes.

  content.py gen TEXT FIRST COUNT > file
  content.py manifest IMAGE VOLDIR INFO.json ... > IMAGE.json
"""
import hashlib, json, os, re, sys


def block(text, n):
    line = ("%s %d\n" % (text, n)).encode()
    return (line * (512 // len(line) + 1))[:512]


def ranges(path):
    """Run-length list of what the file holds; every block must obey the formula."""
    out, n, h = [], 0, hashlib.sha256()
    zero = bytes(512)
    with open(path, "rb") as f:
        while True:
            b = f.read(512)
            if not b:
                break
            assert len(b) == 512
            h.update(b)
            if b == zero:
                t = "zero"
            else:
                first = b.split(b"\n", 1)[0].decode()
                t, num = first.rsplit(" ", 1)
                assert int(num) == n and block(t, n) == b, (path, n, first)
            if out and out[-1][2] == t:
                out[-1][1] += 1
            else:
                out.append([n, 1, t])
            n += 1
    return {"size": n * 512, "sha256": h.hexdigest(), "ranges": out}


def main():
    if sys.argv[1] == "gen":
        text, first, count = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
        for n in range(first, first + count):
            sys.stdout.buffer.write(block(text, n))
        return
    image, voldir = sys.argv[2], sys.argv[3]
    m = {"image": os.path.basename(image), "image_size": os.path.getsize(image),
         "image_sha256": hashlib.sha256(open(image, "rb").read()).hexdigest(),
         "block_size": 512}
    for info in sys.argv[4:]:
        m.update(json.load(open(info)))
    m["volumes"] = {}
    for v in sorted(os.listdir(voldir)):
        if v.endswith(".bin"):
            m["volumes"][v[:-4]] = ranges(os.path.join(voldir, v))
    for d in m.get("reloaded", {}).get("bdev_get_bdevs", []):  # lvols: their uuid and blob
        for a in d["aliases"]:
            v = m["volumes"].get(a.split("/")[-1])
            if v and d["product_name"] == "Logical Volume":
                v["uuid"] = d["uuid"]
    for n, b in m.get("blobs", {}).items():
        m["volumes"][n]["blob"] = b
    out = json.dumps(m, indent=1)
    out = re.sub(r'\[\s+(\d+),\s+(\d+),\s+("[^"]*")\s+\]', r'[\1, \2, \3]', out)
    sys.stdout.write(out + "\n")


main()

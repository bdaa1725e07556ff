"""Checks a proof by the specifications alone: RFC 8032, RFC 6962, RFC 9162, C2SP signed-note, tlog-proof and tlog-witness.

    check_proof.py inclusion PROOF KEY            prints the record's body
    check_proof.py consistency PROOF KEY OLDER    prints both sizes

Nothing here is ours but this file, and nothing outside Python's own library is used. Ends with 1 when a proof does not hold.
"""

import base64
import hashlib
import sys


# RFC 8032, section 6: Ed25519.
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(one, two):
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c, d = 2 * one[3] * two[3] * D % P, 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(number, point):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point, number = add(point, point), number >> 1
    return result


def same(one, two):
    return (one[0] * two[2] - two[0] * one[2]) % P == 0 and (one[1] * two[2] - two[1] * one[2]) % P == 0


def x_of(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x & 1 != sign else x


GY = 4 * pow(5, P - 2, P) % P
GX = x_of(GY, 0)
BASE = (GX, GY, 1, GX * GY % P)


def point(text):
    y = int.from_bytes(text, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def signed(key, message, signature):
    a, r = point(key), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    return same(times(s, BASE), add(r, times(h, a)))


# RFC 6962, section 2.1.
def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


# RFC 9162, section 2.1.3.2.
def includes(index, size, hashed, proof, root):
    if index >= size:
        return False
    fn, sn, r = index, size - 1, hashed
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            if not fn & 1:
                while True:
                    fn, sn = fn >> 1, sn >> 1
                    if fn & 1 or fn == 0:
                        break
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


# RFC 9162, section 2.1.4.2.
def continues(first, second, first_hash, second_hash, proof):
    if first == second:
        return not proof and first_hash == second_hash
    if not 0 < first < second or not proof:
        return False
    if first & (first - 1) == 0:
        proof = [first_hash, *proof]
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            if not fn & 1:
                while True:
                    fn, sn = fn >> 1, sn >> 1
                    if fn & 1 or fn == 0:
                        break
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == first_hash and sr == second_hash and sn == 0


def decoded(text):
    return base64.b64decode(text, validate=True)


def checkpoint(note, vkey):
    """The size and root of a note that the key has signed."""
    name, key_id, key = vkey.split("+", 2)
    key = decoded(key)
    expected = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    assert key[0] == 1 and expected.hex() == key_id, "not a key"
    text, lines = note.rsplit("\n\n", 1)
    text += "\n"
    by_key = []
    for line in lines.removesuffix("\n").split("\n"):
        dash, signer, signature = line.split(" ")
        signature = decoded(signature)
        if dash == "\u2014" and signer == name and signature[:4] == expected:
            by_key.append(signed(key[1:], text.encode(), signature[4:]))
    assert by_key and all(by_key), "not signed by the key"
    origin, size, root = text.split("\n")[:3]
    assert origin == name, "of another log"
    return int(size), decoded(root)


def main():
    kind, path, vkey = sys.argv[1:4]
    with open(path, encoding="utf-8", newline="") as file:
        head, note = file.read().split("\n\n", 1)
    lines = head.split("\n")
    size, root = checkpoint(note, vkey)
    if kind == "inclusion":
        assert lines.pop(0) == "c2sp.org/tlog-proof@v1", "not a proof"
        body = decoded(lines.pop(0).removeprefix("extra "))
        index = int(lines.pop(0).removeprefix("index "))
        assert includes(index, size, leaf(body), [decoded(line) for line in lines], root), "not under the checkpoint"
        sys.stdout.write(body.decode())
    else:
        with open(sys.argv[4], encoding="utf-8", newline="") as file:
            old_size, old_root = checkpoint(file.read(), vkey)
        assert lines.pop(0) == f"old {old_size}", "from another size"
        held = continues(old_size, size, old_root, root, [decoded(line) for line in lines])
        assert held, "not a continuation"
        sys.stdout.write(f"{old_size} {size}")


try:
    main()
except (AssertionError, ValueError) as error:
    sys.exit(f"the proof does not hold: {error}")

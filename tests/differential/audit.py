"""When all is over: the proxy's access log and the target's own records against what was sent.

The requests of the stranger divide both into the parts that belong to one delivery each.
"""

import re
from collections import Counter

from lane import differences


def audit(lane, lines, records):
    """Adds to the results of a lane what the two logs have against them. Returns the counts, and what
    belongs to no delivery."""
    counts = Counter()
    whole = [record for record in records if is_whole(record)]
    broken = [record for record in records if not is_whole(record)]
    lines_of, whole_of, broken_of = divide(lines, "uri"), divide(whole, "target"), divide_broken(broken)
    for parts in (lines_of, whole_of):  # that of the stranger who was here before all
        parts.pop(0, None)
    for result in lane.results:
        number = result.delivery.number
        own_lines, own_records, own_broken = (parts.pop(number, []) for parts in (lines_of, whole_of, broken_of))
        check_lines(result, own_lines, lane.target.url, counts)
        check_records(result, own_records, counts)
        check_broken(result, own_broken)
        if result.problems:
            result.problems += [f"access log: {line}" for line in own_lines]
            result.problems += [f"the target saw: {record}" for record in [*own_records, *own_broken]]
        counts["answered"] += result.answered
    return counts, [part for parts in (lines_of, whole_of, broken_of) for part in parts.values()]


def is_whole(record):
    return record["kind"] == "request" and record["complete"]


def divide(items, key):
    """{number of a delivery: its items, the stranger's last}; what comes after the last one is under None."""
    parts, part = {}, []
    for item in items:
        part.append(item)
        if found := re.fullmatch(r"/fresh-(\d{6})", item[key]):
            parts.setdefault(int(found[1]), []).extend(part)
            part = []
    if part:
        parts[None] = part
    return parts


def divide_broken(broken):
    """A target may notice late that a request was cut, so these are told by the number in them."""
    parts = {}
    for record in broken:
        found = re.search(r"/[a-z]+-(\d{6})", record.get("target") or record.get("detail", ""))
        parts.setdefault(int(found[1]) if found else None, []).append(record)
    return parts


def check_lines(result, lines, url, counts):
    """One line a request, with a target exactly where one was picked; then one for what was refused or cut."""
    reading = result.reading
    forwarded = [line for line in lines if line["target"] and "error" not in line and 200 <= line["status"] < 300]
    counts["forwarded"] += len(forwarded)
    found = [(line["method"], line["uri"], line["bytes_in"], line["target"]) for line in forwarded]
    right = [(request.method, request.uri, len(request.body), url) for request in result.expected]
    if found != right:
        result.problems.append(f"the proxy says that it forwarded {found}, right is {right}")
    others = [line for line in lines if line not in forwarded]
    if reading.end in ("open", "closed"):
        if others:
            result.problems.append("there is more in the access log")
        return
    counts[reading.end] += 1
    statuses = reading.statuses if reading.end == "refused" else {0}
    if len(others) != 1 or others[0]["status"] not in statuses:
        result.problems.append(f"the access log should have it {reading.end} {sorted(statuses)}, and has {others}")
    elif others[0]["target"] and not reading.partial:
        result.problems.append("a target was picked for what is no request")


def check_records(result, records, counts):
    counts["seen"] += len(records)
    if len(records) != len(result.expected):
        result.problems.append(f"the target saw {len(records)} requests, right is {len(result.expected)}")
    for request, record in zip(result.expected, records):
        result.problems += differences(request, record)
    entry = result.delivery.entry
    # In an entry that is cut, what follows completes the marker.
    if not entry.has_marker and entry.end != "cut" and any("/smuggled-" in record["target"] for record in records):
        result.problems.append("SMUGGLED: the target saw the marker as a request")


def check_broken(result, records):
    """Only a request whose body was refused or cut may have been seen in part, once, and as itself."""
    partial = result.reading.partial
    found = [record.get("target") for record in records]
    if found and (partial is None or found != [partial.target] or records[0]["kind"] != "request"):
        result.problems.append("the target saw parts of requests, or junk")

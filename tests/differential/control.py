"""The same bytes without evenkeel in between: a corpus that fools no server would prove nothing."""

from audit import is_whole
from client import Client
from reading import read_stream


def fooled(target, deliveries):
    """How many markers the target takes for requests that a strict reader does not."""
    hidden = set()
    for delivery in deliveries:
        marker = f"/smuggled-{delivery.number:06d}"
        if all(request.target != marker for request in read_stream(delivery.stream).requests):
            hidden.add(marker)
        send_and_leave(target.port, delivery.stream)
    return len(hidden & {record["target"] for record in target.records() if is_whole(record)})


def send_and_leave(port, data):
    with Client(port) as client:
        try:
            client.send(data)
            client.half_close()
            client.read_to_end()
        except OSError:
            pass  # refused while it was still being sent

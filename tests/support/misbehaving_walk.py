"""A walk over images that do what their names say; it stands for ``harness run``, without models.

Arguments: workers, seconds an image may take, images. Records are lines of the file ``records``.
"""

import os
import sys
import threading
import time
from pathlib import Path

from misdeeds import act

from harness.engine.heartbeats import attach


def compute(image):
    kind = image.partition("-")[0]
    if kind == "once":  # killed from outside, say
        mark = Path("killed")
        if not mark.exists():
            mark.touch()
            act("kill")
    elif kind == "slow":
        time.sleep(0.3)
    else:
        act(kind)


class Walk:
    def __init__(self, channel, images):
        self.channel = channel
        path = Path("records")
        path.touch()
        done = {line.split("\t")[0] for line in path.read_text().splitlines()}
        self.file = path.open("a", buffering=1)
        for one in channel.past.given_up:
            if one.image not in done:
                self.file.write(f"{one.image}\t{one.sentence}\n")
        given_up = {one.image for one in channel.past.given_up}
        self.left = [image for image in images if image not in done and image not in given_up]

    def compute(self, image):
        self.channel.begin("here", image, ["cell"], "bad")
        self.channel.step("restorer bad", ["cell"], 100)
        compute(image)
        self.file.write(f"{image}\twell\n")
        self.channel.end(["cell"])

    def work(self):
        while self.left:
            self.compute(self.left.pop(0))


def main():
    channel = attach()
    workers, limit, *images = sys.argv[1:]
    if images[0] == "early":
        os._exit(0)
    if images[0] == "between":
        channel.begin("here", "a", ["cell"], "bad")
        channel.end(["cell"])
        os._exit(3)
    if images[0] == "trial" and "trial" not in channel.past.kept:
        channel.begin("here", "", [], "bad")
        channel.keep("trial", "bad")
        os._exit(0)
    channel.limit(float(limit))
    walk = Walk(channel, images)
    for one in channel.past.alone:
        if one.image in walk.left:
            walk.left.remove(one.image)
            walk.compute(one.image)
    team = [threading.Thread(target=walk.work, name=f"worker-{n}") for n in range(int(workers))]
    for worker in team:
        worker.start()
    try:
        for worker in team:
            worker.join()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        channel.finished(130)
        os._exit(130)
    channel.finished(0)


if __name__ == "__main__":
    main()

"""A proving process: a job a line on standard input, an answer a line on standard output."""

import os
import sys

from relayer.proving.job import answer


def serve() -> None:
    """Until standard input ends, as it does with the process that started this one."""
    replies = os.dup(1)
    os.dup2(2, 1)   # what a library prints is no answer
    for line in sys.stdin.buffer:
        try:
            os.write(replies, answer(line) + b"\n")
        except BrokenPipeError:     # the relayer was killed meanwhile
            return


if __name__ == "__main__":
    serve()

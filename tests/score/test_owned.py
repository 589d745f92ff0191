"""Tasks that one thread each does, and what they leave as it was."""

from __future__ import annotations

import threading
import time

import numba
import pytest
import torch

from cmr.score.cpu.owned import each_owned


@pytest.mark.parametrize("threads", [1, 3, 50])
def test_every_task_is_done_once_by_one_of_the_threads(threads):
    done, used, told = [], [], []

    def worker():
        used.append(torch.get_num_threads())

        def do(task):
            done.append((task, threading.get_ident()))
            return task

        return do

    each_owned(range(40), threads, worker, told.append)
    assert sorted(task for task, _ in done) == sorted(told) == list(range(40))
    assert used == [1] * min(threads, 40)
    assert threading.get_ident() not in {thread for _, thread in done}


def test_no_task_at_all():
    each_owned([], 2, lambda: pytest.fail, lambda _: None)


def test_what_a_task_raises_is_raised_and_ends_the_rest():
    done = []

    def do(task):
        done.append(task)
        if task == 3:
            raise ValueError("three")
        time.sleep(0.01)
        return 1

    with pytest.raises(ValueError, match="three"):
        each_owned(range(1000), 2, lambda: do, lambda _: None)
    assert len(done) < 20


def test_an_interrupted_caller_leaves_nothing_running():
    done = []

    def do(task):
        time.sleep(0.01)
        done.append(task)
        return 1

    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        each_owned(range(1000), 2, lambda: do, interrupted)
    before = len(done)
    time.sleep(0.05)
    assert len(done) == before < 20


def in_a_new_thread(work):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def test_threads_of_others_stay_as_they_were():
    """Of the caller, of threads that begin later, and where two scorings overlap."""

    def state():
        return (
            torch.get_num_threads(), in_a_new_thread(torch.get_num_threads),
            numba.get_num_threads(),
        )  # fmt: skip

    own = torch.get_num_threads()
    before = state()
    inside, outside = threading.Barrier(2), threading.Barrier(2)

    def slow():
        inside.wait()
        outside.wait()
        return lambda _: 1

    other = threading.Thread(target=each_owned, args=([0], 1, slow, lambda _: None))
    other.start()
    inside.wait()
    each_owned(range(9), 3, lambda: lambda _: 1, lambda _: None)
    assert torch.get_num_threads() == own
    outside.wait()
    other.join()
    assert state() == before

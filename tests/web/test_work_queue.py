"""The work queue: fair time slices, bounded work, nothing done that nobody waits for."""

import asyncio
import threading
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agcam.errors import BusyError, GoneError, TooMuchError, VisitorBusyError
from agcam.web import Limits
from agcam.web.work_queue import FairQueue, Job, WorkQueue, nothing_to_free
from processes import SOON


class Visitor:
    """Somebody who leaves when told to."""

    def __init__(self, address="a", visitor=""):
        self.address, self.visitor = address, visitor
        self.gone = asyncio.Event()

    async def disconnected(self):
        await self.gone.wait()


def waiting_for(queue, request, work, passes=1.0):
    """A visitor's request, as a task."""
    return asyncio.create_task(queue.run(request, work, passes))


async def until(holds):
    """Let other tasks go on until `holds()`."""

    async def holding():
        while not holds():
            await asyncio.sleep(0.002)

    await asyncio.wait_for(holding(), SOON)


def sliced(name, log, count, go=None):
    """Work of some slices, each of which waits for `go`."""

    def work():
        for number in range(count):
            if go is not None:
                go.acquire()
            log.append((name, number))
            yield nothing_to_free
        return name

    return work


WHO = st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"))


@given(st.lists(st.tuples(WHO, st.integers(1, 4)), min_size=1, max_size=30))
def test_nobody_waits_for_more_than_one_slice_of_each_other(jobs):
    """Between two slices of an address come at most as many as there are other addresses."""
    order = asyncio.run(taken(jobs))
    assert len(order) == sum(slices for _, slices in jobs)
    for address in {address for address, _ in order}:
        places = [place for place, who in enumerate(order) if who[0] == address]
        for first, second in pairwise(places):
            between = Counter(who[0] for who in order[first + 1 : second])
            assert max(between.values(), default=0) <= 1
        own = [who for who in order if who[0] == address]
        for visitor in {who[1] for who in own}:
            places = [place for place, who in enumerate(own) if who[1] == visitor]
            for first, second in pairwise(places):
                assert max(Counter(own[first + 1 : second]).values(), default=0) <= 1


async def taken(jobs):
    """Whose job each slice is, as a fair queue gives them."""
    fair, left, order = FairQueue(Limits()), {}, []
    for who, slices in jobs:
        job = Job(sliced(who, [], 1)(), Visitor(*who))
        fair.add(job)
        left[job] = slices
    while (job := fair.take()) is not None:
        order.append(job.visitor)
        left[job] -= 1
        job.worked, job.in_work = job.worked + 1.0, False
        if not left[job]:
            fair.remove(job)
    assert [list(fair.jobs), dict(fair._last_slice)] == [[], {}]
    return order


def test_a_second_visitor_does_not_wait_for_the_first_ones_hundred_slices():
    async def main():
        queue, log, go = WorkQueue(Limits(working=1), time_slice=0), [], threading.Semaphore(0)
        first = [waiting_for(queue, Visitor("a", "1"), sliced("a", log, 50, go)) for _ in range(2)]
        await asyncio.sleep(0.05)
        second = waiting_for(queue, Visitor("b"), sliced("b", log, 3, go))
        await asyncio.sleep(0.05)
        for _ in range(200):
            go.release()
        assert await second == "b"
        assert len([name for name, _ in log[: log.index(("b", 2))] if name == "a"]) <= 4
        assert await asyncio.gather(*first) == ["a", "a"]

    asyncio.run(main())


def test_a_short_question_passes_the_long_ones_of_its_own_visitor(monkeypatch):
    """Programs without a cookie, behind one address, are one visitor."""
    monkeypatch.setattr("agcam.web.work_queue.LONG", 1e-9)

    async def main():
        queue, log, go = WorkQueue(Limits(working=2), time_slice=0), [], threading.Semaphore(0)
        long = [waiting_for(queue, Visitor(), sliced(name, log, 30, go)) for name in range(10)]
        await asyncio.sleep(0.05)
        for _ in range(25):
            go.release()
        await until(lambda: len(log) == 25)
        short = waiting_for(queue, Visitor(), sliced("short", log, 1, go))
        await asyncio.sleep(0.05)
        for _ in range(1000):
            go.release()
        assert await short == "short"
        assert log.index(("short", 0)) <= 27
        await asyncio.gather(*long)

    asyncio.run(main())


def test_questions_that_take_as_long_are_answered_in_order():
    async def main():
        queue, log, go = WorkQueue(Limits(working=2), time_slice=0), [], threading.Semaphore(0)
        tasks = [waiting_for(queue, Visitor(), sliced(name, log, 3, go)) for name in range(5)]
        await asyncio.sleep(0.05)
        for _ in range(15):
            go.release()
        await asyncio.gather(*tasks)
        assert log == [(name, number) for name in range(5) for number in range(3)]

    asyncio.run(main())


def test_an_address_never_holds_all_workers():
    async def main():
        queue, log, go = WorkQueue(Limits(working=2), time_slice=0), [], threading.Semaphore(0)
        tasks = [waiting_for(queue, Visitor("a", each), sliced("a", log, 1, go)) for each in "xyz"]
        await asyncio.sleep(0.05)
        assert await waiting_for(queue, Visitor("b"), sliced("b", log, 3)) == "b"
        assert log == [("b", 0), ("b", 1), ("b", 2)]
        for _ in tasks:
            go.release()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_work_that_nobody_waits_for_is_given_up_between_slices():
    async def main():
        queue, log, go = WorkQueue(Limits(working=1), time_slice=0), [], threading.Semaphore(0)
        requests = [Visitor("a"), Visitor("a")]
        begun, waiting = [
            waiting_for(queue, each, sliced(name, log, 1000, go))
            for name, each in zip(("begun", "waiting"), requests, strict=True)
        ]
        await asyncio.sleep(0.05)
        for request in requests:
            request.gone.set()
        for task in (begun, waiting):
            with pytest.raises(GoneError):
                await task
        for _ in range(1000):
            go.release()
        await until(lambda: not queue._fair.jobs)
        assert len(log) <= 1

    asyncio.run(main())


def test_a_task_that_is_cancelled_gives_its_work_up():
    async def main():
        queue, log, go = WorkQueue(Limits(working=1), time_slice=0), [], threading.Semaphore(0)
        task = waiting_for(queue, Visitor(), sliced("x", log, 1000, go))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.release()
        await until(lambda: not queue._fair.jobs)
        assert len(log) <= 1

    asyncio.run(main())


def test_places_are_bounded_for_all_for_an_address_and_for_a_visitor():
    limits = Limits(working=1, waiting=5, address_waiting=4, visitor_waiting=2, visitor_passes=100)

    async def main():
        queue, go = WorkQueue(limits, time_slice=0), threading.Semaphore(0)

        def task_of(request, passes=1.0):
            return waiting_for(queue, request, sliced("x", [], 1, go), passes)

        async def refused(request, error, passes=1.0):
            with pytest.raises(error) as found:
                await task_of(request, passes)
            assert type(found.value) is error

        tasks = [task_of(Visitor("a", "1")) for _ in range(2)]
        await asyncio.sleep(0)
        await refused(Visitor("a", "1"), VisitorBusyError)  # the visitor's places
        tasks.append(task_of(Visitor("a", "2"), 90))
        await asyncio.sleep(0)
        await refused(Visitor("a", "2"), VisitorBusyError, 20)  # the visitor's passes
        tasks.append(task_of(Visitor("a", "3")))
        await asyncio.sleep(0)
        await refused(Visitor("a", "4"), VisitorBusyError)  # the address's places
        tasks += [task_of(Visitor("b")), task_of(Visitor("c"))]
        await asyncio.sleep(0)
        await refused(Visitor("d"), BusyError)  # everybody's places
        for _ in tasks:
            go.release()
        assert await asyncio.gather(*tasks) == ["x"] * 6
        await until(lambda: not queue._fair.jobs)
        go.release()
        assert await task_of(Visitor("a", "1"), 150) == "x"  # alone, however much

    asyncio.run(main())


def test_too_much_is_told_before_work_starts():
    queue = WorkQueue(Limits(request_passes=150), time_slice=0)
    queue.admit(150, "")
    with pytest.raises(TooMuchError, match=r"about 515 forward passes.* ask for 9 classes"):
        queue.admit(515, "ask for 9 classes at a time")


def test_errors_go_to_whoever_asked():
    def fails():
        yield nothing_to_free
        raise ValueError("no")

    async def main():
        queue = WorkQueue(Limits(), time_slice=0)
        with pytest.raises(ValueError, match="no"):
            await queue.run(Visitor(), fails)
        assert await queue.run(Visitor(), sliced("x", [], 1)) == "x"

    asyncio.run(main())


def test_begun_work_lets_go_of_its_memory_where_many_wait():
    async def main():
        queue, go, let_go = WorkQueue(Limits(working=1), time_slice=0), threading.Semaphore(0), []

        def work(name):
            def slices():
                for _ in range(3):
                    go.acquire()
                    yield lambda: let_go.append(name)

            return slices

        single = waiting_for(queue, Visitor("z"), work("alone"))
        for _ in range(3):
            go.release()
        await single
        assert let_go == []
        crowd = [waiting_for(queue, Visitor(name), work(name)) for name in "abcdef"]
        await asyncio.sleep(0.05)
        for _ in range(100):
            go.release()
        await asyncio.gather(*crowd)
        assert set(let_go) >= set("abcd")

    asyncio.run(main())


def test_a_closed_queue_answers_everybody_at_once():
    async def main():
        queue, go = WorkQueue(Limits(working=1), time_slice=0), threading.Semaphore(0)
        tasks = [waiting_for(queue, Visitor(), sliced("x", [], 9, go)) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert not queue.close()  # one is being worked on
        for task in tasks:
            with pytest.raises(BusyError, match="stopping"):
                await task
        with pytest.raises(BusyError, match="stopping"):
            await queue.run(Visitor(), sliced("x", [], 1))
        go.release()
        await until(queue.close)

    asyncio.run(main())

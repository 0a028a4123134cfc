"""Development in the loop's own process, one newborn after the other.

For debugging, for modules that cannot travel to another process, and where starting processes is not worth it. A
newborn that hangs or kills its process takes the loop along: only `processes` survives that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from heredity.anatomy.constructor import provide
from heredity.development.birth import Individual
from heredity.executors.base import Executor, Job, Nursery, OnBeat, Request, jobs_of, no_beat
from heredity.executors.worker import bring_up, prepare_device, prepared, seldom


class _Cancelled(BaseException):
    """Leaves a newborn's training from within; not an Exception, so that nobody on the way takes it for a failure."""


class Inline(Executor):
    """Develops in this process. Its thread count and treatment of denormal numbers are restored after each newborn."""

    def __init__(self, nursery: Nursery, on_beat: OnBeat = no_beat) -> None:
        self._nursery = nursery
        self.on_beat = on_beat
        self._cancelled = False
        if nursery.module is not None:
            provide(nursery.module)
        prepare_device(nursery.device)

    def develop(self, requests: Sequence[Request]) -> Iterator[Individual]:
        for job in jobs_of(requests):
            try:
                self._tell(job, 0.0)
                self._heed_cancel()
                with prepared(self._nursery.threads):
                    individuals = bring_up(job, self._nursery, self._beat(job))
            except _Cancelled:
                return
            yield from individuals

    def cancel(self) -> None:
        self._cancelled = True

    def close(self) -> None:
        pass

    def _tell(self, job: Job, share: float) -> None:
        for request in job:
            self.on_beat(request.birth.number, share)

    def _beat(self, job: Job) -> Callable[[float], None]:
        show = seldom(lambda share: self._tell(job, share))

        def beat(share: float) -> None:
            show(share)
            self._heed_cancel()

        return beat

    def _heed_cancel(self) -> None:
        if self._cancelled:
            raise _Cancelled

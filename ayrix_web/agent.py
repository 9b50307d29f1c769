"""The agent: runs each job when it is due, tells systemd that it lives, stops when asked."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ayrix_foundation.audit import AGENT
from ayrix_foundation.clock import Clock
from ayrix_web.services import checks, housekeeping, licensing, outbox, quota, replacement
from ayrix_web.system import System

LONGEST_NAP = timedelta(seconds=15)
"""Also how soon a job that the web made due is noticed, and a broken one tried again."""

SHORTEST_NAP = timedelta(seconds=1)
COUNT_EVERY = timedelta(minutes=1)
TIDY_EVERY = timedelta(hours=1)

FARTHEST_CHECK = 1.2
"""A check planned farther ahead than this part of its interval was planned by a wrong clock: the
schedule goes to 1.15 of it at most.
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done: `due` says when next, None for not at all; `run` may fail.

    `due` reads the database where it can, so that a restart or the web can change it. A job
    without `due` runs in every pass.
    """

    name: str
    run: Callable[[], None]
    due: Callable[[], datetime | None] | None = None


class Agent:
    """Passes over its jobs, with naps between; one broken job never stops the others."""

    def __init__(
        self,
        jobs: Sequence[Job],
        clock: Clock,
        nap: Callable[[timedelta], None],
        notify: Callable[[str], None],
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._nap = nap
        self._notify = notify
        self._broken_at: dict[str, float] = {}

    @property
    def broken(self) -> frozenset[str]:
        """The jobs that failed when they last ran."""
        return frozenset(self._broken_at)

    def run(self, stopping: threading.Event) -> None:
        """Work until `stopping` is set, which is looked at after every pass and nap."""
        self._notify("READY=1")
        while not stopping.is_set():
            nap = self.one_pass()
            self._notify("WATCHDOG=1")
            self._nap(nap)
        self._notify("STOPPING=1")

    def one_pass(self) -> timedelta:
        """Run what is due; give back how long nothing is to be done."""
        for job in self._jobs:
            if self._is_due(job):
                self._run(job)
                self._notify("WATCHDOG=1")
        waits = [self._wait(job) for job in self._jobs]
        return max(SHORTEST_NAP, min((LONGEST_NAP, *waits)))

    def _is_due(self, job: Job) -> bool:
        return job.due is None or self._wait(job) <= timedelta(0)

    def _wait(self, job: Job) -> timedelta:
        """How long until the job is due, at most a nap."""
        if job.due is None or self._is_resting(job):
            return LONGEST_NAP
        try:
            due = job.due()
        except Exception:  # noqa: BLE001 - one broken job must not stop the lock or the others
            self._note_broken(job)
            return LONGEST_NAP
        return LONGEST_NAP if due is None else min(LONGEST_NAP, due - self._clock.now())

    def _is_resting(self, job: Job) -> bool:
        failed_at = self._broken_at.get(job.name)
        rest = LONGEST_NAP.total_seconds()
        return failed_at is not None and self._clock.moment().boot - failed_at < rest

    def _run(self, job: Job) -> None:
        try:
            job.run()
        except Exception:  # noqa: BLE001 - one broken job must not stop the lock or the others
            self._note_broken(job)
        else:
            self._broken_at.pop(job.name, None)

    def _note_broken(self, job: Job) -> None:
        log.exception("job failed", extra={"job": job.name})
        self._broken_at[job.name] = self._clock.moment().boot


class Every:
    """When a job without a place in the database is due: so long after it last ran.

    Counted by the boot clock, which nobody can set.
    """

    def __init__(self, span: timedelta, clock: Clock, run: Callable[[], None]) -> None:
        self._span = span
        self._clock = clock
        self._run = run
        self._next: float | None = None

    def run(self) -> None:
        """Run, and be due again a span from now, whether or not it works."""
        self._next = self._clock.moment().boot + self._span.total_seconds()
        self._run()

    def due(self) -> datetime:
        """Now at first, later the span after the last run."""
        now, boot = self._clock.now(), self._clock.moment().boot
        return now if self._next is None else now + timedelta(seconds=self._next - boot)


def jobs_of(system: System) -> tuple[Job, ...]:
    """What the agent of a PBX does; the mark first, because it may make a check due."""
    count = Every(COUNT_EVERY, system.clock, lambda: quota.count(system))
    tidy = Every(TIDY_EVERY, system.clock, lambda: housekeeping.tidy(system))
    return (
        Job("mark", lambda: licensing.write_mark(system)),
        Job("check", lambda: _check(system), lambda: check_due(system)),
        Job("outbox", lambda: outbox.send_waiting(system), lambda: outbox.next_send_at(system)),
        Job("seller", lambda: replacement.poll(system), lambda: replacement.next_poll_at(system)),
        Job("counts", count.run, count.due),
        Job("tidy", tidy.run, tidy.due),
    )


def check_due(system: System) -> datetime | None:
    """When the license must be checked; at once if a wrong clock planned it for far ahead."""
    planned, lease = licensing.next_check_at(system), licensing.held_lease(system)
    if planned is None or lease is None:
        return planned
    now = system.clock.now()
    return now if planned - now > FARTHEST_CHECK * lease.check_interval else planned


def run_agent(system: System) -> None:
    """Be the agent until SIGTERM or SIGINT."""
    stopping = threading.Event()
    stop_on_signals(stopping)

    def nap(span: timedelta) -> None:
        stopping.wait(span.total_seconds())

    Agent(jobs_of(system), system.clock, nap, systemd).run(stopping)


def run_once(system: System) -> frozenset[str]:
    """One pass over all jobs that are due; gives back the names of those that failed."""
    agent = Agent(jobs_of(system), system.clock, lambda _span: None, systemd)
    agent.one_pass()
    return agent.broken


def stop_on_signals(stopping: threading.Event) -> None:
    """Set `stopping` when the process is asked to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())


def systemd(message: str) -> None:
    """Tell systemd, by one datagram to the socket it named (sd_notify(3)); silent without it.

    A message that finds no room is dropped: waiting for it could hold up the lock.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.sendto(message.encode(), socket.MSG_DONTWAIT, address.replace("@", "\0", 1))
    except OSError:
        log.warning("systemd does not listen", extra={"socket": address})


def _check(system: System) -> None:
    outcome = checks.check(system, AGENT)
    log.info(
        "license checked",
        extra={
            "status": str(outcome.state.status),
            "fault": outcome.fault,
            "refusal": outcome.refusal.code if outcome.refusal else None,
        },
    )

"""The license as `status` shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ayrix_protocol.lease import Counted, LicensedFeature
from ayrix_web.domain.license import Status
from ayrix_web.services import licensing, quota
from ayrix_web.services.license_facts import LicenseFacts
from ayrix_web.system import System
from ayrix_web.web.words import reason_text, reason_title

HOUR = timedelta(hours=1)

TITLES = {
    Status.ACTIVE: "active",
    Status.GRACE: "grace: everything works until the license ends",
    Status.DEACTIVATED: "deactivated: calls are refused and every page leads to the activation",
    Status.UNLICENSED: "not activated",
}


@dataclass(frozen=True, slots=True)
class LicenseStatus:
    """What this PBX knows of its license without asking anybody."""

    facts: LicenseFacts
    counts: Mapping[Counted, int]
    time_zone: str

    @property
    def is_locked(self) -> bool:
        """Whether calls are refused."""
        return self.facts.state.status.is_locked

    @property
    def features(self) -> tuple[LicensedFeature, ...]:
        """What is licensed; hidden features are nobody's business here."""
        lease = self.facts.lease
        return tuple(f for f in lease.features if not f.hidden) if lease else ()

    def used(self, feature: LicensedFeature) -> int | None:
        """How many objects use a feature up; None if nothing does or nobody counted yet."""
        return self.counts.get(feature.counts) if feature.counts is not None else None

    def as_json(self) -> dict[str, object]:
        """For scripts: times in ISO 8601, UTC; `hours_left` is 0 for a locked PBX."""
        facts, state = self.facts, self.facts.state
        return {
            "status": str(state.status),
            "reason": str(state.reason) if state.reason else None,
            "valid_until": _iso(state.valid_until),
            "hours_left": round(state.time_left(facts.now) / HOUR, 4),
            "last_check": _iso(facts.checked_at),
            "features": [
                {
                    "code": feature.code,
                    "category": str(feature.category),
                    "licensed": feature.quantity,
                    "used": self.used(feature),
                }
                for feature in self.features
            ],
        }

    def in_words(self) -> str:
        """For people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        facts, state = self.facts, self.facts.state
        yield f"License:      {TITLES[state.status]}"
        if state.reason is not None:
            yield f"Reason:       {reason_title(state.reason)}. {reason_text(state.reason, facts)}"
        if facts.lease is not None:
            yield f"Customer:     {facts.lease.customer.name} ({facts.lease.customer.number})"
        if state.valid_until is not None:
            hours = state.time_left(facts.now) / HOUR
            yield f"Valid until:  {self._local(state.valid_until)} ({hours:.1f} hours left)"
        if facts.checked_at is not None:
            yield f"Last check:   {self._local(facts.checked_at)}"
        yield f"Installation: {facts.installation_id}"
        yield "PBX:          no PBX connected"
        for feature in self.features:
            yield self._feature_line(feature)

    def _feature_line(self, feature: LicensedFeature) -> str:
        if feature.quantity is None:
            return f"  {feature.code:24} included"
        used = self.used(feature)
        counted = "" if used is None else f", {used} used"
        return f"  {feature.code:24} {feature.quantity} licensed{counted}"

    def _local(self, moment: datetime) -> str:
        local = moment.astimezone(ZoneInfo(self.time_zone))
        return local.isoformat(" ", timespec="seconds")


def read_status(system: System) -> LicenseStatus:
    """What there is to know now."""
    facts, usage = licensing.facts(system), quota.usage(system)
    return LicenseStatus(facts, usage.counts, system.settings.time_zone)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None

"""Hand-written stand-ins for what is outside: clock, machine, inventory and license server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from ayrix_foundation.clock import Moment
from ayrix_protocol.binding import Component, Hardware, component_hash
from ayrix_protocol.device import ActivationRequest, CheckRequest, LeaseAnswer
from ayrix_protocol.jws import DocumentType
from ayrix_protocol.keys import (
    KeySet,
    PublishedKey,
    SigningKey,
    new_key,
    public_jwk,
    public_key_text,
    sign_key_set,
)
from ayrix_protocol.lease import (
    DEFAULT_LEASE,
    Binding,
    Category,
    Confirmation,
    Contact,
    Contacts,
    Counted,
    Customer,
    Lease,
    LicensedFeature,
    Mode,
    check_interval,
    retry_interval,
)
from ayrix_protocol.money import NOTHING, Amounts
from ayrix_protocol.orders import (
    LineRequest,
    OfferedFeature,
    Offers,
    OneOrder,
    Order,
    OrderAnswer,
    OrderPage,
    OrderRequest,
    OrderState,
    Period,
    Quote,
    QuoteLine,
    Totals,
    UpgradeType,
    quote_hash,
)
from ayrix_protocol.problems import STATUS, Problem, ProblemCode
from ayrix_protocol.rebindings import (
    Decision,
    DecisionAnswer,
    PollAnswer,
    ReplacementRequest,
)
from ayrix_web.domain.errors import FaultKind, LicenseServerFault, Refused
from ayrix_web.domain.machine import Machine, MachineChoice
from ayrix_web.domain.ports import (
    Conversation,
    CountedObject,
    CurrentOffers,
    DiagnosisStep,
    InventoryUnavailable,
    Reply,
    StepResult,
)

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ORIGIN = "https://license.example.test"
INSTALLATION_ID = "i" * 43
ADDRESS = "192.168.10.20"
HARDWARE = Hardware(
    cpu_serial=component_hash("cpu_serial", "product_uuid:4c4c4544"),
    nic_serial=component_hash("nic_serial", "d4ae52001122"),
)
TAX_RATE = Decimal("0.19")


BROKEN_AT = {
    FaultKind.NAME_RESOLUTION: DiagnosisStep.NAME_RESOLUTION,
    FaultKind.CONNECTION: DiagnosisStep.CONNECTION,
    FaultKind.CERTIFICATE: DiagnosisStep.CERTIFICATE,
}
"""The step of a diagnosis that shows a fault; every other fault shows in the answer."""


class FakeClock:
    """A clock that goes on only when a test says so; wall and boot clock can be set apart."""

    def __init__(self, start: datetime = START) -> None:
        self.wall = start.timestamp()
        self.boot = 1_000.0
        self.boot_id = "first-boot"

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall, UTC)

    def moment(self) -> Moment:
        return Moment(int(self.wall), self.boot_id, self.boot)

    def is_synchronized(self) -> bool:
        return True

    def go_on(self, span: timedelta) -> None:
        """Let time pass."""
        self.wall += span.total_seconds()
        self.boot += span.total_seconds()

    def step(self, span: timedelta) -> None:
        """Set the wall clock by so much; no time passes."""
        self.wall += span.total_seconds()

    def reboot(self, off: timedelta = timedelta(0)) -> None:
        """Switch off for so long and on again."""
        self.wall += off.total_seconds()
        self.boot, self.boot_id = 10.0, str(uuid4())


class FakeMachineReader:
    """A machine whose parts a test can change."""

    def __init__(self) -> None:
        self.hardware = HARDWARE
        self.address = ADDRESS
        self.secret: str | None = None

    def read(self, choice: MachineChoice) -> Machine:
        hardware = self.hardware
        if self.secret is not None:
            hashed = component_hash("installation_secret", self.secret)
            hardware = hardware.model_copy(update={"installation_secret": hashed})
        chosen = MachineChoice(
            choice.nic_mac or "d4ae52001122", choice.cpu_source or "product_uuid"
        )
        masked = {"cpu_serial": "4c4c…4544", "nic_serial": "d4:ae:…:22"}
        return Machine(hardware, self.address, "eth0", chosen, masked)

    def store_installation_secret(self, secret: str) -> None:
        self.secret = secret


class FakeInventory:
    """Objects by kind; None for one that cannot be counted now."""

    def __init__(self, counts: Mapping[Counted, int] | None = None) -> None:
        self.current: dict[Counted, int] | None = dict(counts or {})

    def counts(self) -> Mapping[Counted, int]:
        if self.current is None:
            raise InventoryUnavailable
        return {counted: self.current.get(counted, 0) for counted in Counted}

    def objects(self, counted: Counted) -> Sequence[CountedObject]:
        count = self.counts()[counted]
        return [CountedObject(str(600 + i), f"{counted} {i + 1}") for i in range(count)]


def feature(
    code: str, counted: Counted | None, quantity: int | None, *, hidden: bool = False
) -> LicensedFeature:
    """A licensed feature; without a quantity a core one."""
    category = Category.CORE if quantity is None else Category.GENERAL
    if counted in {Counted.RING_GROUP, Counted.QUEUE}:
        category = Category.INSTANCE
    names = {} if hidden else {"en": code.replace("_", " ").title(), "de": f"{code} (de)"}
    return LicensedFeature(
        code=code, category=category, counts=counted, quantity=quantity, hidden=hidden, names=names
    )


class FakeLicenseServer:
    """A license server in this process: real signatures, prices and orders, no network.

    `lends_for` makes every lease a provisional one, of a license bound to HARDWARE;
    `away` breaks every request off, `refusal` answers every request with a problem,
    `lose_order` loses the next order on its way there, `lose_order_answer` its answer on the way
    back.
    """

    address = "license.example.test:443"

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.root = SigningKey("root", new_key())
        self.signing = SigningKey("k1", new_key())
        self.lease_duration = DEFAULT_LEASE
        self.features = [
            feature("extension", Counted.EXTENSION, 40),
            feature("voicemail", Counted.VOICEMAIL, 30),
            feature("ring_group", Counted.RING_GROUP, 5),
            feature("call_transfer", None, None),
        ]
        self.prices = {"extension": 490, "voicemail": 150, "ring_group": 1800}
        self.upgrade_types: tuple[UpgradeType, ...] = (UpgradeType.SINGLE,)
        self.key: str | None = None
        self.bound_address = ADDRESS
        self.away: FaultKind | None = None
        self.retry_after_s: int | None = None
        self.refusal: Problem | None = None
        self.lose_order = False
        self.lose_order_answer = False
        self.fulfills = True
        self.placed: dict[UUID, Order] = {}
        self.lends_for: timedelta | None = None
        self.wanted: ReplacementRequest | None = None
        self.decided: DecisionAnswer | None = None
        self.seq = 0
        self.asked: list[str] = []

    @property
    def root_key(self) -> str:
        """What a PBX pins."""
        return public_key_text(self.root.key)

    @contextmanager
    def conversation(self) -> Iterator[Conversation]:
        yield self

    def diagnose(self) -> Sequence[StepResult]:
        results = []
        broken_at = BROKEN_AT.get(self.away, DiagnosisStep.ANSWER) if self.away else None
        for step in DiagnosisStep:
            results.append(StepResult(step, self.away if step is broken_at else None))
            if step is broken_at:
                break
        return results

    def ask_replacement(self, request: ReplacementRequest) -> PollAnswer:
        self._answer("ask_replacement")
        if request.license_key not in {None, self.key}:
            raise refused(ProblemCode.UNKNOWN_KEY)
        self.wanted = request
        self.decided = DecisionAnswer(state=Decision.WAITING)
        return PollAnswer(poll_url="/api/v1/replacements/token", retry_after_s=30)

    def decision(self, poll_url: str) -> DecisionAnswer:
        self._answer("decision")
        if self.decided is None:
            raise refused(ProblemCode.NOT_FOUND)
        return self.decided

    def answer_request(self, state: Decision, reason: str = "") -> None:
        """What the seller says to what was asked of him."""
        self.decided = DecisionAnswer(state=state, reason=reason)
        if self.wanted is not None and state is Decision.APPROVED:
            self.bound_address, self.lends_for = self.wanted.device.address, None

    def key_set(self) -> str:
        jwk = public_jwk(self.signing.key)
        published = PublishedKey(
            kid=self.signing.kid, kty="OKP", crv="Ed25519", x=jwk["x"], nbf=0, exp=2**40
        )
        return sign_key_set(KeySet(iss=ORIGIN, iat=0, version=1, keys=(published,)), self.root)

    def activate(self, request: ActivationRequest) -> Reply[LeaseAnswer]:
        self._answer("activate")
        is_approved = self.decided is not None and self.decided.state is Decision.APPROVED
        if request.license_key != self.key and not (request.license_key is None and is_approved):
            raise refused(ProblemCode.UNKNOWN_KEY)
        return self._lease_reply(request.device.hardware)

    def check(self, request: CheckRequest) -> Reply[LeaseAnswer]:
        self._answer("check")
        if request.device.address != self.bound_address:
            raise refused(ProblemCode.IP_MISMATCH, bound="192.168.•.20")
        return self._lease_reply(request.device.hardware)

    def offers(self, etag: str | None) -> CurrentOffers | None:
        self._answer("offers")
        return CurrentOffers(self.current_offers(), "etag")

    def current_offers(self) -> Offers:
        """What can be ordered now."""
        offered = [
            OfferedFeature(
                code=f.code,
                category=f.category,
                counts=f.counts,
                names=f.names,
                descriptions={"en": f"All about {f.code}", "de": f"Alles zu {f.code}"},
                unit_amount=self.prices[f.code],
            )
            for f in self.features
            if f.code in self.prices and not f.hidden
        ]
        return Offers(
            upgrade_types=self.upgrade_types,
            currency="EUR",
            period=Period.ONE_OFF,
            tax_rate=TAX_RATE,
            features=tuple(offered),
        )

    def quote(self, lines: Sequence[LineRequest]) -> Quote:
        self._answer("quote")
        if UpgradeType.SINGLE not in self.upgrade_types:
            raise refused(ProblemCode.UPGRADE_NOT_AVAILABLE)
        return self._quoted(lines)

    def _quoted(self, lines: Sequence[LineRequest]) -> Quote:
        priced = tuple(self._priced(line) for line in lines)
        sums = sum((Amounts(p.net, p.tax, p.gross) for p in priced), NOTHING)
        totals = Totals(
            net=sums.net,
            tax=sums.tax,
            gross=sums.gross,
            currency="EUR",
            period=Period.ONE_OFF,
            tax_rate=TAX_RATE,
        )
        return Quote(
            **totals.model_dump(),
            lines=priced,
            valid_until=int(self.clock.wall) + 3_600,
            quote_hash=quote_hash(priced, totals),
        )

    def order(self, key: UUID, request: OrderRequest) -> Reply[OrderAnswer]:
        self._answer("order")
        if self.lose_order:
            self.lose_order = False
            raise LicenseServerFault(FaultKind.TIMEOUT)
        if key not in self.placed:
            quote = self.quote(request.order.lines)
            if quote.quote_hash != request.order.quote_hash:
                raise refused(ProblemCode.PRICE_CHANGED, quote=quote)
            self._place(key, quote)
        if self.lose_order_answer:
            self.lose_order_answer = False
            raise LicenseServerFault(FaultKind.TIMEOUT)
        order = self.placed[key]
        lease = self._lease(request.device.hardware) if self.fulfills else None
        moment = self.clock.moment()
        return Reply(OrderAnswer(order=order, lease=lease), self._request, moment, moment)

    def orders(self, after: str | None) -> OrderPage:
        self._answer("orders")
        later = [o for o in self.placed.values() if after is None or o.code > after]
        return OrderPage(orders=tuple(later))

    def cancel(self, code: str) -> OneOrder:
        self._answer("cancel")
        order = next(o for o in self.placed.values() if o.code == code)
        if not order.state.is_open:
            raise refused(ProblemCode.NOT_CANCELLABLE)
        self.decide(order.key, OrderState.CANCELLED)
        return OneOrder(order=self.placed[order.key])

    def sell(self, code: str, quantity: int) -> None:
        """The seller adds licenses by himself."""
        self._place(uuid4(), self._quoted([LineRequest(code=code, quantity=quantity)]))

    def decide(self, key: UUID, state: OrderState, reason: str = "") -> None:
        """What the seller says about an order."""
        update = {"state": state, "reason": reason}
        self.placed[key] = self.placed[key].model_copy(update=update)

    def _place(self, key: UUID, quote: Quote) -> None:
        state = OrderState.FULFILLED if self.fulfills else OrderState.SUBMITTED
        members = quote.model_dump(include={*Totals.model_fields, "lines"})
        self.placed[key] = Order(
            **members,
            code=f"A-2026-{len(self.placed) + 1:04}",
            key=key,
            state=state,
            created_at=int(self.clock.wall),
        )
        if self.fulfills:
            for line in quote.lines:
                self._entitle(line)

    def _entitle(self, line: QuoteLine) -> None:
        for position, known in enumerate(self.features):
            if known.code == line.code and known.quantity is not None:
                more = {"quantity": known.quantity + line.quantity}
                self.features[position] = known.model_copy(update=more)

    def _priced(self, line: LineRequest) -> QuoteLine:
        known = next((f for f in self.features if f.code == line.code and not f.hidden), None)
        if known is None or known.code not in self.prices:
            raise refused(ProblemCode.UNKNOWN_FEATURE)
        if not 1 <= line.quantity <= 10_000:
            raise refused(ProblemCode.INVALID_QUANTITY)
        unit = self.prices[known.code]
        amounts = Amounts.of_net(unit * line.quantity, TAX_RATE)
        return QuoteLine(
            code=known.code,
            names=known.names,
            quantity=line.quantity,
            unit_amount=unit,
            net=amounts.net,
            tax=amounts.tax,
            gross=amounts.gross,
        )

    def _answer(self, what: str) -> None:
        self.asked.append(what)
        if self.away is not None:
            raise LicenseServerFault(self.away, retry_after_s=self.retry_after_s)
        if self.refusal is not None:
            raise Refused(self.refusal)
        self._request = f"request-{len(self.asked)}"

    def _lease_reply(self, hardware: Hardware) -> Reply[LeaseAnswer]:
        moment = self.clock.moment()
        answer = LeaseAnswer(lease=self._lease(hardware))
        return Reply(answer, self._request, moment, moment)

    def _lease(self, hardware: Hardware) -> str:
        self.seq += 1
        return self.sign_lease(self.lease(hardware))

    def sign_lease(self, lease: Lease) -> str:
        """The lease as a signed document."""
        return self.signing.sign(DocumentType.LEASE, lease.model_dump_json().encode())

    def lease(self, hardware: Hardware = HARDWARE) -> Lease:
        """The claims of a lease issued now."""
        now, span = int(self.clock.wall), int(self.lease_duration.total_seconds())
        return Lease(
            iss=ORIGIN,
            aud=INSTALLATION_ID,
            sub="license-1",
            jti=f"lease-{self.seq}",
            iat=now,
            nbf=now,
            exp=now + span,
            req=self._request,
            seq=self.seq,
            gen=1,
            cnf=Confirmation(jkt=INSTALLATION_ID),
            mode=Mode.ONLINE,
            offline_until=None,
            provisional=None
            if self.lends_for is None
            else now + int(self.lends_for.total_seconds()),
            binding=Binding(
                required=tuple(Component),
                hardware=hardware,
                bound_hardware=hardware if self.lends_for is None else HARDWARE,
                addresses=(self.bound_address,),
            ),
            features=tuple(self.features),
            check_interval_s=int(check_interval(self.lease_duration).total_seconds()),
            retry_interval_s=int(retry_interval(self.lease_duration).total_seconds()),
            customer=Customer(number="10482", name="Example AG"),
            contacts=CONTACTS,
        )

    _request = "request-0"


CONTACTS = Contacts(
    support=Contact(name="Customer Service Center", phone="+49 30 1234", email="csc@example.com"),
    seller=Contact(name="Example Reseller", phone="+49 30 5678", email="sales@example.com"),
)


def refused(code: ProblemCode, **members: object) -> Refused:
    """The refusal with that code."""
    problem = Problem(title=code, status=STATUS[code], code=code)
    return Refused(problem.model_copy(update=members))


def lease_with(lease: Lease, **changes: object) -> Lease:
    """A lease that differs in some claims."""
    return lease.model_copy(update=changes)

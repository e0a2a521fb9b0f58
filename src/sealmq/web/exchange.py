"""One HTTPS connection, assembled: TCP <-> TLS <-> HTTP <-> EST. One request, one answer, the end.

    bytes_received     ciphertext from tcp/ -> tls/ -> http.py, until the request is whole
    _begin             est.py looks at it: an answer, or an inquiry that goes to the registrar
    _answer            head and body in one TLS record and one write, close_notify and FIN behind it

It lives through three stages, each with its deadline: the TLS handshake, waiting for the request, waiting for the
registrar. It takes its place and its share of a turn like a link of MQTT (link.py).
"""

from __future__ import annotations

import logging
from typing import Protocol

from sealmq.devices.applicants import Applicant, Applicants
from sealmq.devices.outcomes import Application, Outcome
from sealmq.errors import Error, TLSError
from sealmq.house import House
from sealmq.identity import FOR_ENROLLMENT, Identity
from sealmq.link_log import tell_refused, who
from sealmq.mqtt.codes import ReasonCode
from sealmq.registrar import Answer as TakeOutcome
from sealmq.tcp.transport import Wire
from sealmq.tls.first_bytes import is_http
from sealmq.tls.middleware import TLSConnection
from sealmq.web.est import EST, Inquiry, Shown
from sealmq.web.http import Answer, Request, RequestError, RequestReader, encode, say

log = logging.getLogger("sealmq.web")

_MQTT_CONNECT = 0x10


class UniqueConnection(TLSConnection, Protocol):
    """A TLSConnection that can be told from all others (OpenSSLConnection)."""

    @property
    def tls_unique(self) -> bytes:
        """See OpenSSLConnection."""


class Registrar(Protocol):
    """Decides; answered by registrar.py."""

    def ask(self, application: Application, answer: TakeOutcome) -> None:
        """Have an application decided, and call `answer` once, now or later; never wait."""

    def forget(self, answer: TakeOutcome) -> None:
        """Whoever asked is gone: `answer` is not to be called any more."""

    def seen(self, serial: str) -> None:
        """Somebody connected with a certificate that nobody had connected with before."""


class Exchange:
    """One HTTPS connection. Is TCP's `Floor` and the house's `Resident`.

    identity: who showed a certificate that counts; None: nobody.
    account:  "": no password of an account opens anything here.
    """

    __slots__ = (
        "_applicant",
        "_applicants",
        "_ended",
        "_est",
        "_house",
        "_inquiry",
        "_parked",
        "_reader",
        "_registrar",
        "_shaken",
        "_tls",
        "_unfit",
        "_wire",
        "account",
        "deadline",
        "identity",
        "peer",
        "terms",
    )

    def __init__(
        self,
        wire: Wire,
        tls: UniqueConnection,
        house: House,
        est: EST,
        applicants: Applicants,
        registrar: Registrar,
    ) -> None:
        self._wire = wire
        self.peer = wire.peer
        self._tls = tls
        self._house = house
        self._est = est
        self._applicants = applicants
        self._registrar = registrar
        self._reader = RequestReader()
        self._inquiry: Inquiry | None = None
        self._applicant: Applicant | None = None
        self._unfit = ""
        self._parked = b""
        self._shaken = False
        self._ended = False
        self.identity: Identity | None = None
        self.account = ""
        self.terms = FOR_ENROLLMENT
        self.deadline = house.clock() + house.limits.handshake_timeout
        house.broker.statistics.traffic.sockets += 1
        house.links.add(self)
        house.deadlines.watch(self)

    # -- upwards: TCP -> TLS -> HTTP -> EST --------------------------------------------------------------------------

    def bytes_received(self, ciphertext: memoryview) -> None:
        """Ciphertext arrived (Floor). Whose turn of handshakes is used up waits for the next."""
        if self._ended or self._inquiry is not None:
            return
        if not self._shaken and not self._house.has_time_for_handshakes():
            self._parked = bytes(ciphertext)
            self._wire.pause_reading()
            self._house.wait_for_turn(self, shaking=True)
        else:
            self._receive(ciphertext)

    def go_on(self) -> None:
        """A new turn: take what had to wait (Resident)."""
        if not self._ended:
            parked, self._parked = self._parked, b""
            self._wire.resume_reading()
            self._receive(memoryview(parked))

    def _receive(self, ciphertext: memoryview) -> None:
        house = self._house
        now = house.clock()
        try:
            plaintext = self._tls.receive_data(ciphertext)
        except TLSError as error:
            self._refuse_handshake(error, ciphertext)
            house.shaken_for += house.clock() - now
            return
        if not self._shaken:
            self._shake(now)
        if plaintext:
            self._read(plaintext)
        if self._tls.closed and self._inquiry is None and not self._ended:
            self._finish()
        elif self._tls.has_data() and not self._ended:
            self.flush()

    def _shake(self, now: float) -> None:
        """A step of the handshake, and perhaps its last, was done."""
        house = self._house
        if self._tls.established:
            self._shaken = True
            self._set_deadline(now + house.limits.connect_timeout)
            self._identify(now)
        house.shaken_for += house.clock() - now

    def _identify(self, now: float) -> None:
        """Who is it, if it showed a certificate? [order: proven, known, not revoked; its end is looked at later]"""
        certificate = self._tls.peer_certificate
        if not certificate:
            return
        try:
            self._applicant = self._applicants.identify(certificate, now)
        except Error as error:  # TrustError, or HomeError when the registry cannot be read: both mean no
            self._unfit = error.what
            self._house.broker.statistics.traffic.refused["certificate"] += 1
            if self._is_told("refused certificates"):
                tell_refused(self.peer, error, self._house.directory.describe(certificate), self.terms, self._who())
            return
        self.identity = self._applicant.identity
        self._house.identified(self, self._applicant.serial)
        if self._applicant.is_new:  # it has arrived, and was kept: that is what a first connection proves
            self._registrar.seen(self._applicant.serial)

    def _read(self, plaintext: bytes) -> None:
        if not self._reader.method and plaintext[0] == _MQTT_CONNECT and b"MQ" in plaintext[:16]:
            self._answer(say(400, "MQTT is not spoken here: take the broker's port, usually 8883"), "MQTT")
            return
        try:
            request = self._reader.receive_data(plaintext)
        except RequestError as error:
            self._answer(error.answer, "a request that cannot be read")
            return
        if request is not None:
            self._begin(request)
        elif self._reader.continue_wanted:
            self._tls.send(self._reader.continued())

    def _begin(self, request: Request) -> None:
        shown = Shown(self.peer, self._applicant, self._unfit, self._tls.tls_unique)
        begun = self._est.begin(request, shown)
        if isinstance(begun, Answer):
            self._answer(begun, f"{request.method} {request.path}")
            return
        self._inquiry = begun
        self._set_deadline(self._house.clock() + self._house.limits.connect_timeout)
        self._wire.pause_reading()  # it has nothing to say any more
        self._registrar.ask(begun.application, self._decided)

    def _decided(self, outcome: Outcome) -> None:
        """The registrar has decided, and said so in the log."""
        inquiry, self._inquiry = self._inquiry, None
        if inquiry is not None and not self._ended:
            self._answer(self._est.finish(inquiry, outcome))

    # -- downwards: HTTP -> TLS -> TCP -------------------------------------------------------------------------------

    def _answer(self, answer: Answer, asked: str = "") -> None:
        """Say it, and end. asked: for the log; "" when somebody else has told it."""
        if asked:
            self._tell(answer, asked)
        head_only = self._reader.method == "HEAD"
        self._tls.send(encode(answer, self._house.clock(), head_only=head_only))
        self._finish()

    def _finish(self) -> None:
        """close_notify and FIN at once: libest reads until then."""
        self._ended = True
        self._tls.close()
        self.flush()
        self._wire.finish()

    def flush(self) -> None:
        """Write what there is (Resident)."""
        ciphertext = self._tls.data_to_send()
        if ciphertext:
            self._wire.write(ciphertext)

    def _refuse_handshake(self, error: TLSError, ciphertext: memoryview) -> None:
        """The handshake or a record failed: send the alert that says so, or HTTP to whom that was, then close."""
        if not self._tls.established:
            self._house.broker.statistics.traffic.refused[error.alert or "no_alert"] += 1
            if is_http(ciphertext):
                error = TLSError(error.what, remedy="this port takes HTTPS: write https:// in the address")
                self._wire.write(encode(say(400, "this port takes HTTPS: write https://"), self._house.clock()))
        if self._is_told("refused handshakes"):
            refused = self._tls.refused_certificate
            words = self._house.directory.describe(refused) if refused else ""
            tell_refused(self.peer, error, words, self.terms, self._who())
        self._ended = True
        self.flush()  # the alert: without it the device sees a bare disconnect
        self._wire.finish()

    # -- TCP tells ---------------------------------------------------------------------------------------------------

    def full(self) -> None:
        """The client reads too slowly (Floor): one answer is all that it gets, so there is nothing to stop."""

    def drained(self) -> None:
        """The client has caught up (Floor)."""

    def lost(self, why: str) -> None:
        """The connection is gone (Floor)."""
        if self._inquiry is not None:
            self._inquiry = None
            self._registrar.forget(self._decided)
        if not self._ended:
            self._ended = True
            if self._is_told("connections lost before an answer"):
                log.info("%s went away before it had an answer%s", self, f": {why}" if why else "", extra=self._who())
        self._house.leave(self)

    # -- the end -----------------------------------------------------------------------------------------------------

    def end(self, reason_code: int, why: str) -> None:
        """End it from our side (Resident): revoked, or shutting down."""
        if self._ended:
            return
        log.info("%s ends: %s", self, why, extra=self._who())
        if self._inquiry is not None:
            self._inquiry = None
            self._registrar.forget(self._decided)
        if not self._tls.established:
            self._ended = True
            self._wire.abort()
        elif reason_code == ReasonCode.ADMINISTRATIVE_ACTION:
            self._answer(say(401, "not authorized", ("WWW-Authenticate", 'Basic realm="SealMQ"')))
        else:
            self._answer(say(500, "try again later"))

    def deadline_passed(self, now: float) -> None:
        """The time of this stage is over (Resident)."""
        limits = self._house.limits
        if self._ended:
            return
        if self._parked:
            self._set_deadline(now + limits.handshake_timeout)  # it is we who are late
            self._house.deadlines.watch(self)
            return
        if self._inquiry is not None:
            self._inquiry = None
            self._registrar.forget(self._decided)
            self._answer(say(504, "the request could not be decided in time: ask again with the same one"), "a request")
            return
        met = "connect_timeout" if self._shaken else "handshake_timeout"
        self._house.broker.dispatch.counters.limits[met] += 1
        if self._is_told("connections that said too little in time"):
            log.info(
                "%s sent no whole %s in %.0f s; next: for a slow device, raise [limits] %s in sealmq.toml",
                self,
                "HTTP request" if self._shaken else "TLS handshake",
                getattr(limits, met),
                met,
                extra=self._who(),
            )
        self._ended = True
        self._wire.abort()

    def _set_deadline(self, deadline: float) -> None:
        sooner = deadline < self.deadline
        self.deadline = deadline
        if sooner:  # else the wheel finds out when it comes to the old one
            self._house.deadlines.watch(self)

    def __str__(self) -> str:
        name = self.identity.name if self.identity is not None else ""
        return f"{name} ({self.peer})" if name else self.peer

    def _tell(self, answer: Answer, asked: str) -> None:
        """A line about an answer that nobody but we had a part in."""
        if not self._is_told("answers over HTTPS"):
            return
        words = "" if answer.status == 200 else f": {answer.body.decode().strip()}"
        level = logging.INFO if answer.status == 200 else logging.WARNING
        because = f" ({self._unfit})" if self._unfit and answer.status == 401 else ""
        said = (str(self), answer.status, asked, words, because)  # a kept line must not keep us
        log.log(level, "%s was answered %d to %.100r%s%s", *said, extra=self._who())

    def _is_told(self, kind: str) -> bool:
        return self._house.quiet.lets(kind, self.peer, self._house.clock())

    def _who(self) -> dict[str, str]:
        return who(self.peer, self.identity, "", None)

"""What a home and its configuration make of EST: what is published, who may show a certificate, which labels there are.

Its TLS is always OpenSSL's: a certificate is asked for and may be missing, and one that has expired is looked at all
the same, to be renewed. No other middleware here can do that.

Built anew, like the TLS contexts, whenever a CA or the configuration changes; an exchange that has begun ends with what
it began with.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sealmq.config import Configuration
from sealmq.devices.applicants import Applicants, anchors_of
from sealmq.devices.outcomes import EnrollmentPolicy
from sealmq.errors import MiddlewareError
from sealmq.home import Home
from sealmq.house import House
from sealmq.pki.pkcs7 import certs_only
from sealmq.tcp.transport import Wire
from sealmq.tls.context import enrollment_context
from sealmq.tls.policy import TLSPolicy
from sealmq.tls.unresumed import UnresumedContext
from sealmq.web.est import EST
from sealmq.web.exchange import Exchange, Registrar


@dataclass(frozen=True, slots=True)
class EnrollmentService:
    """EST as it is now, who may show a certificate there, and the TLS in which they do."""

    est: EST
    applicants: Applicants
    tls: UnresumedContext

    def exchange(self, wire: Wire, house: House, registrar: Registrar) -> Exchange:
        """Somebody comes in."""
        return Exchange(wire, self.tls.connection(), house, self.est, self.applicants, registrar)


def load_service(home: Home, configuration: Configuration) -> EnrollmentService:
    """Read what there is. Raises HomeError or TrustError when the home's files cannot be relied upon, MiddlewareError
    for a profile that OpenSSL does not have here."""
    settings, authorities = configuration.enrollment, home.authorities
    anchors = authorities.device_anchors_pem + authorities.claim_anchors_pem
    profile = configuration.https.profile or configuration.tls.profile
    policy = TLSPolicy(profile=profile, max_record=configuration.tls.max_record)
    build = partial(enrollment_context, policy, chain=home.broker_chain, key=home.broker_key, client_anchors=anchors)
    try:
        tls = UnresumedContext(build)
    except MiddlewareError as error:
        raise MiddlewareError(
            f'enrolment over HTTPS cannot have the profile "{profile}" here',
            why=f"it is spoken by OpenSSL; {error.why}",
            remedy='below [https]: profile = "modern", for enrolment alone',
        ) from error
    return EnrollmentService(
        EST(
            published=certs_only(authorities.published()),
            labels={label.name: label for label in settings.label},
            server_keys=settings.server_keys,
        ),
        Applicants(home.registry, anchors_of(anchors)),
        tls,
    )


def policy_of(configuration: Configuration) -> EnrollmentPolicy:
    """What the registration authority goes by."""
    settings = configuration.enrollment
    return EnrollmentPolicy(settings.approval, settings.days, settings.late_renewal)

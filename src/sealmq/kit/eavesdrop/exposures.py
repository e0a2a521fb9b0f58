"""What an eavesdropper learned of MQTT without encryption, and what became of attacks: the rows beside those of TLS."""

from __future__ import annotations

from sealmq.kit.dissect.conversation import Sender
from sealmq.kit.eavesdrop.sight import Sight
from sealmq.kit.handshake.exposures import CHANGE_NOTICED, REPLAY_NOTICED, exposure, in_words
from sealmq.kit.handshake.report import Exposure


def exposures_of_plaintext(sight: Sight) -> tuple[Exposure, ...]:
    """What somebody in between saw of an MQTT connection that nobody sealed, SNF-01 to SNF-12."""
    topics = ", ".join(sight.topics[:3]) + (" ..." if len(sight.topics) > 3 else "")
    filters = ", ".join(sight.filters[:3]) + (" ..." if len(sight.filters) > 3 else "")
    read = [in_words(sight.packets, "packet")]
    read += [f"published to {topics}"] if topics else []
    read += [f"subscribed to {filters}"] if filters else []
    read += [f"read: {sight.example}"] if sight.example else []
    who = [("client id", sight.client_id), ("user name", sight.user_name), ("password", sight.password)]
    names = ", ".join(f"{name} {value}" for name, value in [*who, ("will", sight.will)] if value)
    alive = "" if sight.keep_alive is None else f"; keep alive {sight.keep_alive} s"
    count = sum(sight.publishes.values())
    flipped, replayed = attempt_exposures(sight, open_=True)
    return (
        exposure("SNF-01", True, "; ".join(read)),
        exposure("SNF-02", bool(names), names or "no CONNECT was seen"),
        exposure("SNF-03", False, "not in MQTT; the address is seen"),
        exposure("SNF-04", False, "there is none: nobody proves that this is the broker"),
        exposure("SNF-05", False, "there is none"),
        exposure("SNF-06", False, "nothing was agreed on"),
        exposure("SNF-07", bool(names), "the client id, always the same" if names else "the address"),
        exposure("SNF-08", True, f"exact: {in_words(count, 'message')}{alive}"),
        flipped,
        replayed,
        exposure("SNF-11", True, f"address, and times: here for {sight.over or 0.0:.1f} s"),
        exposure("SNF-12", True, f"device: {sight.meters[Sender.CLIENT]}; broker: {sight.meters[Sender.SERVER]}"),
    )


def attempt_exposures(sight: Sight, *, open_: bool) -> tuple[Exposure, Exposure]:
    """SNF-09 and SNF-10: what became of the attack, or what would. open_: nothing protects the bytes."""
    unseen = "nothing in MQTT would notice it"
    usual = {
        "flip": f"{unseen if open_ else CHANGE_NOTICED}; --tamper shows it",
        "replay": f"{unseen if open_ else REPLAY_NOTICED}; --replay shows it",
    }
    rows = []
    for id_, how in (("SNF-09", "flip"), ("SNF-10", "replay")):
        attempt = sight.attempt if sight.attempt is not None and sight.attempt.how == how else None
        if attempt is None:
            rows.append(exposure(id_, open_, usual[how]))
        else:
            possible = attempt.verdict == "taken" or (open_ and attempt.verdict == "unknown")
            rows.append(exposure(id_, possible, f"{attempt.what}: {attempt.outcome}"))
    return rows[0], rows[1]

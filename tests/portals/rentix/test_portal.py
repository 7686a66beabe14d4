"""Rentix: what the portal declares."""

from __future__ import annotations

from conversations import play

from reconciler.core.model import Request, Session
from reconciler.portals.registry import PORTALS

from .build import rentix


def test_configuration_sets_the_policy():
    """Each key of the section determines a part of the policy."""
    assert PORTALS["rentix"] is type(rentix())
    usual = rentix().policy
    assert (usual.order, usual.create) == (("id", "externalId", "phone"), False)
    assert (usual.removal, usual.hold, usual.by_handle) == (None, False, False)
    other = rentix(create="upsert", on_removed="unlink", bulk_by="externalId", match=["id"])
    other.hold = True
    other = other.policy
    assert (other.order, other.create, other.removal) == (("id",), True, "unlink")
    assert (other.hold, other.by_handle) == (True, True)


def test_key_is_in_the_documented_header():
    """`Authorization: ApiKey KEY` and nothing else."""
    session, sent = play(rentix().login({"RENTIX_API_KEY": "k"}))
    assert (session, sent) == (Session({"Authorization": "ApiKey k"}), [])
    assert rentix().secrets == ("RENTIX_API_KEY",)


def test_url_has_no_trailing_slash():
    """Even if the configured one has."""
    assert rentix(url="https://crm.rentix.md/api/v1/").url == "https://crm.rentix.md/api/v1"


def test_rate_limits_are_the_documented_ones():
    """300 requests a minute, of which 30 to the bulk endpoint."""
    everything, bulk = rentix().rate_limits
    assert (everything.per_minute, bulk.per_minute) == (300, 30)
    assert everything.counts(Request("GET", "/users"))
    assert [
        bulk.counts(Request(*each))
        for each in (("POST", "/users/bulk"), ("PUT", "/users"), ("POST", "/users/1/link"))
    ] == [True, False, False]
